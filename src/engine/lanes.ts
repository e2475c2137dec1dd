import type { Counters } from './control-block.js';
import type { InputMessage, MemberOutcome, ModuleShape, Notes, Phase, ThrownMessage } from './protocol.js';

/** A piece of a task's work: what one message to a lane carries. */
export interface Chunk {
  readonly taskId: string;
  /** The number of the task type. */
  readonly type: number;
  readonly phase: Phase;
  /** 1 when it is sent for the first time, and one more each time that a lane began it and it has to run again. */
  readonly attempt: number;
  /** How many failures are held against it: not those of a larger chunk that it is a part of. */
  readonly failures: number;
  /** How often it was lost before a lane had begun it. */
  readonly resends: number;
  readonly input: InputMessage;
  /** Items `from` to `to` of the task; both 0 where there are none. */
  readonly from: number;
  readonly to: number;
  /** The items; absent where they are numbers, shifted by `offset`. */
  readonly items?: readonly unknown[] | undefined;
  readonly offset?: number | undefined;
  /** What the chunks returned, for `finish`. */
  readonly parts?: readonly unknown[] | undefined;
  /** The host does not know the module's shape yet. */
  readonly describe: boolean;
  /** Milliseconds after which a chunk of `each` ends, done or not. */
  readonly boxMs: number;
  /** It runs only on a thread on which no other task has run, and none runs there after it. */
  readonly fresh: boolean;
  /** False where the thread must not be ended in it: the process does not exit before it is left, either. */
  readonly killable: boolean;
}

/** How a flight ended. It is known only when the lane has left the work, or is gone. */
export type Outcome = (
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
      /** False when the lane died before it began the work. */
      readonly claimed: boolean;
      /** What the work had counted. */
      readonly done: number;
    }
  /** The chunk could not be sent at all. */
  | { readonly kind: 'unsendable'; readonly error: ThrownMessage }
) & {
  /** Milliseconds of work on the lane. */
  readonly ms: number;
  readonly shape: ModuleShape | null;
};

/** A chunk on a lane. */
export interface Flight {
  /** Resolves when the lane has left the work or is gone; never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Asks the work to stop. */
  cancel(): void;
  /** Ends the lane by force. The outcome tells when it is really over. */
  kill(): void;
  /** What the work has counted so far. */
  sample(): Counters;
}

/** Where chunks run, one at a time on each lane. Execution knows no more of threads than this. */
export interface Lanes {
  /** How many lanes can take a chunk now. */
  free(): number;
  /** Starts lanes that are not up yet, for so many chunks that wait. */
  grow(chunks: number): void;
  /** Sends a chunk to a free lane, best to one that is warm for its type. */
  send(chunk: Chunk, onNotes: (notes: Notes) => void): Flight;
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
