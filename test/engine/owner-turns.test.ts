import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { TaskManager, range, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../dist/engine/lanes.js';
import { type FakeType, fakeScheduler } from '../support/fake-scheduler.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type busy from '../tasks/busy.task.js';
import { Gate } from '../tasks/gate.js';

const ENDLESS = range(0, 2 ** 50);
const idOf = (chunk: Chunk): string => chunk.taskIds[0] as string;
const ownerOf = (chunk: Chunk): string => idOf(chunk).split(' ')[0] as string;
const sizeOf = (chunk: Chunk): number => chunk.to - chunk.from;

/** Tasks are named "owner number". Batches cost a millisecond an item, all else as much as is said. */
function fake(options: {
  readonly types?: Readonly<Record<string, FakeType>>;
  readonly lanes?: number;
  readonly slots?: number;
  readonly costMs?: (chunk: Chunk) => number;
}) {
  const { lanes: count = 1, slots = 16, costMs = (chunk: Chunk) => sizeOf(chunk) || 10, types = {} } = options;
  const made = fakeScheduler({
    types: { batch: {}, piece: { onePiece: true }, ...types },
    lanes: count,
    maxConcurrentTasks: slots,
    costMs,
  });
  const submit = (owner: string, type: string, howMany: number, rest: { priority?: number; items?: number } = {}) => {
    const items = type === 'piece' || type === 'packed' ? null : range(0, rest.items ?? 2 ** 50);
    return Array.from({ length: howMany }, (_, at) => {
      const task = { owner: owner === 'nobody' ? null : owner, items, priority: rest.priority ?? 0 };
      return made.add(`${owner} ${type} ${at}`, type, task);
    });
  };
  const used = (owner: string): number => {
    let ms = 0;
    for (const [id, part] of made.lanes.usedMs) if (id.startsWith(`${owner} `)) ms += part;
    return ms;
  };
  /** Steps until something is so; fails where nothing flies any more. */
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) expect(await made.lanes.step()).toBe(true);
  };
  return { ...made, submit, used, until };
}

