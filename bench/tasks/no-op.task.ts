import { defineTask } from 'treadle/task';

/** Returns its input. */
export default defineTask((input: number) => input);
