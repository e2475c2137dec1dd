import { parentPort } from 'node:worker_threads';
import { embedAll } from './vectors.js';

/** A bare Worker: texts come as a message, their vectors go back as one block without a copy. */
parentPort?.on('message', (texts: string[]) => {
  const matrix = embedAll(texts);
  parentPort?.postMessage(matrix, [matrix.buffer]);
});
