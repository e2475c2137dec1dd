import type { Scenario } from '../../support/fault-matrix.js';
import { strikeCells } from '../../support/strike-cells.js';

const told = (message: string) => ({ code: 'TASK_FAILED', cause: { message } });

export default {
  row: 'throws null, undefined or a text',
  cells: strikeCells({
    fails: 'fails the task with TASK_FAILED and the text of the value',
    threadLives: true,
    blows: [
      { strike: { act: 'throw', what: 'null' }, error: told('null'), note: /null$/ },
      { strike: { act: 'throw', what: 'undefined' }, error: told('undefined'), note: /undefined$/ },
      { strike: { act: 'throw', what: 'text' }, error: told('just a text'), note: /just a text$/ },
    ],
  }),
} satisfies Scenario;
