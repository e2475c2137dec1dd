import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { builtModule } from '../runner/built-module.js';

export function firstResult(argument: number): Promise<unknown> {
  const pool = new Piscina({ filename: fileURLToPath(builtModule('no-op.worker')), minThreads: 1, maxThreads: 1 });
  return pool.run(argument);
}
