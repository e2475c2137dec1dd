import assert from 'node:assert/strict';
import { TaskManager, taskModule, taskType } from 'treadle';
import { medianFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import { MAIN_THREAD_CPU, mainThreadCpuMs } from '../runner/main-thread-cpu.js';
import type { Effort, Measured, Row } from '../runner/row.js';
import { median } from '../runner/statistics.js';
import { builtModule } from '../runner/threads.js';
import type progressCalls from '../tasks/progress-calls.task.js';
import type { ProgressCalls } from '../tasks/progress-calls.task.js';
import type progressPace from '../tasks/progress-pace.task.js';

const CALLS_OF_BLOCK = 100_000;
const CALLS_A_SECOND = 10_000_000;
const CALL_GOAL = { atMost: 30 };
const CPU_GOAL = { atMost: 1 };

/** Row 9. */
export const progressCost: Row = {
  number: 9,
  question: 'What `ctx.progress` costs',
  goal: 'at most 30 ns a call, and 10,000,000 calls a second at most 1 % of a core on the main thread',
  about: `A task on a thread calls \`ctx.progress\` in a loop, in blocks of 100,000 calls; a round's figure is its median block, with the
loop itself in it, which is shown beside. Then a task keeps to 10,000,000 calls a second while the main thread listens to its
\`progress\` events, as an application would; what the main thread used from \`submit\` to the result is ${MAIN_THREAD_CPU}
over time. The same task without a call stands beside it. The number of calls is checked, and what the events said of them.`,
  shortfall: '',
  run,
};

type Manager = TaskManager<ReturnType<typeof types>>;

function types() {
  return {
    calls: taskType(taskModule<typeof progressCalls>(builtModule('progress-calls.task'))),
    pace: taskType(taskModule<typeof progressPace>(builtModule('progress-pace.task'))),
  };
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const blocks = quick ? 20 : 100;
  const forMs = quick ? 300 : 2_000;
  await using manager: Manager = new TaskManager({ types: types(), threads: { max: 1 } });
  await manager.ready();
  const perCall = (call: ProgressCalls['call']) => async (): Promise<number> => {
    const task = await manager.submit('calls', { input: { call, blocks, callsOfBlock: CALLS_OF_BLOCK } });
    const ns = await task.result();
    assert.equal(ns.length, blocks);
    return median(ns);
  };
  const mainShare = (callsOfMs: number) => () => shareOfMainThread(manager, forMs, callsOfMs);
  const each = await interleave(
    {
      done: perCall('done'),
      total: perCall('done and total'),
      nothing: perCall('nothing'),
      paced: mainShare(CALLS_A_SECOND / 1_000),
      silent: mainShare(0),
    },
    rounds,
  );
  return {
    config: { threads: 1, 'calls a round': blocks * CALLS_OF_BLOCK, 'ms at 10,000,000 calls/s': forMs },
    figures: [
      medianFigure('ctx.progress(done)', 'ns', each.done, CALL_GOAL),
      medianFigure('ctx.progress(done, total)', 'ns', each.total, CALL_GOAL),
      medianFigure('the loop with a store instead', 'ns', each.nothing),
      medianFigure('main thread at 10,000,000 calls/s', '%', each.paced, CPU_GOAL),
      medianFigure('main thread, the same task without a call', '%', each.silent),
    ],
  };
}

/** Per cent of a core, while a task calls so many times a millisecond. */
async function shareOfMainThread(manager: Manager, forMs: number, callsOfMs: number): Promise<number> {
  const seen: number[] = [];
  const listen = ({ progress }: { progress: { itemsDone: number } }): void => void seen.push(progress.itemsDone);
  manager.on('progress', listen);
  const startedAt = performance.now();
  const cpuBefore = mainThreadCpuMs();
  const task = await manager.submit('pace', { input: { forMs, callsOfMs } });
  const calls = await task.result();
  const share = ((mainThreadCpuMs() - cpuBefore) / (performance.now() - startedAt)) * 100;
  manager.off('progress', listen);
  assert.equal(calls, forMs * callsOfMs);
  assert.ok(seen.every((done, at) => done <= calls && done >= (seen[at - 1] ?? 0)));
  assert.ok(callsOfMs === 0 || seen.length > 0, 'Nothing was told of the calls');
  return share;
}
