/**
 * A process that runs one task on the store in `path` and kills itself at a given moment:
 * `node killed-task.js path ttl_sweep 2` with two threads, then a {@link KillOrder} as one line on the standard input.
 *
 * Its threads boot at once; with `cold` as the last argument, when the task is submitted. It says `at <place> <ms since the
 * order>` whenever the task gets to another place, and `settled <json>` when the task has settled: before its moment came,
 * or because it was to be left alone.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type TaskRecord, TaskManager } from 'treadle';
import { memoryTasks } from 'treadle/tasks';

/** Where a task is, as its record shows it at every moment. */
export type Place = 'booting' | 'planning' | 'working' | 'finishing';

/** What is to be run, and when to be killed. */
export interface KillOrder {
  readonly type: 'embed_batch' | 'rebuild_fts_index' | 'migrate_embeddings' | 'ttl_sweep';
  readonly input: unknown;
  readonly taskId: string;
  /** Null: never. */
  readonly kill: { readonly at: Place; readonly afterMs: number } | null;
}

/** The embedders that tasks are given, by dimensions: `default` and another. */
const DIMENSIONS = { default: 64, wide: 96 } as const;

// The record's `stage` is told ten times a second, too seldom for a task of a tenth of a second; its counts are read from
// shared memory.
const LOOK_EVERY_MS = 1;

const tell = (line: string): void => void writeSync(1, `${line}\n`);
const [path = '', type, threads, boot] = process.argv.slice(2);
let taskId = '';
const all = memoryTasks({
  path,
  embedder: { options: { dimensions: DIMENSIONS.default } },
  embedders: { wide: { options: { dimensions: DIMENSIONS.wide } } },
});
// The type that is asked for and no other: threads boot the quicker.
const types = { [type as 'ttl_sweep']: all[type as 'ttl_sweep'] };
const tasks = new TaskManager({ types, threads: { max: Number(threads) }, id: () => taskId });
if (boot !== 'cold') await tasks.ready();
const lines = createInterface(process.stdin);
for await (const line of lines) {
  lines.close();
  await run(JSON.parse(line) as KillOrder);
}

async function run(order: KillOrder): Promise<void> {
  const { type: name, input, kill } = order;
  ({ taskId } = order);
  const begunAt = performance.now();
  const task = await tasks.submit(name as 'ttl_sweep', { input: input as never });
  // The last steps of some tasks take a millisecond.
  const closely = kill === null || kill.at === 'finishing';
  let present: Place | null = null;
  let dieAtMs = Infinity;
  let settled = false;
  const look = (): void => {
    if (settled) return;
    const nowMs = performance.now() - begunAt;
    const place = placeOf(task.record);
    if (place !== present) {
      present = place;
      tell(`at ${place} ${nowMs}`);
      if (kill?.at === place) dieAtMs = nowMs + kill.afterMs;
    }
    if (nowMs >= dieAtMs) process.kill(process.pid, 'SIGKILL');
    if (closely) setImmediate(look);
    else setTimeout(look, LOOK_EVERY_MS);
  };
  look();
  const { status, result, error } = await task.settled();
  settled = true;
  tell(`settled ${JSON.stringify({ status, result, error, ms: performance.now() - begunAt })}`);
  process.exit(0);
}

function placeOf({ status, progress: { itemsDone, itemsTotal } }: TaskRecord): Place {
  if (status === 'pending') return 'booting';
  if (itemsTotal === null) return 'planning';
  return itemsDone < itemsTotal ? 'working' : 'finishing';
}
