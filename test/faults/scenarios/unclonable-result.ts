import { expect } from 'vitest';
import type { Scenario } from '../../support/fault-matrix.js';
import { strikeCells } from '../../support/strike-cells.js';

export default {
  row: "returns or throws what can't be cloned",
  cells: strikeCells({
    fails: 'fails the task with UNSERIALIZABLE (an error: with what can be cloned of it)',
    threadLives: true,
    blows: [
      {
        strike: { act: 'return', what: 'function' },
        error: { code: 'UNSERIALIZABLE', message: expect.stringContaining('[1].deep') as string },
        note: /can't be cloned.*\[1\]\.deep/,
      },
      {
        strike: { act: 'return', what: 'promise' },
        error: { code: 'UNSERIALIZABLE', message: expect.stringContaining('[0].later') as string },
        note: /can't be cloned.*\[0\]\.later/,
      },
      {
        strike: { act: 'throw', what: 'uncloneable' },
        error: { code: 'TASK_FAILED', cause: { message: 'an error with a function', code: 'E_HAZARD', row: 7 } },
        note: /an error with a function/,
      },
    ],
  }),
} satisfies Scenario;
