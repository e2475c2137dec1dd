import assert from 'node:assert/strict';
import { TaskManager, taskModule, taskType } from 'treadle';
import { quantileFigure } from '../runner/figures.js';
import type { Effort, Figure, Goal, Measured, Row } from '../runner/row.js';
import { SharedSignal } from '../runner/shared-signal.js';
import { builtModule } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';
import type stoppable from '../tasks/stoppable.task.js';

const GRACE_MS = 100;
const COOPERATIVE_GOAL = { atMost: 5 };
const FORCED_GOAL = { atMost: 250 };

/** Row 10. */
export const cancelLatency: Row = {
  number: 10,
  question: 'From `cancel()` to `cancelled`',
  goal: 'p99 at most 5 ms for a task that checks every millisecond; grace + 250 ms for one that never does',
  about: `A synchronous loop is cancelled once its thread has said that it runs, and the time until its record is \`cancelled\` is
taken; by then no thread works on it. The loop either calls \`ctx.throwIfCancelled()\` every millisecond or never; the thread of the latter is
ended by force after the grace, and the grace (${GRACE_MS} ms here) is subtracted. There is one thread, and after each cancel a no-op
must give the right result on it: the time until then, from \`cancel()\` and again without the grace, is shown too.`,
  shortfall: '',
  run,
};

interface Latencies {
  readonly cancelledMs: number[];
  readonly nextResultMs: number[];
}

function types() {
  return {
    stoppable: taskType(taskModule<typeof stoppable>(builtModule('stoppable.task'))),
    no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))),
  };
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const config = {
    threads: 1,
    'grace ms': GRACE_MS,
    'checking, a round': quick ? 20 : 100,
    'never checking, a round': quick ? 5 : 20,
  };
  await using manager = new TaskManager({ types: types(), threads: { max: 1 }, cancelGraceMs: GRACE_MS });
  await manager.ready();
  const checking: Latencies[] = [];
  const never: Latencies[] = [];
  for (let round = 0; round < rounds; round++) {
    checking.push(await cancels(manager, true, config['checking, a round']));
    never.push(await cancels(manager, false, config['never checking, a round']));
  }
  return {
    config,
    figures: [
      ...figures('checks', checking, COOPERATIVE_GOAL),
      ...figures('never checks, less the grace', never, FORCED_GOAL),
    ],
  };
}

async function cancels(
  manager: TaskManager<ReturnType<typeof types>>,
  checks: boolean,
  count: number,
): Promise<Latencies> {
  const latencies: Latencies = { cancelledMs: [], nextResultMs: [] };
  const allowedMs = checks ? 0 : GRACE_MS;
  for (let sample = 0; sample < count; sample++) {
    const begun = new SharedSignal();
    const task = await manager.submit('stoppable', { input: { begun: begun.buffer, checks } });
    await begun.raised();
    const cancelledAt = performance.now();
    task.cancel();
    const record = await task.settled();
    latencies.cancelledMs.push(performance.now() - cancelledAt - allowedMs);
    assert.equal(record.status, 'cancelled');
    assert.ok(manager.stats().threads.live <= 1);
    const next = await manager.submit('no_op', { input: sample });
    assert.equal(await next.result(), sample);
    latencies.nextResultMs.push(performance.now() - cancelledAt - allowedMs);
  }
  return latencies;
}

function figures(name: string, rounds: readonly Latencies[], goal: Goal): Figure[] {
  const cancelled = rounds.map(({ cancelledMs }) => cancelledMs);
  const nextResult = rounds.map(({ nextResultMs }) => nextResultMs);
  return [
    quantileFigure(`p99, ${name}`, 'ms', 0.99, cancelled, goal),
    quantileFigure(`p50, ${name}`, 'ms', 0.5, cancelled),
    quantileFigure(`p99 until the next task's result, ${name}`, 'ms', 0.99, nextResult),
    quantileFigure(`p50 until the next task's result, ${name}`, 'ms', 0.5, nextResult),
  ];
}
