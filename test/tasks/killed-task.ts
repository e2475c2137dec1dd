/**
 * A process that runs one task on the store in `path` and kills itself at a given moment:
 * `node killed-task.js path`, then a {@link KillOrder} as one line on the standard input.
 *
 * It says `ready` when it waits for the order, `at <place> <ms since the order>` whenever the task gets to another place,
 * and `settled <record>` when the task has settled before its moment came, or was to be left alone.
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
const [path = ''] = process.argv.slice(2);
const lines = createInterface(process.stdin);
tell('ready');
for await (const line of lines) {
  lines.close();
  await run(JSON.parse(line) as KillOrder);
}

async function run({ type, input, taskId, kill }: KillOrder): Promise<void> {
  const begunAt = performance.now();
  const tasks = new TaskManager({
    types: memoryTasks({
      path,
      embedder: { options: { dimensions: DIMENSIONS.default } },
      embedders: { wide: { options: { dimensions: DIMENSIONS.wide } } },
    }),
    threads: { max: 2 },
    id: () => taskId,
  });
  const task = await tasks.submit(type, { input: input as never });
  let present: Place | null = null;
  const look = (): void => {
    const place = placeOf(task.record);
    if (place === present) return;
    present = place;
    tell(`at ${place} ${performance.now() - begunAt}`);
    if (kill?.at !== place) return;
    const die = (): void => void process.kill(process.pid, 'SIGKILL');
    if (kill.afterMs < 1) die();
    else setTimeout(die, kill.afterMs);
  };
  look();
  const looking = setInterval(look, LOOK_EVERY_MS);
  const { status, result, error } = await task.settled();
  clearInterval(looking);
  tell(`settled ${JSON.stringify({ status, result, error, ms: performance.now() - begunAt })}`);
  // The moment has passed: a timer that is still to come finds nobody.
  process.exit(0);
}

function placeOf({ status, progress: { itemsDone, itemsTotal } }: TaskRecord): Place {
  if (status === 'pending') return 'booting';
  if (itemsTotal === null) return 'planning';
  return itemsDone < itemsTotal ? 'working' : 'finishing';
}
