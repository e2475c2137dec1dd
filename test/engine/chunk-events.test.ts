import type { ChunkEvent } from 'treadle';
import { describe, expect, it } from 'vitest';
import { packManager, settledRecords, submitTogether } from '../support/pack-manager.js';
import { createPolicyManager } from '../support/policy-manager.js';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

/** All chunk events of a manager, as they come. */
function heard(tasks: { on(event: 'chunk', listener: (event: ChunkEvent) => void): unknown }): ChunkEvent[] {
  const events: ChunkEvent[] = [];
  tasks.on('chunk', (event) => events.push(event));
  return events;
}

describe('a chunk event', () => {
  it('tells of each chunk of a batch: its step, its items, its time', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const events = heard(tasks);
    const task = await tasks.submit('steps', { input: { counters: new SharedArrayBuffer(16), items: 40 } });
    await task.settled();
    const of = { thread: 0, taskIds: [task.id], type: 'steps', from: 0, to: 0, ms: expect.any(Number) as number };
    expect(events[0]).toEqual({ ...of, phase: 'plan', outcome: 'planned' });
    expect(events.slice(-2)).toEqual([
      { ...of, phase: 'finish', outcome: 'returned' },
      { ...of, phase: 'cleanup', outcome: 'returned' },
    ]);
    const runs = events.slice(1, -2);
    expect(runs.map(({ phase, outcome }) => `${phase} ${outcome}`)).toEqual(runs.map(() => 'run returned'));
    // One after another they are all the items.
    expect(runs.map(({ from }) => from)).toEqual([0, ...runs.slice(0, -1).map(({ to }) => to)]);
    expect(runs.at(-1)?.to).toBe(40);
    expect(events.every(({ ms }) => ms >= 0)).toBe(true);
    expect([events[0], events[0]?.taskIds].map((shown) => Object.isFrozen(shown))).toEqual([true, true]);
  });

  it('counts the time that the thread has worked', async () => {
    const { tasks } = createPolicyManager({}, { threads: { max: 1 } });
    const events = heard(tasks);
    const gate = new Gate();
    gate.open();
    await (await tasks.submit('each', { items: [{ gate: gate.buffer, workMs: 30 }] })).settled();
    expect(events.find(({ phase }) => phase === 'run')?.ms).toBeGreaterThanOrEqual(30);
  });

  it.each([
    ['returned', { action: 'echo' }],
    ['threw', { action: 'throw' }],
    ['lost', { action: 'exit', code: 3 }],
    ['unsendable', { action: 'echo', value: () => 1 }],
  ] as const)('says that work in one piece has %s', async (outcome, input) => {
    const tasks = createTestManager();
    await tasks.ready();
    const events = heard(tasks);
    // Without the check of a submission: the input can't be cloned only because it changed afterwards.
    const given: { action: string; value?: unknown } = { ...input };
    const late = outcome === 'unsendable';
    if (late) given.value = null;
    tasks.pause();
    const task = await tasks.submit('fault', { input: given as { action: 'echo' } });
    if (late) given.value = () => 1;
    tasks.resume();
    await task.settled();
    expect(events).toMatchObject([{ taskIds: [task.id], type: 'fault', phase: 'run', from: 0, to: 0, outcome }]);
  });

  it('says so of a task that was told to stop', async () => {
    const tasks = createTestManager({ cancelGraceMs: Infinity });
    const events = heard(tasks);
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'spin', gate: gate.buffer } });
    await gate.arrived();
    task.cancel();
    await task.settled();
    // The first of its type, of which it was not known before that it is one piece.
    expect(events).toMatchObject([{ taskIds: [task.id], phase: 'run', outcome: 'stopped' }]);
  });

  it('is one for a pack, and names the worst that has happened in it', async () => {
    const { tasks } = await packManager();
    const events = heard(tasks);
    const { handles } = await submitTogether(tasks, 4);
    await settledRecords(handles);
    const ids = handles.map(({ id }) => id);
    expect(events).toMatchObject([{ taskIds: ids, type: 'packed', phase: 'run', outcome: 'returned' }]);
    const failing = await submitTogether(tasks, 4, (at) => (at === 2 ? { act: 'throw' } : {}));
    await settledRecords(failing.handles);
    expect(events[1]).toMatchObject({ taskIds: failing.handles.map(({ id }) => id), outcome: 'threw' });
    const dying = await submitTogether(tasks, 4, (at) => (at === 1 ? { act: 'exit' } : {}));
    await settledRecords(dying.handles);
    expect(events[2]?.outcome).toBe('lost');
  });

  it('comes before what follows from it for the task, and not for a module that is loaded', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const order: string[] = [];
    tasks.on('chunk', ({ phase }) => order.push(phase)).on('completed', () => order.push('completed'));
    await tasks.ready();
    expect(order).toEqual([]);
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    expect(order).toEqual(['run', 'completed']);
  });

  it('may end the task, or throw: all goes on as it should', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const errors: unknown[] = [];
    tasks.on('listenerError', (error) => errors.push(error));
    tasks.on('chunk', ({ taskIds }) => {
      tasks.cancel(taskIds[0] as string);
      throw new Error('a listener of chunks');
    });
    const batch = await tasks.submit('items', { items: [1, 2, 3] });
    expect((await batch.settled()).status).toBe('cancelled');
    // Its work was done already.
    const piece = await tasks.submit('fault', { input: { action: 'echo', value: 7 } });
    expect(await piece.settled()).toMatchObject({ status: 'completed', result: 7 });
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect(tasks.stats()).toMatchObject({ running: 0, cancelling: 0, threads: { busy: 0 } });
  });
});
