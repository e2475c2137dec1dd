import type { Scenario } from '../../support/fault-matrix.js';
import { strikeCells } from '../../support/strike-cells.js';

export default {
  row: 'fills its heap little by little',
  options: { resourceLimits: { maxOldGenerationSizeMb: 12, maxYoungGenerationSizeMb: 4 } },
  cells: strikeCells({
    fails: 'fails the task with WORKER_OUT_OF_MEMORY',
    threadLives: false,
    blows: [{ strike: { act: 'hoard' }, error: { code: 'WORKER_OUT_OF_MEMORY' }, note: /ran out of memory/ }],
  }),
} satisfies Scenario;
