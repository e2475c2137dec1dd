import type { Scenario } from '../../support/fault-matrix.js';
import { strikeCells } from '../../support/strike-cells.js';

export default {
  row: 'an uncaught error or rejection while it runs',
  cells: strikeCells({
    fails: 'fails the task with WORKER_EXITED and that error as its cause',
    threadLives: false,
    blows: [
      {
        strike: { act: 'crash' },
        error: { code: 'WORKER_EXITED', cause: { name: 'RangeError', message: 'nobody caught this' } },
        note: /uncaught error.*nobody caught this/,
      },
      {
        strike: { act: 'reject' },
        error: { code: 'WORKER_EXITED', cause: { name: 'RangeError', message: 'nobody awaited this' } },
        note: /uncaught error.*nobody awaited this/,
      },
    ],
  }),
} satisfies Scenario;
