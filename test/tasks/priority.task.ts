import { readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { defineTask } from 'treadle/task';

/** The id of its thread as Linux has it. Asks the pool of threads for something, as any task may. */
export default defineTask(async (): Promise<number> => {
  await access('.');
  return Number(readFileSync('/proc/thread-self/stat', 'utf8').split(' ', 1)[0]);
});
