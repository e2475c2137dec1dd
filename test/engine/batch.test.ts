import { TaskManager, range, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type items from '../tasks/items.task.js';
import { COUNTERS, type Steps } from '../tasks/steps.task.js';

function stepsInput(more: Partial<Steps> = {}): { input: Steps; counted: (step: keyof typeof COUNTERS) => number } {
  const counters = new SharedArrayBuffer(16);
  const cells = new Int32Array(counters);
  return { input: { counters, items: 1_000, ...more }, counted: (step) => cells[COUNTERS[step]] ?? -1 };
}

describe('items', () => {
  const wanted = Array.from({ length: 5_000 }, (_, at) => at * 2);

  it.each([
    ['an array', () => Array.from({ length: 5_000 }, (_, at) => at)],
    ['a range', () => range(0, 5_000)],
    ['an iterable', () => new Set(range(0, 5_000))],
    [
      'an async iterable',
      async function* numbers() {
        for (const number of range(0, 5_000)) yield number;
      },
    ],
  ])('may come from %s, and results keep their order', async (_, make) => {
    const tasks = createTestManager();
    const source = make();
    const task = await tasks.submit('items', { items: source as Iterable<number> });
    expect(await task.result()).toEqual(wanted);
    expect(task.record.progress).toMatchObject({ itemsDone: 5_000, itemsTotal: 5_000, fraction: 1 });
  });

  it('may be none at all', async () => {
    const tasks = createTestManager();
    expect(await (await tasks.submit('items', { items: [] })).result()).toEqual([]);
    expect(await (await tasks.submit('items', { items: range(7, 7) })).result()).toEqual([]);
    expect(await (await tasks.submit('items', { items: new Set<number>() })).result()).toEqual([]);
  });

  it('work on all threads at once, and on one where the type says so', async () => {
    const tasks = closedAtEnd(
      new TaskManager({
        types: {
          wide: taskType(taskModule<typeof items>(builtTask('items'))),
          narrow: taskType(taskModule<typeof items>(builtTask('items')), { parallelism: 1 }),
        },
        threads: { max: 3 },
      }),
    );
    const gates = [new Gate(), new Gate(), new Gate()];
    const gated = gates.map((gate) => ({ gate: gate.buffer }));
    const wide = await tasks.submit('wide', { items: gated });
    // All three arrive before one is opened: so three threads are at work.
    await Promise.all(gates.map((gate) => gate.arrived()));
    for (const gate of gates) gate.open();
    await wide.result();

    const [first, second] = [new Gate(), new Gate()];
    const narrow = await tasks.submit('narrow', { items: [{ gate: first.buffer }, { gate: second.buffer }] });
    await first.arrived();
    expect(tasks.stats().threads.busy).toBe(1);
    expect(second.arrivals).toBe(0);
    first.open();
    second.open();
    await narrow.result();
  });

  it('fails the task with the index of the item that threw', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('items', { items: [1, 2, 3, { throw: 'the fourth is bad' }, 5] });
    await expect(task.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      details: { item: 3 },
      cause: { name: 'RangeError', message: 'the fourth is bad' },
    });
  });

  it('pass on what their iterator throws, and tell it when no more is wanted', async () => {
    const tasks = createTestManager();
    async function* failing() {
      yield 1;
      yield 2;
      throw new Error('the source ran dry');
    }
    const failed = await tasks.submit('items', { items: failing() });
    expect((await failed.settled()).error?.message).toContain('the source ran dry');

    let returned = 0;
    const gate = new Gate();
    function* endless() {
      try {
        yield { gate: gate.buffer };
        for (;;) yield 1;
      } finally {
        returned++;
      }
    }
    const cancelled = await tasks.submit('items', { items: endless() });
    await gate.arrived();
    cancelled.cancel();
    gate.open();
    expect((await cancelled.settled()).status).toBe('cancelled');
    expect(returned).toBe(1);
  });

  it('pull an endless iterator no further than the threads need', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    let pulled = 0;
    function* endless() {
      for (;;) {
        pulled++;
        yield { gate: gate.buffer };
      }
    }
    const task = await tasks.submit('items', { items: endless() });
    await gate.arrived();
    expect(pulled).toBeLessThanOrEqual(3);
    task.cancel();
    gate.open();
    await task.settled();
  });
});

describe('a thread that dies under a batch', () => {
  it('costs its chunk, which runs again, and nothing else', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const task = await tasks.submit('items', { items: [1, 2, { exitOnce: gate.buffer }, 4] });
    // The item gives back the attempt that got through.
    expect(await task.result()).toEqual([2, 4, 2, 8]);
    expect(gate.arrivals).toBe(2);
  });

  it('fails the task with WORKER_EXITED when it happens again', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('items', { items: [1, { exit: 7 }, 3] });
    await expect(task.result()).rejects.toMatchObject({ code: 'WORKER_EXITED', details: { exitCode: 7 } });
    expect(await (await tasks.submit('items', { items: [1] })).result()).toEqual([2]);
  });
});