describe('slots', () => {
  it('go to each owner in turn, whoever has submitted more and gives more priority', async () => {
    const { submit, lanes } = fake({ slots: 1 });
    submit('a', 'piece', 1_000, { priority: 5 });
    submit('b', 'piece', 2);
    submit('c', 'piece', 2, { priority: -5 });
    await lanes.runUntil(80);
    expect(lanes.sent.map(ownerOf).slice(0, 8).join(' ')).toBe('a b c a b c a a');
  });

  it('of tasks without an owner are those of one owner together', async () => {
    const { submit, lanes } = fake({ slots: 1 });
    submit('nobody', 'piece', 100);
    submit('b', 'piece', 2);
    await lanes.runUntil(60);
    expect(lanes.sent.map(ownerOf).slice(0, 6).join(' ')).toBe('nobody b nobody b nobody nobody');
  });

  it('go to who has the fewest', async () => {
    const { submit, scheduler } = fake({ slots: 6 });
    submit('a', 'batch', 10);
    submit('b', 'batch', 10);
    submit('c', 'batch', 1);
    await turn();
    const slotsOf = (owner: string): number => [...scheduler.inProgress].filter((run) => run.owner === owner).length;
    expect(['a', 'b', 'c'].map(slotsOf)).toEqual([3, 2, 1]);
  });

  it('are lent to an owner that has none, by who has the most, and one that lent goes on before all else of its owner', async () => {
    const { submit, until, scheduler, lanes, used } = fake({ slots: 4, lanes: 2 });
    submit('a', 'batch', 4);
    submit('a', 'piece', 50);
    await lanes.runUntil(400);
    const [task] = submit('b', 'batch', 1, { items: 3_000 });
    await lanes.runUntil(500);
    const rested = lanes.usedMs.get('a batch 3') as number;
    await until(() => task?.settlement !== null);
    // It had one of two lanes; of `a` no other task had begun meanwhile, and the one that it began last had rested.
    expect(lanes.nowMs).toBeLessThanOrEqual(400 + 3_000 + 200);
    expect(lanes.sent.some((chunk) => idOf(chunk).includes('piece'))).toBe(false);
    expect(lanes.usedMs.get('a batch 3')).toBe(rested);
    const others = [0, 1, 2].map((at) => lanes.usedMs.get(`a batch ${at}`) as number);
    await lanes.runUntil(lanes.nowMs + 2_000);
    // All four have the same from then on: it does not get what it missed.
    const ownMs = [...others, rested].map((before, at) => (lanes.usedMs.get(`a batch ${at}`) as number) - before);
    for (const ms of ownMs) expect(Math.abs(ms - 1_000)).toBeLessThanOrEqual(100);
    expect(used('b')).toBe(3_000);
    expect([scheduler.inProgress.size, scheduler.pending.size]).toEqual([4, 50]);
  });

  it('are not lent by tasks that are about to end, nor by an owner with one', async () => {
    const costMs = (chunk: Chunk): number => sizeOf(chunk) || 1_000;
    const { submit, lanes } = fake({ slots: 3, lanes: 3, costMs });
    submit('a', 'piece', 2);
    submit('b', 'batch', 1);
    await lanes.runUntil(100);
    submit('c', 'batch', 1);
    await lanes.runUntil(990);
    expect(lanes.sent.some((chunk) => ownerOf(chunk) === 'c')).toBe(false);
    expect(lanes.usedMs.get('b batch 0')).toBeGreaterThan(900);
    await lanes.runUntil(1_100);
    expect(lanes.sent.some((chunk) => ownerOf(chunk) === 'c')).toBe(true);
  });

  it('are not waited for by a task that stops after it has lent its own: its cleanup runs', async () => {
    const { submit, until, lanes, scheduler } = fake({ slots: 2, types: { cleans: { cleanup: true } } });
    const tasks = submit('a', 'cleans', 2);
    await lanes.runUntil(200);
    submit('b', 'batch', 1);
    await lanes.runUntil(400);
    const rested = tasks[1] as (typeof tasks)[0];
    const sent = lanes.sent.length;
    rested.run?.cancel(rested);
    await until(() => rested.settlement !== null);
    expect(rested.status).toBe('cancelled');
    const after = lanes.sent.slice(sent).filter((chunk) => idOf(chunk) === rested.id);
    expect(after.map(({ phase }) => phase)).toEqual(['cleanup']);
    expect(scheduler.inProgress.size).toBe(2);
  });

  it('are not lent by who has one, or where the types of the others are at their limit', async () => {
    const { submit, lanes, scheduler } = fake({ slots: 3, types: { writer: { concurrency: 1 } } });
    submit('a', 'writer', 2);
    submit('b', 'batch', 2);
    await lanes.runUntil(100);
    submit('c', 'writer', 1);
    await lanes.runUntil(200);
    expect([scheduler.inProgress.size, lanes.sent.some((chunk) => ownerOf(chunk) === 'c')]).toEqual([3, false]);
    submit('d', 'batch', 1);
    submit('e', 'batch', 1);
    await lanes.runUntil(400);
    // `b` had two; then each has one.
    expect(lanes.sent.some((chunk) => ownerOf(chunk) === 'd')).toBe(true);
    expect(lanes.sent.some((chunk) => ownerOf(chunk) === 'e')).toBe(false);
  });

  it('are given back by whoever had them, in whatever order things happen: nothing is lost, and nobody has one too many', async () => {
    const submitted = fc.record({
      owner: fc.constantFrom('a', 'a', 'a', 'b', 'c', 'd', null),
      type: fc.constantFrom('batch', 'batch', 'batch', 'piece', 'ends', 'cleans', 'writer', 'packed'),
      items: fc.integer({ min: 0, max: 400 }),
      stepsBefore: fc.integer({ min: 0, max: 3 }),
      // Which task before it is cancelled.
      cancel: fc.option(fc.nat(20), { freq: 2 }),
      max: fc.constantFrom(0, 0, 0, 1, 2, 5),
    });
    const types = {
      ends: { finish: true },
      cleans: { cleanup: true },
      writer: { concurrency: 1 },
      packed: { onePiece: true, pack: true },
    };
    await fc.assert(
      fc.asyncProperty(fc.array(submitted, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), async (list, slots) => {
        const { add, scheduler, lanes, events } = fake({ slots, lanes: 2, types });
        const tasks: ReturnType<typeof add>[] = [];
        let mostSlots = slots;
        const step = async (): Promise<boolean> => {
          const stepped = await lanes.step();
          const most = Array.from({ length: mostSlots }, (_, at) => Math.floor(mostSlots / (at + 1)));
          expect(scheduler.inProgress.size).toBeLessThanOrEqual(most.reduce((a, b) => a + b));
          return stepped;
        };
        for (const [at, { owner, type, items, stepsBefore, cancel, max }] of list.entries()) {
          for (let steps = 0; steps < stepsBefore; steps++) await step();
          if (max > 0) scheduler.maxConcurrentTasks = max;
          mostSlots = Math.max(mostSlots, max);
          const onePiece = type === 'piece' || type === 'packed';
          tasks.push(add(`${owner} ${at}`, type, { owner, items: onePiece ? null : range(0, items) }));
          const stopped = cancel === null ? undefined : tasks[at - cancel];
          if (stopped === undefined || stopped.settlement !== null) continue;
          if (scheduler.remove(stopped)) stopped.settle({ status: 'cancelled' });
          else stopped.run?.cancel(stopped);
        }
        while (await step());
        expect([scheduler.inProgress.size, scheduler.pending.size]).toEqual([0, 0]);
        const ended = events.filter(({ status }) => status === 'completed' || status === 'cancelled');
        expect(ended.length).toBe(list.length);
        // All slots are there again: so many begin at once.
        for (let at = 0; at < 10; at++) add(`last ${at}`, 'batch', { items: ENDLESS, owner: `last ${at % 2}` });
        await turn();
        expect(scheduler.inProgress.size).toBe(scheduler.maxConcurrentTasks);
      }),
      { numRuns: 80 },
    );
  });
});

