import type { Counters } from './control-block.js';
import type { MemberOutcome, ModuleShape, Notes, Phase, ThrownMessage } from './protocol.js';
import type { Movable } from './transfer.js';

/** A piece of work: what one message to a lane carries. It is one task's, or a pack: the whole of several small ones. */
export interface Chunk {
  /** Whose work it is. More than one only in a pack. */
  readonly taskIds: readonly string[];
  /** The input of each. */
  readonly inputs: readonly unknown[];
  /** The input of a lone task, where it is large: serialised once. */
  readonly shared?: SharedArrayBuffer | undefined;
  /** The number of the task type. */
  readonly type: number;
  readonly phase: Phase;
  /** 1 when it is sent for the first time, and one more each time that a lane began it and it has to run again. */
  readonly attempt: number;
  /** How many failures are held against it: not those of a larger chunk that it is a part of. */
  readonly failures: number;
  /** How often it was lost before a lane had begun it. */
  readonly resends: number;
  /** Items `from` to `to` of the task; both 0 where there are none. */
  readonly from: number;
  readonly to: number;
  /** The items; absent where they are numbers, shifted by `offset`. */
  readonly items?: readonly unknown[] | undefined;
  readonly offset?: number | undefined;
  /** What the chunks returned, for `finish`. */
  readonly parts?: readonly unknown[] | undefined;
  /** What of its items or inputs moves to the lane, because it was given to `transfer`. Then it can be sent only once. */
  readonly moves?: readonly Movable[] | undefined;
  /** The host does not know the module's shape yet. */
  readonly describe: boolean;
  /** Milliseconds after which a chunk of `each` ends, done or not. */
  readonly boxMs: number;
  /** It runs only on a thread on which no other task has run, and none runs there after it. */
  readonly fresh: boolean;
  /** False where the thread must not be ended in it: the process does not exit before it is left, either. */
  readonly killable: boolean;
}

/** What became of a member of a flight: of the one task of a chunk, or of one of a pack. */
export type FlightOutcome =
  | MemberOutcome
  /** The lane died under the work. */
  | {
      readonly kind: 'lost';
      /** Null where there is none: the thread was ended from outside or never came up. */
      readonly exitCode: number | null;
      readonly error: ThrownMessage | null;
      readonly reason: 'exited' | 'out-of-memory' | 'killed';
      /** It died while it loaded the task module: none of the task's code has run. */
      readonly loading: boolean;
      /** False when the lane died before it began this member, or while it was at another. */
      readonly claimed: boolean;
      /** What the work had counted. */
      readonly done: number;
    }
  /** The chunk could not be sent at all. */
  | { readonly kind: 'unsendable'; readonly error: ThrownMessage };

/** How a flight ended that had one member. */
export type Outcome = FlightOutcome & {
  /** Milliseconds of work on the lane. */
  readonly ms: number;
  readonly shape: ModuleShape | null;
};

/** Who is told of a flight. Each member is told of once; the last of all calls is `onLeft`. Never within `send`. */
export interface FlightEvents {
  onNotes(notes: Notes, member: number): void;
  /** `ageMs` is how long ago the lane began it, where that is known. */
  onOutcome(outcome: FlightOutcome, member: number, ageMs: number): void;
  /** The lane has left the work, or is gone. */
  onLeft(ms: number, shape: ModuleShape | null): void;
}

/** A chunk on a lane. Where no member is named, the first one is meant. */
export interface Flight {
  /** Asks a member to stop; one that has not begun is taken back, and told of as stopped when the lane has left. */
  cancel(member?: number): void;
  /** Takes a member back that has not begun; false where it has. */
  takeBack(member: number): boolean;
  /** Ends the lane by force. `onLeft` tells when it is really over. */
  kill(): void;
  /** Whether the lane has begun a member. */
  hasBegun(member: number): boolean;
  /** What the member that is being worked on has counted so far. */
  sample(): Counters;
}

/** Where chunks run, one at a time on each lane. Execution knows no more of threads than this. */
export interface Lanes {
  /** How many lanes can take a chunk now. */
  free(): number;
  /** Starts lanes that are not up yet, for as many chunks as wait: that is asked only where there are such lanes. */
  grow(waiting: () => number): void;
  /** Sends a chunk to a free lane, best to one that is warm for its type. */
  send(chunk: Chunk, events: FlightEvents): Flight;
  /** A task has settled: lanes drop what they keep of it, and threads that were its own. */
  forget(taskId: string): void;
  /** Starts every lane and loads every task type on it. One outcome for each type on each lane. */
  warmUp(): Promise<readonly { readonly type: number; readonly outcome: Outcome }[]>;
  /** Changes the number of lanes; one that works ends when it has left its work. */
  resize(max: number): void;
  /** No chunk will be taken any more. */
  readonly closed: boolean;
  /**
   * Finds flights whose lane is gone without anyone having been told; they are lost now. Returns how many. Looks at lanes
   * with work only.
   */
  check(): number;
  /** Lanes whose thread lives. */
  live(): number;
  /** Lanes with a flight. */
  busy(): number;
  /** Ends all lanes. Flights must be over, or are lost. */
  close(): Promise<void>;
}