describe('the steps of a batch', () => {
  it('are plan, run, finish and cleanup, each once but run', async () => {
    const tasks = createTestManager();
    const { input, counted } = stepsInput();
    expect(await (await tasks.submit('steps', { input })).result()).toBe((999 * 1_000) / 2);
    expect([counted('plan'), counted('finish'), counted('cleanup')]).toEqual([1, 1, 1]);
    expect(counted('run')).toBeGreaterThan(1);
  });

  it('skip the plan when the submitter gives the items', async () => {
    const tasks = createTestManager();
    const { input, counted } = stepsInput();
    expect(await (await tasks.submit('steps', { input, items: [1, 2, 3] })).result()).toBe(6);
    expect([counted('plan'), counted('cleanup')]).toEqual([0, 1]);
  });

  it('finish over no items at all', async () => {
    const tasks = createTestManager();
    const { input, counted } = stepsInput({ items: 0 });
    expect(await (await tasks.submit('steps', { input })).result()).toBe(0);
    expect([counted('run'), counted('finish'), counted('cleanup')]).toEqual([0, 1, 1]);
  });

  it.each(['plan', 'run', 'finish'] as const)('clean up once when %s throws, and the task fails', async (step) => {
    const tasks = createTestManager();
    const { input, counted } = stepsInput({ [step]: 'throw' });
    const task = await tasks.submit('steps', { input });
    expect((await task.settled()).error).toMatchObject({ code: 'TASK_FAILED', message: `${step} failed` });
    expect(counted('cleanup')).toBe(1);
  });

  it.each(['throw', 'exit'] as const)(
    'settle as they would when cleanup fails (%s), and the record says so',
    async (how) => {
      const tasks = createTestManager();
      const { input } = stepsInput({ cleanup: how });
      const task = await tasks.submit('steps', { input });
      expect(await task.result()).toBe((999 * 1_000) / 2);
      expect(task.record.messages.map((message) => message.text).join()).toContain('cleanup failed');
    },
  );

  it('clean up after a cancel too, when no thread works on the task any more', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const { input, counted } = stepsInput({ run: 'gate', gate: gate.buffer });
    const task = await tasks.submit('steps', { input });
    await gate.arrived();
    task.cancel();
    expect(counted('cleanup')).toBe(0);
    gate.open();
    expect((await task.settled()).status).toBe('cancelled');
    expect(counted('cleanup')).toBe(1);
    expect(counted('finish')).toBe(0);
  });

  it('complete the task when finish returns after the cancel', async () => {
    const tasks = createTestManager({ cancelGraceMs: Infinity });
    const gate = new Gate();
    const { input } = stepsInput({ finish: 'ignore-cancel', gate: gate.buffer });
    const task = await tasks.submit('steps', { input });
    await gate.arrived();
    task.cancel();
    gate.open();
    expect(await task.settled()).toMatchObject({ status: 'completed', result: (999 * 1_000) / 2 });
  });

  it.each([
    ['too-many', 'at most 100000 items, got 100001'],
    ['odd', 'an array or a range, got string'],
  ] as const)('refuse a plan that is %s', async (plan, message) => {
    const tasks = createTestManager();
    const { input, counted } = stepsInput({ plan });
    const error = (await (await tasks.submit('steps', { input })).settled()).error;
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(error?.message).toContain(message);
    expect(counted('cleanup')).toBe(1);
  });

  it('decode a large input once per thread, whatever the number of chunks', async () => {
    const tasks = createTestManager();
    const { input } = stepsInput();
    const padded = { ...input, padding: 'x'.repeat(200_000) };
    expect(await (await tasks.submit('steps', { input: padded })).result()).toBe((999 * 1_000) / 2);
  });
});

describe('a module that does not fit', () => {
  it('fails a task that has neither items nor a plan, and says what was expected', async () => {
    const tasks = createTestManager();
    const submit = tasks.submit.bind(tasks) as (
      type: string,
      options: object,
    ) => ReturnType<typeof tasks.submit<'items'>>;
    const task = await submit('items', {});
    expect((await task.settled()).error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    // The shape is known from then on, so that submit itself refuses.
    await expect(submit('items', {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('refuses items for a one-piece task', async () => {
    const tasks = createTestManager();
    const submit = tasks.submit.bind(tasks) as (
      type: string,
      options: object,
    ) => ReturnType<typeof tasks.submit<'fault'>>;
    const task = await submit('fault', { items: [1] });
    expect((await task.settled()).error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(submit('fault', { items: [1] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
