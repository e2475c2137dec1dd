import type { AnyTaskType } from '../../engine/task-manager.js';
import { type MemoryTasks, memoryTasks } from '../../tasks/index.js';

/** The four tasks on the store in `path`; what failed ones worked on is kept, so that they can be run again. */
export function servedTypes(path: string): MemoryTasks {
  const types = Object.entries<AnyTaskType>(memoryTasks({ path })).map(([name, type]) => [
    name,
    { ...type, policy: { ...type.policy, keepInput: 'failed' } },
  ]);
  return Object.fromEntries(types) as MemoryTasks;
}
