import type { Scenario } from '../../support/fault-matrix.js';
import { strikeCells } from '../../support/strike-cells.js';

export default {
  row: 'calls process.exit(), with 0 too',
  cells: strikeCells({
    fails: 'fails the task with WORKER_EXITED and the exit code',
    threadLives: false,
    blows: [0, 3].map((code) => ({
      strike: { act: 'exit', code },
      error: { code: 'WORKER_EXITED', details: { exitCode: code } },
      note: new RegExp(`exited with code ${code}`),
    })),
  }),
} satisfies Scenario;
