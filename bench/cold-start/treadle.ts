import { TaskManager, taskModule, taskType } from 'treadle';
import { builtModule } from '../runner/built-module.js';
import type noOp from '../tasks/no-op.task.js';

export async function firstResult(argument: number): Promise<unknown> {
  const manager = new TaskManager({
    types: { no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))) },
    threads: { max: 1 },
  });
  const task = await manager.submit('no_op', { input: argument });
  return task.result();
}
