import type { BatchDefinition } from '../../engine/define-task.js';
import type { TaskType } from '../../index.js';
import { memoryTasks } from '../../tasks/index.js';
import { runInline } from './inline-run.js';
import type { Latencies } from './latencies.js';
import type { Progress } from './progress-bar.js';
import { USER_ID } from './search-server.js';
import { type Stage, freshStore } from './stage.js';

/** How long a job took, and how the probe fared meanwhile. */
export interface PhaseResult {
  readonly latencies: Latencies;
  readonly embedMs: number;
  /** Passages that were embedded in that time. */
  readonly embedded: number;
  readonly rebuildMs: number;
  /** Passages that the store holds at the end. */
  readonly stored: number;
}

/** Embeds and indexes the corpus on the event loop of the process that serves. */
export async function inlinePhase(stage: Stage): Promise<PhaseResult> {
  const { screen, contents, probe, interrupt } = stage;
  const { store, path } = await freshStore(stage, 'inline');
  const types = memoryTasks({ path });
  const [embed, rebuild] = await Promise.all([load(types.embed_batch), load(types.rebuild_fts_index)]);

  await probe.measure();
  const times = await interrupt.whileBlocked(async () => {
    const startMs = performance.now();
    const embedding = screen.progress({ label: 'embedding', unit: 'passages', total: contents.length, startMs });
    await runInline({ ...embed, input: { userId: USER_ID, contents } }, (done) => embedding.update(done));
    embedding.stop();
    const middleMs = performance.now();
    let indexing = null as Progress | null;
    await runInline({ ...rebuild, input: {} }, (done, total) => {
      indexing ??= screen.progress({ label: 'indexing', unit: 'ranges', total, startMs: middleMs });
      indexing.update(done);
    });
    indexing?.stop();
    return { embedMs: middleMs - startMs, rebuildMs: performance.now() - middleMs };
  });
  const latencies = await probe.report();
  return { ...times, embedded: contents.length, latencies, stored: store.count(USER_ID) };
}

/** The definition and the `data` of a type, on this thread for once. */
async function load(type: TaskType): Promise<{ definition: BatchDefinition<never, never, never>; data: unknown }> {
  const { default: definition } = (await import(String(type.module.location))) as {
    default: BatchDefinition<never, never, never>;
  };
  return { definition, data: type.policy.data };
}
