import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import { COUNTERS } from '../tasks/steps.task.js';
import type steps from '../tasks/steps.task.js';

const echo = { action: 'echo', value: 'alive' } as const;

describe('a task cancelled from within the event', () => {
  it('that tells of its start never reaches a thread, and the next task runs', { timeout: 10_000 }, async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    tasks.once('running', ({ id }) => void tasks.cancel(id));
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    expect((await task.settled()).status).toBe('cancelled');
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
    expect(gate.arrivals).toBe(0);
  });

  it('that tells of its submission is told to its own hook', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    tasks.once('submitted', ({ id }) => void tasks.cancel(id));
    const told: string[] = [];
    const task = await tasks.submit('fault', { input: echo, onSettled: ({ status }) => told.push(status) });
    expect((await task.settled()).status).toBe('cancelled');
    expect(told).toEqual(['cancelled']);
  });

  it('that tells of another attempt is not tried again, and is cleaned up', { timeout: 10_000 }, async () => {
    const tasks = closedAtEnd(
      new TaskManager({
        types: { steps: taskType(taskModule<typeof steps>(builtTask('steps')), { retries: 1 }) },
        threads: { max: 1 },
      }),
    );
    tasks.once('retrying', ({ id }) => void tasks.cancel(id));
    const counters = new SharedArrayBuffer(16);
    const task = await tasks.submit('steps', { input: { counters, items: 5, plan: 'throw' } });
    expect((await task.settled()).status).toBe('cancelled');
    const counted = new Int32Array(counters);
    expect(counted[COUNTERS.plan]).toBe(1);
    expect(counted[COUNTERS.cleanup]).toBe(1);
  });
});

describe('the number of threads lowered from within the event', () => {
  it('that tells of a start loses no work', { timeout: 10_000 }, async () => {
    const tasks = createTestManager({ threads: { max: 2 } });
    await tasks.ready();
    const gate = new Gate();
    const first = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    tasks.once('running', () => tasks.setThreads(1));
    const batch = await tasks.submit('items', { items: [1, 2, 3] });
    while (batch.record.status === 'pending') await new Promise((resolve) => void setImmediate(resolve));
    gate.open();
    expect((await first.settled()).status).toBe('completed');
    expect(await batch.result()).toHaveLength(3);
  });
});
