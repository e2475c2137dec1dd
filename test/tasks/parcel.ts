import { permanent } from 'treadle/task';
import { Gate } from './gate.js';

/** An item that is done, or that fails in some way. */
export type Parcel =
  | number
  | { throw: string }
  | { permanent: string }
  | { exit: number }
  | { unclonable: true }
  /** Fails the first `times` times, counted as arrivals at a gate. */
  | { fails: SharedArrayBuffer; times: number; how: 'throw' | 'exit' }
  /** Says that it is here, and waits until it may go on; then it works for a while, and may fail. */
  | { gate: SharedArrayBuffer; workMs?: number; thenThrow?: string };

/** Doubles numbers; other items give 0, where they give anything. */
export function handle(parcel: Parcel): unknown {
  if (typeof parcel === 'number') return parcel * 2;
  if ('throw' in parcel) throw new RangeError(parcel.throw);
  if ('permanent' in parcel) throw permanent(new RangeError(parcel.permanent));
  if ('exit' in parcel) return process.exit(parcel.exit);
  if ('unclonable' in parcel) return () => 0;
  if ('gate' in parcel) {
    new Gate(parcel.gate).pass();
    const until = performance.now() + (parcel.workMs ?? 0);
    while (performance.now() < until);
    if (parcel.thenThrow !== undefined) throw new Error(parcel.thenThrow);
    return 0;
  }
  const tries = new Gate(parcel.fails);
  tries.arrive();
  if (tries.arrivals > parcel.times) return 0;
  if (parcel.how === 'exit') return process.exit(9);
  throw new Error(`failed ${tries.arrivals} times`);
}
