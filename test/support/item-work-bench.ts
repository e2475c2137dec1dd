import { type ChunkOptions, resolveChunkOptions } from '../../dist/engine/chunk.js';
import { ChunkQueue } from '../../dist/engine/chunk-queue.js';
import { type Cut, itemSource, rangeSource } from '../../dist/engine/item-source.js';
import { ItemWork } from '../../dist/engine/item-work.js';
import type { Chunk } from '../../dist/engine/lanes.js';
import { Retries } from '../../dist/engine/retry-policy.js';
import { Task } from '../../dist/engine/task.js';
import { ManualClock } from './manual-clock.js';

export interface ItemWorkBench {
  readonly work: ItemWork;
  readonly task: Task;
  /** What is to be sent again. */
  readonly again: ChunkQueue;
  readonly clock: ManualClock;
}

interface ItemPolicy {
  readonly chunk?: ChunkOptions;
  readonly skips?: boolean;
  readonly retries?: number;
  readonly delayMs?: number;
}

/** The work of a task on items, and what it needs around it. */
export function workOn(
  items: readonly unknown[] | { readonly from: number; readonly to: number },
  policy: ItemPolicy,
): ItemWorkBench {
  const clock = new ManualClock();
  const identity = { id: 'task', type: 'type', resourceId: null, group: null, owner: null, meta: null };
  const task = new Task(identity, { input: undefined, items: null }, 0, clock, { onTransition: () => {} });
  const again = new ChunkQueue(clock, { onDue: () => {} });
  const budget = new Retries(
    { retries: policy.retries ?? 0, retryDelay: () => policy.delayMs ?? 0 },
    () => 0,
    () => {},
  );
  const resolved = { chunk: resolveChunkOptions(policy.chunk), skipsItems: policy.skips ?? false };
  const source = 'from' in items ? rangeSource(items) : itemSource(items, { onReady: () => {}, onError: () => {} });
  const work = new ItemWork(source, task, resolved as ConstructorParameters<typeof ItemWork>[2], again, budget);
  return { work, task, again, clock };
}

const LIKE_ALL = {
  taskIds: ['task'],
  inputs: [undefined],
  type: 0,
  phase: 'run',
  attempt: 1,
  failures: 0,
  resends: 0,
  describe: false,
  boxMs: 50,
  fresh: false,
  killable: true,
} as const;

/** A chunk that is sent for the first time. */
export function chunkOf(cut: Cut): Chunk {
  return { ...LIKE_ALL, ...cut };
}
