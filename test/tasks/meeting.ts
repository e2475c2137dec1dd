import type { Gate } from './gate.js';

// The cell of a gate that counts arrivals.
const ARRIVED = 0;

/** Blocks the thread until so many are there, each on a thread of its own. */
export function meet(gate: Gate, all: number): void {
  gate.arrive();
  for (let here = gate.arrivals; here < all; here = gate.arrivals) Atomics.wait(gate.cells, ARRIVED, here);
}
