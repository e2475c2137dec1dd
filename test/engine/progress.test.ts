import { TaskManager, type TaskRecord, range, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type items from '../tasks/items.task.js';

describe('progress', () => {
  it('of a batch counts items exactly, in flight too, with rate and time left', async () => {
    const clock = new ManualClock();
    const tasks = closedAtEnd(
      new TaskManager({
        types: {
          items: taskType(taskModule<typeof items>(builtTask('items')), {
            chunk: { min: 10, max: 10 },
            parallelism: 1,
          }),
        },
        threads: { max: 1 },
        clock,
      }),
    );
    const gates = [new Gate(), new Gate()];
    const list = [
      ...range(0, 15),
      { gate: gates[0]?.buffer },
      ...range(16, 32),
      { gate: gates[1]?.buffer },
      ...range(33, 40),
    ];
    const task = await tasks.submit('items', { items: list as number[] });
    await gates[0]?.arrived();
    // Ten of the first chunk, five of the second, which is in flight.
    expect(task.record.progress).toMatchObject({ itemsDone: 15, itemsTotal: 40, fraction: 15 / 40 });
    gates[0]?.open();
    await gates[1]?.arrived();
    clock.advance(1_000);
    // 17 items in a second, the first tenth of which has faded a little.
    const { itemsDone, rate, etaMs } = task.record.progress;
    expect(itemsDone).toBe(32);
    expect(rate).toBeGreaterThan(14);
    expect(rate).toBeLessThanOrEqual(17);
    expect(etaMs).toBeCloseTo(((40 - 32) / (rate ?? 0)) * 1_000);
    gates[1]?.open();
    await task.settled();
    expect(task.record.progress).toMatchObject({ itemsDone: 40, fraction: 1, etaMs: null });
  });

  it('of a one-piece task is what it said last; the fraction never falls, and is 1 only when completed', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const task = await tasks.submit('fault', {
      input: { action: 'progress', steps: [[90, 100], [Number.NaN, 100], [-1], [100, 100]], gate: gate.buffer },
    });
    await gate.arrived();
    expect(task.record.progress).toMatchObject({ itemsDone: 100, itemsTotal: 100 });
    expect(task.record.progress.fraction).toBeLessThan(1);
    gate.open();
    await task.settled();
    expect(task.record.progress.fraction).toBe(1);
  });

  it('is unknown where no total is known', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'progress', steps: [[5]], gate: gate.buffer } });
    await gate.arrived();
    expect(task.record.progress).toMatchObject({ itemsDone: 5, itemsTotal: null, fraction: null, etaMs: null });
    gate.open();
    await task.settled();
  });

  it('is emitted with a running record, and never after the last event', async () => {
    const tasks = createTestManager();
    const seen: TaskRecord[] = [];
    tasks.on('progress', (record) => seen.push(record));
    tasks.on('completed', (record) => seen.push(record));
    const gate = new Gate();
    const first = new Promise<TaskRecord>((resolve) => tasks.once('progress', resolve));
    const task = await tasks.submit('fault', { input: { action: 'progress', steps: [[1, 2]], gate: gate.buffer } });
    expect((await first).progress.fraction).toBe(0.5);
    gate.open();
    await task.settled();
    await tasks.close();
    expect(seen.at(-1)?.status).toBe('completed');
    expect(seen.slice(0, -1).every((record) => record.status === 'running')).toBe(true);
  });
});

describe('progress events of a batch', () => {
  it('come for chunks that were acknowledged, also when somebody asks for the record in between', async () => {
    const clock = new ManualClock();
    const tasks = closedAtEnd(
      new TaskManager({
        types: { items: taskType(taskModule<typeof items>(builtTask('items')), { chunk: { max: 1 }, parallelism: 1 }) },
        threads: { max: 1 },
        clock,
      }),
    );
    const done: number[] = [];
    tasks.on('progress', (record) => done.push(record.progress.itemsDone));
    const gates = [new Gate(), new Gate()];
    const task = await tasks.submit('items', {
      items: [1, { gate: gates[0]?.buffer }, 3, { gate: gates[1]?.buffer }] as number[],
    });
    for (const [at, gate] of gates.entries()) {
      await gate.arrived();
      expect(task.record.progress.itemsDone).toBe(2 * at + 1);
      clock.advance(100);
      clock.advance(100);
      gate.open();
    }
    await task.settled();
    expect(done).toEqual([1, 3]);
  });
});

describe('messages', () => {
  it('are the last 50, however many a task logs, and each is an event or counted as left out', async () => {
    const tasks = createTestManager();
    const logged: string[] = [];
    tasks.on('log', ({ message }) => logged.push(message));
    const task = await tasks.submit('fault', { input: { action: 'chatter', messages: 100_000 } });
    await task.settled();
    const texts = task.record.messages.map((message) => message.text);
    expect(texts).toHaveLength(50);
    expect(texts.at(-1)).toBe('message 99999');
    const leftOut = logged.map((message) => Number(/^\((\d+) messages left out\)$/.exec(message)?.[1] ?? 0));
    const told = logged.filter((message) => message.startsWith('message '));
    expect(told.length + leftOut.reduce((sum, count) => sum + count, 0)).toBe(100_000);
  });
});