describe('turns', () => {
  it('give each owner the same thread time, however many batches it has in progress and whatever their priority', async () => {
    const owner = fc.record({
      batches: fc.integer({ min: 1, max: 8 }),
      priority: fc.integer({ min: -2, max: 5 }),
      cost: fc.double({ min: 0.02, max: 40, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(owner, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        async (owners, count) => {
          let longest = 25;
          const costMs = (chunk: Chunk): number => {
            const ms = sizeOf(chunk) * (owners[Number(ownerOf(chunk))]?.cost as number);
            longest = Math.max(longest, ms);
            return ms;
          };
          const { submit, used, lanes } = fake({ lanes: count, slots: 32, costMs });
          for (const [at, { batches, priority }] of owners.entries())
            submit(String(at), 'batch', batches, { priority });
          await lanes.runUntil(4_000);
          const all = owners.map((_, at) => used(String(at)));
          expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual((longest + 25) * count + 0.001);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('go by priority between the tasks of one owner', async () => {
    const { submit, lanes, used } = fake({ types: { other: {} } });
    submit('a', 'batch', 1, { priority: 1 });
    submit('a', 'other', 1, { priority: 0 });
    submit('b', 'batch', 3);
    await lanes.runUntil(6_000);
    const [high, low] = [lanes.usedMs.get('a batch 0') as number, lanes.usedMs.get('a other 0') as number];
    expect(Math.abs(high - 2 * low)).toBeLessThanOrEqual(75);
    expect(Math.abs(used('a') - used('b'))).toBeLessThanOrEqual(50);
  });

  it('start a new task level with those of its owner, not with those of others', async () => {
    const { submit, lanes } = fake({ types: { other: {} } });
    submit('a', 'batch', 1);
    // By its weight it has used next to nothing.
    submit('b', 'batch', 1, { priority: 5 });
    await lanes.runUntil(4_000);
    const before = lanes.usedMs.get('a batch 0') as number;
    submit('a', 'other', 1);
    await lanes.runUntil(6_000);
    const first = (lanes.usedMs.get('a batch 0') as number) - before;
    const second = lanes.usedMs.get('a other 0') as number;
    expect(Math.abs(first - second)).toBeLessThanOrEqual(60);
    expect(second).toBeGreaterThan(400);
  });

  it('start a new owner level with the others: it neither waits for them nor makes them wait', async () => {
    const { submit, lanes, used } = fake({});
    submit('a', 'batch', 8);
    await lanes.runUntil(2_000);
    submit('b', 'batch', 1);
    await lanes.runUntil(4_000);
    expect(Math.abs(used('a') - 2_000 - used('b'))).toBeLessThanOrEqual(60);
    const before = [used('a'), used('b')] as const;
    submit('c', 'batch', 2);
    await lanes.runUntil(7_000);
    for (const ms of [used('a') - before[0], used('b') - before[1], used('c')]) {
      expect(Math.abs(ms - 1_000)).toBeLessThanOrEqual(60);
    }
  });

  it('that an owner did not want it does not get afterwards', async () => {
    // Of `a` only one chunk flies at a time, while `b` has three lanes: it falls behind.
    const { submit, lanes, used } = fake({ lanes: 4, types: { narrow: { parallelism: 1 } } });
    submit('a', 'narrow', 1);
    submit('b', 'batch', 4);
    await lanes.runUntil(5_000);
    expect(used('b') - used('a')).toBeGreaterThan(8_000);
    const before = [used('a'), used('b')] as const;
    submit('a', 'batch', 4);
    await lanes.runUntil(7_000);
    const [a, b] = [used('a') - before[0], used('b') - before[1]];
    expect(b).toBeGreaterThan(3_000);
    expect(a - b).toBeLessThan(600);
  });

  it('give no more to an owner whose tasks come one after another than to one whose task stays', async () => {
    const costMs = (chunk: Chunk): number => sizeOf(chunk) || 200;
    const { submit, until, lanes, used } = fake({ costMs });
    submit('b', 'batch', 1);
    while (lanes.nowMs < 6_000) {
      const [task] = submit('a', 'piece', 1);
      await until(() => task?.settlement !== null);
    }
    expect(Math.abs(used('a') - used('b'))).toBeLessThanOrEqual(300);
  });

  it('let no owner starve the others with what ends its tasks', async () => {
    // Nothing of these but a `finish`, which goes before other chunks of the same owner.
    const costMs = (chunk: Chunk): number => (chunk.phase === 'finish' ? 100 : sizeOf(chunk));
    const { submit, lanes, used } = fake({ types: { ends: { finish: true } }, costMs });
    submit('a', 'ends', 200, { items: 0 });
    submit('b', 'batch', 1);
    await lanes.runUntil(5_000);
    expect(Math.abs(used('a') - used('b'))).toBeLessThanOrEqual(150);
  });

  it('charge each owner for its tasks in a pack, whoever has the slot', async () => {
    const types = { packed: { onePiece: true, pack: true } };
    const costMs = (chunk: Chunk): number => sizeOf(chunk) || chunk.taskIds.length;
    // `b` has a slot by its batch, so that all packs are those of `a`, and tasks of `b` go along.
    const { submit, lanes, used } = fake({ types, slots: 3, costMs });
    submit('b', 'batch', 1);
    submit('c', 'batch', 1);
    await lanes.runUntil(100);
    const before = [used('b'), used('c')] as const;
    submit('a', 'packed', 5_000);
    submit('b', 'packed', 5_000);
    await lanes.runUntil(6_100);
    const along = Array.from(lanes.usedMs, ([id, ms]) => (id.startsWith('b packed') ? ms : 0)).reduce((a, b) => a + b);
    expect(along).toBeGreaterThan(1_000);
    for (const ms of [used('a'), used('b') - before[0], used('c') - before[1]]) {
      expect(Math.abs(ms - 2_000)).toBeLessThanOrEqual(150);
    }
  });

  it('let a task through whose owner has used less, though another one waits with a pack of that type', async () => {
    const types = { packed: { onePiece: true, pack: true } };
    const costMs = (chunk: Chunk): number => (idOf(chunk) === 'a piece 0' ? 5_000 : sizeOf(chunk) || 1);
    const { submit, until, lanes } = fake({ types, costMs });
    submit('c', 'batch', 1);
    submit('a', 'piece', 1);
    submit('a', 'batch', 1);
    await until(() => lanes.usedMs.has('a piece 0'));
    submit('a', 'packed', 1);
    // It has begun, and waits for its turn until `c` has had as much.
    await lanes.runUntil(6_000);
    const sent = lanes.sent.length;
    const [task] = submit('b', 'packed', 1);
    await until(() => task?.settlement !== null);
    expect(lanes.sent.slice(sent).length).toBeLessThanOrEqual(3);
    expect(lanes.sent.some((chunk) => chunk.taskIds.includes('a packed 0'))).toBe(false);
  });
});

describe('packs', () => {
  it('take tasks of each owner in turn along', async () => {
    const { submit, lanes } = fake({ types: { packed: { onePiece: true, pack: true } }, slots: 1, costMs: () => 0.1 });
    for (const owner of ['a', 'b', 'c']) submit(owner, 'packed', owner === 'c' ? 5 : 100);
    while (await lanes.step());
    const ids = lanes.sent.flatMap(({ taskIds }) => taskIds);
    const wanted = Array.from({ length: 100 }, (_, at) =>
      (at < 5 ? ['a', 'b', 'c'] : ['a', 'b']).map((owner) => `${owner} packed ${at}`),
    ).flat();
    expect(lanes.sent.length).toBeLessThan(60);
    // A pack begins with the one whose turn it is, wherever the last one ended.
    for (const [at, id] of ids.entries()) expect(Math.abs(wanted.indexOf(id) - at)).toBeLessThanOrEqual(2);
  });

  it.each([1, 2, 3, 16])('keep the order of each owner, with slots: %i', async (slots) => {
    const types = { packed: { onePiece: true, pack: true } };
    const { submit, until, lanes } = fake({
      types,
      slots,
      costMs: (chunk) => sizeOf(chunk) || chunk.taskIds.length / 10,
    });
    submit('c', 'batch', 1, { items: 500 });
    const tasks = ['a', 'b', 'c', 'd'].map((owner) => submit(owner, 'packed', 100));
    await until(() => tasks.flat().every(({ settlement }) => settlement !== null));
    const ids = lanes.sent.flatMap(({ taskIds }) => taskIds);
    for (const own of tasks) {
      const wanted = own.map(({ id }) => id);
      expect(ids.filter((id) => wanted.includes(id))).toEqual(wanted);
    }
    const packs = lanes.sent.filter((chunk) => chunk.taskIds.length > 1);
    expect(packs.length).toBeGreaterThan(0);
    expect(packs.length).toBeLessThan(120);
  });
});

describe('on threads', () => {
  it('an owner with a thousand small tasks does not keep another one waiting for more than two', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1, threads: { max: 1 } });
    const started: (string | null)[] = [];
    tasks.on('running', ({ owner }) => started.push(owner));
    tasks.pause();
    const input = { action: 'echo' } as const;
    for (let at = 0; at < 1_000; at++) await tasks.submit('fault', { input, owner: 'a', priority: 5 });
    const b = await tasks.submit('fault', { input, owner: 'b' });
    tasks.resume();
    expect((await b.settled()).status).toBe('completed');
    expect(started.indexOf('b')).toBe(1);
  });

  it('an owner with a long batch in each slot keeps neither a small task nor a batch of another one waiting', async () => {
    const types = { busy: taskType(taskModule<typeof busy>(builtTask('busy'))) };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 2 }, maxConcurrentTasks: 16 }));
    const gate = new Gate();
    const input = { untilOpen: gate.buffer };
    let running = 0;
    const all = new Promise<void>((resolve) =>
      tasks.on('running', () => {
        if (++running === 16) resolve();
      }),
    );
    // Hours of work.
    const long = [];
    for (let at = 0; at < 100; at++) {
      const items = range(0, 10_000_000);
      long.push(await tasks.submit('busy', { input, items, owner: 'a', priority: 5 }));
    }
    await all;
    const b = await tasks.submit('busy', { input, items: range(0, 50), owner: 'b', priority: -5 });
    const c = await tasks.submit('busy', { input, items: [1], owner: 'c' });
    expect((await b.settled()).status).toBe('completed');
    expect((await c.settled()).status).toBe('completed');
    // Those whose slots were lent go on, nobody else of `a` has begun, and a cancel finds them all.
    expect(running).toBe(18);
    for (const task of long) task.cancel();
    gate.open();
    const records = await Promise.all(long.map((task) => task.settled()));
    expect(new Set(records.map(({ status }) => status))).toEqual(new Set(['cancelled']));
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, cancelling: 0, cancelled: 100, completed: 2 });
  });
});
