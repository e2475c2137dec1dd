import { defineTask } from 'treadle/task';

/** When it runs, in nanoseconds on the clock that all threads of a process share. */
export default defineTask(() => process.hrtime.bigint());
