import { type TaskPolicy, TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';
import type model from '../tasks/model.task.js';

const THREADS = 8;

function modelManager(policy: TaskPolicy) {
  const tasks = closedAtEnd(
    new TaskManager({
      types: {
        model: taskType(taskModule<typeof model>(builtTask('model')), policy),
        other: taskType(taskModule<typeof fault>(builtTask('fault'))),
      },
      threads: { max: THREADS },
    }),
  );
  const loaded = new Gate();
  /** A task that works on two threads at once. */
  const useModel = async (): Promise<void> => {
    const gates = [new Gate(), new Gate()];
    const task = await tasks.submit('model', {
      items: gates.map(({ buffer }) => buffer),
      input: { loaded: loaded.buffer },
    });
    await Promise.all(gates.map((gate) => gate.arrived()));
    for (const gate of gates) gate.open();
    await task.result();
  };
  /** Keeps so many threads busy with other tasks while the work goes on. */
  const amid = async (others: number, work: () => Promise<void>): Promise<void> => {
    const gate = new Gate();
    const input = { action: 'gate', gate: gate.buffer } as const;
    const handles = await Promise.all(Array.from({ length: others }, () => tasks.submit('other', { input })));
    await gate.arrived(others);
    await work();
    gate.open();
    await Promise.all(handles.map((handle) => handle.settled()));
  };
  return { tasks, loaded, useModel, amid };
}

describe('a type with `parallelism: 2` on eight threads', () => {
  it.each(['all have loaded its module', 'all have run something else'])(
    'is warm on two of them, whatever else runs meanwhile, once %s',
    async (when) => {
      const { tasks, loaded, useModel, amid } = modelManager({ parallelism: 2 });
      if (when.includes('module')) await tasks.ready();
      else await amid(THREADS, async () => {});
      for (const others of [0, 3, 6, 1, 5, 2, 4, 6, 0, 6]) await amid(others, useModel);
      expect(loaded.arrivals).toBe(2);
    },
  );

  it('leaves its threads to others where no other one is free', async () => {
    const { tasks, useModel, amid } = modelManager({ parallelism: 2 });
    await tasks.ready();
    await useModel();
    await amid(THREADS, async () => expect(tasks.stats().threads.busy).toBe(THREADS));
  });
});
