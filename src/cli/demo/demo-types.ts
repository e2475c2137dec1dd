import { type TaskManager, type TaskType, taskModule, taskType } from '../../index.js';
import { type MemoryTasks, memoryTasks } from '../../tasks/index.js';
import type fatalEmbed from './fatal-embed.task.js';
import type { Fault } from './fatal-embed.task.js';
import type hashChain from './hash-chain.task.js';
import type wordCount from './word-count.task.js';

/** The two ready tasks, and a small and a long one beside them. */
export type DemoTypes = Pick<MemoryTasks, keyof MemoryTasks> & {
  count_words: TaskType<typeof wordCount, { text: string }>;
  hash_chain: TaskType<typeof hashChain, { rounds: number }>;
};

/** The manager of the phase with threads. */
export type DemoManager = TaskManager<DemoTypes>;

/**
 * The task types for the store in `path`. `embed_batch` is as it comes, policy and all, but for its module: that one
 * does the same on a thread that dies once.
 */
export function demoTypes(path: string, fault: Fault): DemoTypes {
  const ready = memoryTasks({ path });
  const { policy } = ready.embed_batch;
  const data = { ...(policy.data as { path: string }), fault };
  const module = taskModule<typeof fatalEmbed>(new URL('./fatal-embed.task.js', import.meta.url));
  return {
    ...ready,
    embed_batch: { ...ready.embed_batch, module, policy: { ...policy, data } },
    count_words: taskType(taskModule<typeof wordCount>(new URL('./word-count.task.js', import.meta.url))),
    hash_chain: taskType(taskModule<typeof hashChain>(new URL('./hash-chain.task.js', import.meta.url))),
  };
}
