import { type TaskManagerOptions, type TaskPolicy, type TaskRecord, TaskManager, taskModule, taskType } from 'treadle';
import type fault from '../tasks/fault.task.js';
import type packed from '../tasks/packed.task.js';
import { type Packed, Tally } from '../tasks/packed.task.js';
import { ManualClock } from './manual-clock.js';
import { closedOnClock } from './policy-manager.js';
import { builtTask, closedAtEnd } from './test-manager.js';

/** So many of those that wait share a chunk, up to 256. */
export const LARGE_PACKS = { min: 256, max: 256 } as const;

/** Tasks that share chunks, and `fault`, which does not. */
export function packTypes(policy: TaskPolicy = {}) {
  return {
    packed: taskType(taskModule<typeof packed>(builtTask('packed')), { pack: true, chunk: LARGE_PACKS, ...policy }),
    fault: taskType(taskModule<typeof fault>(builtTask('fault'))),
  };
}

export type PackTypes = ReturnType<typeof packTypes>;
export type PackManager = TaskManager<PackTypes>;

/**
 * A manager with one thread that is up and one slot, where not told otherwise, on a clock that only the test moves: no
 * task takes long by it. Closed when the test ends, and no timer may be left.
 */
export async function packManager(
  policy: TaskPolicy = {},
  options: Partial<Omit<TaskManagerOptions<PackTypes>, 'types' | 'clock'>> = {},
): Promise<{ tasks: PackManager; clock: ManualClock }> {
  const clock = new ManualClock();
  const types = packTypes(policy);
  const tasks: PackManager = closedOnClock(new TaskManager({ types, ...ONE_THREAD, clock, ...options }), clock);
  await tasks.ready();
  return { tasks, clock };
}

/** The same by the time of the machine. */
export async function timedPackManager(
  policy: TaskPolicy = {},
  options: Partial<Omit<TaskManagerOptions<PackTypes>, 'types'>> = {},
): Promise<PackManager> {
  const tasks: PackManager = closedAtEnd(new TaskManager({ types: packTypes(policy), ...ONE_THREAD, ...options }));
  await tasks.ready();
  return tasks;
}

const ONE_THREAD = { threads: { max: 1 }, maxConcurrentTasks: 1, cancelGraceMs: 50 };

/** Submits so many tasks, all of which wait before the first one is begun. */
export async function submitTogether(
  tasks: PackManager,
  count: number,
  inputOf: (at: number) => Partial<Packed> = () => ({}),
  optionsOf: (at: number) => {
    readonly priority?: number;
    readonly timeoutMs?: number;
    readonly expiresInMs?: number;
  } = () => ({}),
) {
  const tally = new Tally(count);
  tasks.pause();
  const handles = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      tasks.submit('packed', { input: { at, tally: tally.buffer, ...inputOf(at) }, ...optionsOf(at) }),
    ),
  );
  tasks.resume();
  return { tally, handles };
}

/** Where each settled, once all have. */
export function settledRecords(handles: readonly { settled(): Promise<TaskRecord> }[]): Promise<readonly TaskRecord[]> {
  return Promise.all(handles.map((handle) => handle.settled()));
}

export function statusesOf(records: readonly TaskRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of records) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
