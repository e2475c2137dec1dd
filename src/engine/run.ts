import type { TreadleError } from './errors.js';
import type { OwnerShare } from './owner-shares.js';
import type { Slot } from './slots.js';
import type { Task } from './task.js';

/** What has a slot: one task in progress, or a pack of small ones. */
export interface Run {
  /** Called once, when its tasks have settled, or have gone elsewhere, and no lane works on it. */
  onOver: () => void;
  /**
   * Thread-milliseconds used, by weight: each step of priority halves what a millisecond costs. What flies now counts
   * as one target. Of an owner's runs, the one that has used least is next.
   */
  usedMs: number;
  /** What its owner has and has used; null before it has a slot. */
  share: OwnerShare | null;
  /** Null before it has one, and while another owner has it. */
  slot: Slot | null;
  /** Who its tasks belong to; null where that is nobody. Of a pack: the first task's, whose slot it is. */
  readonly owner: string | null;
  /** The name of the task type. */
  readonly type: string;
  /** True when what is left is short and ends a task: it goes before all other chunks. */
  readonly urgent: boolean;
  readonly stopping: boolean;
  /** It will take waiting tasks of its type along when it is sent: no other run of the type begins before, so they keep their order. */
  readonly gathers: boolean;
  /** How many lanes it uses now. */
  readonly inFlight: number;
  /** How many more lanes it could use now. */
  readonly wants: number;
  /** Its tasks that have not settled. */
  tasks(): Iterable<Task>;
  /** It has a slot now. */
  begin(): void;
  /** Sends the next chunk to a free lane; false when there is none right now. */
  launchNext(): boolean;
  /** Asks one of its tasks to stop. */
  cancel(task: Task): void;
  /** Fails one of its tasks because it has waited too long; one that has begun goes on. */
  expire(task: Task, error: TreadleError): void;
  /** Stops without grace. Types that must not be killed are only asked. */
  interrupt(): void;
  /** Takes in what the lanes have counted. */
  sample(): void;
  /** For how long one of its chunks has shown no sign of life, in milliseconds. */
  readonly silentMs: number;
  /** Stops it like a timeout where a chunk has been silent for longer than its type allows. */
  checkHeartbeat(): void;
  /** Looks what comes next. Where nothing has changed, nothing happens. */
  proceed(): void;
}
