import { defineTask } from 'treadle/task';
import { type Strike, strike } from './strike.js';

/** Work in one piece that goes wrong as it is told, or well. */
export default defineTask(async (input: { strike: Strike | null }, ctx) => {
  const struck = input.strike === null ? null : await strike(input.strike, ctx);
  return struck === null ? 'done' : struck.value;
});
