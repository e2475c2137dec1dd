import { setTimeout as delay } from 'node:timers/promises';

// Longer than the grace of a run: some threads are ended in the midst of it.
await delay(60);

/** One-piece work that is long in coming. */
export { default } from './piece.task.js';
