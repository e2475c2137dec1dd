import { TaskManager, type TaskHandle } from '../../index.js';
import { type DemoManager, demoTypes } from './demo-types.js';
import { ThreadFault } from './thread-fault.js';
import type { PhaseResult } from './inline-phase.js';
import { quantile } from './latencies.js';
import { cancelLongTasks } from './long-task.js';
import { count, milliseconds } from './figures.js';
import type { Progress } from './progress-bar.js';
import { USER_ID } from './search-server.js';
import { SmallTasks } from './small-tasks.js';
import { type Stage, freshStore } from './stage.js';

/** What the phase with threads shows besides. */
export interface ThreadedResult extends PhaseResult {
  /** True when a thread was killed amid the embedding. */
  readonly threadDied: boolean;
  /** From `submit()` to the first line of each small task: sorted, in milliseconds. */
  readonly startDelaysMs: readonly number[];
  /** From `cancel()` until no thread worked on each long task any more: sorted, in milliseconds. */
  readonly cancelsMs: readonly number[];
}

/** Embeds and indexes the corpus through Treadle, into a fresh database, while other things happen beside it. */
export async function threadedPhase(stage: Stage): Promise<ThreadedResult> {
  const { screen, contents, probe, cleanUp } = stage;
  const { store, path } = await freshStore(stage, 'treadle');
  const fault = new ThreadFault(stage.directory, contents.length);
  const tasks: DemoManager = new TaskManager({ types: demoTypes(path, fault.fault) });
  cleanUp.add(() => tasks.close({ timeoutMs: 500 }));
  await tasks.ready();

  await probe.measure();
  const small = new SmallTasks(tasks, contents);
  cleanUp.add(() => small.stop());
  const startMs = performance.now();
  const embed = await tasks.submit('embed_batch', { input: { userId: USER_ID, contents } });
  await follow(stage, embed, 'embedding', 'passages', () => fault.announce(screen));
  const { stored, skipped } = await embed.result();
  fault.announce(screen);
  screen.line(
    `  the job completed: ${count(stored)} stored, ${count(skipped)} skipped, the store holds ${count(store.count(USER_ID))}`,
  );
  const middleMs = performance.now();

  const rebuild = await tasks.submit('rebuild_fts_index', { input: {} });
  // The rebuild works on one thread, so the long tasks keep no passage waiting.
  const [, rebuildMs, cancelsMs] = await Promise.all([
    follow(stage, rebuild, 'indexing', 'ranges'),
    rebuild.result().then(() => performance.now() - middleMs),
    cancelLongTasks(tasks),
  ]);
  const left = milliseconds(quantile(cancelsMs, 0.5));
  screen.line(
    `  ${cancelsMs.length} endless tasks were cancelled meanwhile: half of them left their core within ${left}`,
  );

  const startDelaysMs = await small.stop();
  const median = milliseconds(quantile(startDelaysMs, 0.5));
  screen.line(`  ${startDelaysMs.length} small tasks were submitted meanwhile: half of them began within ${median}`);
  const latencies = await probe.report();
  await tasks.close({ timeoutMs: 2_000 });
  return {
    latencies,
    embedMs: middleMs - startMs,
    embedded: contents.length,
    rebuildMs,
    stored: store.count(USER_ID),
    threadDied: fault.happened,
    startDelaysMs,
    cancelsMs,
  };
}

/** Shows how far a task is until it has settled. */
async function follow(stage: Stage, task: TaskHandle, label: string, unit: string, look?: () => void): Promise<void> {
  const startMs = performance.now();
  let shown: Progress | null = null;
  for await (const { progress } of task.watch()) {
    look?.();
    if (progress.itemsTotal === null) continue;
    shown ??= stage.screen.progress({ label, unit, total: progress.itemsTotal, startMs });
    shown.update(progress.itemsDone);
  }
  shown?.stop();
}
