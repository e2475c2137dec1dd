import { setImmediate as turn } from 'node:timers/promises';
import { type TaskEvents, type TaskManagerOptions, type TaskPolicy, TaskManager, taskModule, taskType } from 'treadle';
import { onTestFinished } from 'vitest';
import type fault from '../tasks/fault.task.js';
import type flaky from '../tasks/flaky.task.js';
import type each from '../tasks/parcels-each.task.js';
import type finish from '../tasks/parcels-finish.task.js';
import type run from '../tasks/parcels-run.task.js';
import type stages from '../tasks/stages.task.js';
import { ManualClock } from './manual-clock.js';
import { builtTask } from './test-manager.js';

/** What can fail under one policy; `fault` has none. */
export function policyTypes(policy: TaskPolicy = {}) {
  return {
    fault: taskType(taskModule<typeof fault>(builtTask('fault'))),
    flaky: taskType(taskModule<typeof flaky>(builtTask('flaky')), policy),
    each: taskType(taskModule<typeof each>(builtTask('parcels-each')), policy),
    run: taskType(taskModule<typeof run>(builtTask('parcels-run')), policy),
    finish: taskType(taskModule<typeof finish>(builtTask('parcels-finish')), policy),
    stages: taskType(taskModule<typeof stages>(builtTask('stages')), policy),
  };
}

type PolicyTypes = ReturnType<typeof policyTypes>;

/** A manager on a clock that only the test moves. At the end it is closed, and no timer may be left. */
export function createPolicyManager(
  policy: TaskPolicy = {},
  options: Partial<Omit<TaskManagerOptions<PolicyTypes>, 'types' | 'clock'>> = {},
): { tasks: TaskManager<PolicyTypes>; clock: ManualClock } {
  const clock = new ManualClock();
  const tasks = closedOnClock(
    new TaskManager({ types: policyTypes(policy), threads: { max: 2 }, cancelGraceMs: 50, clock, ...options }),
    clock,
  );
  return { tasks, clock };
}

/** Closes a manager on a manual clock when the test ends; throws where a timer is left. */
export function closedOnClock<Manager extends { close(options: { timeoutMs: number }): Promise<unknown> }>(
  manager: Manager,
  clock: ManualClock,
): Manager {
  onTestFinished(async () => {
    const closed = manager.close({ timeoutMs: 0 });
    clock.advance(0);
    await closed;
    if (clock.timers > 0) throw new Error(`${clock.timers} timers are left`);
  });
  return manager;
}

/** Resolves with the record of the next event of this name. */
export function next<Name extends 'running' | 'retrying' | 'completed' | 'failed' | 'cancelled'>(
  tasks: { once(name: Name, listener: (record: TaskEvents[Name][0]) => void): unknown },
  name: Name,
): Promise<TaskEvents[Name][0]> {
  return new Promise((resolve) => void tasks.once(name, resolve));
}

/** Resolves when no thread works, and what follows from that has happened. */
export async function quiet(tasks: { stats(): { threads: { busy: number } } }): Promise<void> {
  do {
    await turn();
  } while (tasks.stats().threads.busy > 0);
  await turn();
}
