import { defineTask } from 'treadle/task';

/** What the module does when it is loaded, by the environment of its thread. */
export const ON_LOAD = 'TREADLE_TEST_ON_LOAD';

switch (process.env[ON_LOAD]) {
  case 'hangs':
    for (;;);
  case 'waits':
    await new Promise(() => {});
    break;
  case 'exits':
    process.exit(4);
}

export default defineTask((input: number): number => input * 2);
