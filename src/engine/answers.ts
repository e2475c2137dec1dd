import { whereUnclonable } from './cloneable.js';
import { threwMessage } from './member-outcome.js';
import { type FlightEnd, type FlightMessage, type MemberOutcome, type Notes, serializeThrown } from './protocol.js';
import { threadTimeMs } from './thread-time.js';

const FLUSH_EVERY_MS = 1;

/** Sends to the host; throws where a value can't be cloned. */
export type Post = (message: FlightMessage) => void;

/**
 * What a thread tells the host of one flight. Members that returned are told of together, once a millisecond, so that a
 * pack needs few messages and yet nobody waits for its end.
 */
export class Answers {
  readonly #epoch: number;
  readonly #post: Post;
  /** What is still to be told: of members that returned, from `#member` on, or one other outcome. */
  #member = 0;
  #values: unknown[] = [];
  #begunAt: number[] = [];
  #outcome: MemberOutcome | undefined;
  #toldAt = performance.now();

  constructor(epoch: number, post: Post) {
    this.#epoch = epoch;
    this.#post = post;
  }

  /** What became of a member that began at `begunAt`, by `performance.now()`. */
  add(member: number, outcome: MemberOutcome, begunAt: number): void {
    const short = outcome.kind === 'returned' && outcome.done === 0 && outcome.failed === undefined;
    const follows = short && this.#outcome === undefined && member === this.#member + this.#values.length;
    if (!follows) this.#tell();
    if (this.#values.length === 0) this.#member = member;
    if (short) {
      this.#values.push(outcome.value);
      this.#begunAt.push(begunAt);
    } else {
      this.#outcome = outcome;
    }
  }

  /** Tells what has waited for a millisecond. */
  flush(now: number): void {
    if (now - this.#toldAt >= FLUSH_EVERY_MS) this.#tell();
  }

  notes(member: number, notes: Notes): void {
    this.#post({ epoch: this.#epoch, member, notes });
  }

  /** The thread has left the flight. */
  leave(left: FlightEnd): void {
    if (!this.#send(left)) this.#post({ epoch: this.#epoch, left });
  }

  #tell(): void {
    if (this.#values.length > 0 || this.#outcome !== undefined) this.#send(undefined);
    this.#toldAt = performance.now();
  }

  /** False where `left` did not go along, because a value could not be cloned. */
  #send(left: FlightEnd | undefined): boolean {
    const [member, values, outcome] = [this.#member, this.#values, this.#outcome];
    const toThreadTime = threadTimeMs() - performance.now();
    const epoch = this.#epoch;
    const message: FlightMessage =
      outcome !== undefined
        ? { epoch, member, outcome, left }
        : { epoch, member, values, begunAtMs: this.#begunAt.map((at) => at + toThreadTime), left };
    this.#values = [];
    this.#begunAt = [];
    this.#outcome = undefined;
    try {
      this.#post(message);
      return true;
    } catch (error) {
      if (outcome !== undefined) this.#tellUnclonable(member, outcome, error);
      else this.#tellOneByOne(message);
      return false;
    }
  }

  #tellOneByOne({ epoch, member = 0, values = [], begunAtMs = [] }: FlightMessage): void {
    for (const [at, value] of values.entries()) {
      try {
        this.#post({ epoch, member: member + at, values: [value], begunAtMs: begunAtMs.slice(at, at + 1) });
      } catch (error) {
        this.#tellUnclonable(member + at, { kind: 'returned', value, done: 0 }, error);
      }
    }
  }

  #tellUnclonable(member: number, outcome: MemberOutcome, error: unknown): void {
    const value = outcome.kind === 'planned' ? outcome.items : 'value' in outcome ? outcome.value : undefined;
    const what = value === undefined ? '' : `What the task returned can't be cloned${whereUnclonable(value)}: `;
    const { name, message, code } = serializeThrown(error);
    const told = threwMessage('UNSERIALIZABLE', { name, message: what + message, code });
    this.#post({ epoch: this.#epoch, member, outcome: told });
  }
}
