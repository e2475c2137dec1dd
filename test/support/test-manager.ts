import { type TaskManagerOptions, TaskManager, taskModule, taskType } from 'treadle';
import { onTestFinished } from 'vitest';
import type fault from '../tasks/fault.task.js';
import type items from '../tasks/items.task.js';
import type steps from '../tasks/steps.task.js';

/** A built task module of the tests. */
export function builtTask(name: string): URL {
  return new URL(`../dist/${name}.task.js`, import.meta.url);
}

/** The task types that most tests need. */
export function testTypes() {
  return {
    fault: taskType(taskModule<typeof fault>(builtTask('fault'))),
    items: taskType(taskModule<typeof items>(builtTask('items'))),
    steps: taskType(taskModule<typeof steps>(builtTask('steps'))),
  };
}

type TestTypes = ReturnType<typeof testTypes>;

/** A manager with two threads and a short grace that is closed when the test ends. */
export function createTestManager(
  options: Partial<Omit<TaskManagerOptions<TestTypes>, 'types'>> = {},
): TaskManager<TestTypes> {
  return closedAtEnd(new TaskManager({ types: testTypes(), threads: { max: 2 }, cancelGraceMs: 50, ...options }));
}

/** Closes a manager when the test ends, without waiting for what still runs. */
export function closedAtEnd<Manager extends { close(options: { timeoutMs: number }): Promise<unknown> }>(
  manager: Manager,
): Manager {
  onTestFinished(async () => {
    await manager.close({ timeoutMs: 0 });
  });
  return manager;
}
