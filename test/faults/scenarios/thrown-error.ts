import { expect } from 'vitest';
import type { Scenario } from '../../support/fault-matrix.js';
import { strikeCells } from '../../support/strike-cells.js';

export default {
  row: 'throws an error with a code and fields',
  cells: strikeCells({
    fails: 'fails the task with TASK_FAILED and the whole error as its cause',
    threadLives: true,
    blows: [
      {
        strike: { act: 'throw', what: 'rich' },
        error: {
          code: 'TASK_FAILED',
          cause: {
            name: 'HazardError',
            message: 'a rich error',
            code: 'E_HAZARD',
            row: 7,
            place: { file: 'a.txt' },
            stack: expect.stringContaining('strike.') as string,
            cause: { name: 'TypeError', message: 'its cause' },
          },
        },
        note: /a rich error/,
      },
    ],
  }),
} satisfies Scenario;
