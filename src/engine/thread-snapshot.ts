import type { LaneSight } from './lane-watch.js';
import type { Chunk } from './lanes.js';
import type { Phase } from './protocol.js';
import type { ResolvedTaskType } from './task-type.js';

/**
 * `stopped`: there is none, or one that ends for good; `starting`: it comes up, or the one before it is not gone yet;
 * `idle`; `busy`: it has work, which may still wait for it to start; `broken`: it failed to start again and again, and is
 * tried again.
 */
export type ThreadState = 'stopped' | 'starting' | 'idle' | 'busy' | 'broken';

/**
 * The steps in which a task works on a thread. Work in one piece has only `run`; of the first task of a type it is not known
 * whether it is that until its module is loaded, and it is said to be at its `plan` so long.
 */
export type TaskPhase = Exclude<Phase, 'load'>;

/** One thread of a manager, and what it is at. Frozen. */
export interface ThreadSnapshot {
  /** Its number, from 0 on. A thread that takes the place of another has the number of that one. */
  readonly id: number;
  readonly state: ThreadState;
  /** Null where it has none, where it loads a module for `ready()`, or where the work is another owner's. */
  readonly work: ThreadWork | null;
  /**
   * Its work was told to stop longer ago than the `cancelGraceMs` of its type, or has shown no sign of life for longer than
   * its `heartbeatTimeoutMs`. False where `work` is null.
   */
  readonly overdue: boolean;
  /**
   * Bytes of its heap in use, as it measured after a chunk: once a second at most, unless there is a `recycle.heapMb`. Null
   * before its first.
   */
  readonly heapUsedBytes: number | null;
}

/** The chunk that a thread works on. */
export interface ThreadWork {
  /** The task; of several in one chunk the one that is being run. Where that is another owner's, the next of the owner's. */
  readonly taskId: string;
  /** The name of the task type. */
  readonly type: string;
  readonly phase: TaskPhase;
  /** Items `from` to `to` of the task, `to` left out; null where the chunk has none. */
  readonly from: number | null;
  readonly to: number | null;
  /** How many small tasks share the chunk and are not over, this one and those that wait behind it; 1 where it is of one task. */
  readonly packed: number;
  /** Epoch milliseconds at which it was sent. */
  readonly since: number;
  /** Epoch milliseconds at which its last sign of life was seen: looked for ten times a second, and when this is made. */
  readonly lastHeartbeatAt: number;
}

/** What a lane shows of itself. */
export interface LaneView {
  readonly id: number;
  readonly state: ThreadState;
  readonly heapUsedBytes: number | null;
  readonly flight: FlightView | null;
}

export interface FlightView extends LaneSight {
  readonly chunk: Chunk;
  /** Those of its tasks that are not over. */
  readonly taskIds: readonly string[];
  /** The task that the thread is at, or will be at first. */
  readonly present: string;
}

/** A lane for who may see the tasks that `isOwn` says; null for who may see all. */
export function threadSnapshot(
  { id, state, heapUsedBytes, flight }: LaneView,
  types: readonly ResolvedTaskType[],
  isOwn: ((taskId: string) => boolean) | null,
): ThreadSnapshot {
  const own = flight === null ? [] : isOwn === null ? flight.taskIds : flight.taskIds.filter(isOwn);
  const type = flight === null ? undefined : types[flight.chunk.type];
  const { phase, from, to } = flight?.chunk ?? NO_CHUNK;
  if (flight === null || type === undefined || phase === 'load' || own[0] === undefined) {
    return Object.freeze({ id, state, work: null, overdue: false, heapUsedBytes });
  }
  const isPresentOwn = own.includes(flight.present);
  const hasItems = to > from;
  const work: ThreadWork = Object.freeze({
    taskId: isPresentOwn ? flight.present : own[0],
    type: type.name,
    phase,
    from: hasItems ? from : null,
    to: hasItems ? to : null,
    packed: own.length,
    since: flight.since,
    lastHeartbeatAt: flight.lastHeartbeatAt,
  });
  return Object.freeze({ id, state, work, overdue: isPresentOwn && isOverdue(flight, type), heapUsedBytes });
}

const NO_CHUNK = { phase: 'load', from: 0, to: 0 } as const;

function isOverdue({ stoppingMs, silentMs }: LaneSight, { policy }: ResolvedTaskType): boolean {
  return (stoppingMs !== null && stoppingMs > policy.cancelGraceMs) || silentMs > policy.heartbeatTimeoutMs;
}
