import { onTestFinished } from 'vitest';
import type { BatchDefinition, TaskContext } from '../../dist/engine/define-task.js';
import type { TableData } from '../../dist/tasks/table-data.js';

let tasks = 0;

/** What a test sees and does of a task that it runs by hand. */
export interface ContextHooks {
  taskId?: string;
  /** Called with each new stage. */
  onStage?: (stage: string) => void;
  /** Called when the task looks whether it was cancelled; what it throws, the task gets. */
  onCheck?: (stage: string) => void;
}

/** The context of a task that runs in this process. */
export function handContext(
  data: TableData,
  { taskId = `task-${++tasks}`, onStage, onCheck }: ContextHooks = {},
): TaskContext<TableData> {
  const warm = new Map<string, unknown>();
  onTestFinished(() => {
    for (const thing of warm.values()) (thing as { close?: () => void }).close?.();
  });
  let present = '';
  return {
    taskId,
    attempt: 1,
    data,
    signal: new AbortController().signal,
    progress() {},
    stage(name) {
      if (name === present) return;
      present = name;
      onStage?.(name);
    },
    log() {},
    throwIfCancelled() {
      onCheck?.(present);
    },
    perThread(key, factory) {
      if (!warm.has(key)) warm.set(key, factory());
      return warm.get(key) as ReturnType<typeof factory>;
    },
  };
}

/** Runs a batch as the engine does: plan, chunk after chunk, finish, and cleanup whatever happens. */
export async function runByHand<Input, Item, Result>(
  { steps }: BatchDefinition<Input, Item, Result, TableData, true>,
  input: Input,
  context: TaskContext<TableData>,
  chunkItems = 3,
): Promise<Result> {
  try {
    const items = [...((await steps.plan?.(input, context)) ?? [])];
    const parts: unknown[] = [];
    for (let from = 0; from < items.length; from += chunkItems) {
      parts.push(await steps.run?.(items.slice(from, from + chunkItems), context, input));
    }
    return (await steps.finish?.(parts, context, input)) as Result;
  } finally {
    await steps.cleanup?.(context, input);
  }
}
