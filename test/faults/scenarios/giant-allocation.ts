import { expect } from 'vitest';
import { type Scenario, impossible } from '../../support/fault-matrix.js';
import { hostProcess } from '../../support/host-process.js';

// See nodejs/node#47224: V8 gives a thread no way out of one allocation that is too large.
const lost = impossible(
  'nothing can be promised: Node itself may abort the process, with all its threads (nodejs/node#47224)',
);

export default {
  row: 'fills its heap at one stroke',
  cells: {
    pending: lost,
    plan: lost,
    run: {
      behaviour:
        'Node may abort the process at once, and says so; where it gets away, the task fails and the next one runs',
      run: async () => {
        const { ended, output, errors } = await hostProcess('giant');
        if (ended === 'code 0') expect(output).toBe('WORKER_OUT_OF_MEMORY\ndone\n');
        else expect([ended, output, errors]).toEqual(['signal SIGABRT', '', expect.stringContaining('heap limit')]);
      },
    },
    finish: lost,
    cleanup: lost,
    cancelling: lost,
    closing: lost,
  },
} satisfies Scenario;
