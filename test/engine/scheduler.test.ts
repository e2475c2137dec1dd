import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { range } from 'treadle';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../dist/engine/lanes.js';
import type { Scheduler } from '../../dist/engine/scheduler.js';
import { fakeScheduler } from '../support/fake-scheduler.js';

const ENDLESS = range(0, 2 ** 50);
const LETTERS = ['a', 'b', 'c', 'd', 'e'];
const idOf = (chunk: Chunk): string => chunk.taskIds[0] as string;
const sizeOf = (chunk: Chunk): number => chunk.to - chunk.from;

/** Tasks that never run out of items, each at its own cost for an item. */
function endless(
  costs: Readonly<Record<string, number>>,
  lanes: number,
  priorities: Readonly<Record<string, number>> = {},
) {
  let longestMs = 0;
  const costMs = (chunk: Chunk): number => {
    const ms = sizeOf(chunk) * (costs[idOf(chunk)] as number);
    longestMs = Math.max(longestMs, ms);
    return ms;
  };
  const fake = fakeScheduler({ types: { batch: {} }, lanes, costMs });
  return {
    ...fake,
    start: (id: string) => fake.add(id, 'batch', { items: ENDLESS, priority: priorities[id] ?? 0 }),
    used: (id: string): number => fake.lanes.usedMs.get(id) ?? 0,
    longest: (): number => longestMs,
  };
}

/** The tasks that are in progress. */
function idsOf({ inProgress }: Scheduler): string[] {
  return Array.from(inProgress, (run) => Array.from(run.tasks(), ({ id }) => id)).flat();
}

function spread(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

const cost = fc.oneof(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.double({ min: 1, max: 100, noNaN: true }));
const manyCosts = fc.array(cost, { minLength: 2, maxLength: 5 });

describe('fair turns', () => {
  it('give every task the same thread-milliseconds within one chunk, whatever its chunks cost', async () => {
    await fc.assert(
      fc.asyncProperty(manyCosts, async (costs) => {
        const names = LETTERS.slice(0, costs.length);
        const all = endless(Object.fromEntries(names.map((name, at) => [name, costs[at] as number])), 1);
        names.forEach(all.start);
        await all.lanes.runUntil(3_000);
        expect(spread(names.map(all.used))).toBeLessThanOrEqual(all.longest() + 0.001);
      }),
      { numRuns: 20 },
    );
  });

  it('stay within one chunk for each lane where there are several', async () => {
    await fc.assert(
      fc.asyncProperty(manyCosts, fc.integer({ min: 2, max: 4 }), async (costs, lanes) => {
        const names = LETTERS.slice(0, costs.length);
        const all = endless(Object.fromEntries(names.map((name, at) => [name, costs[at] as number])), lanes);
        names.forEach(all.start);
        await all.lanes.runUntil(2_000);
        expect(spread(names.map(all.used))).toBeLessThanOrEqual((all.longest() + 25) * lanes);
      }),
      { numRuns: 15 },
    );
  });

  it('give twice the share for each step of priority', async () => {
    const priority = fc.integer({ min: -2, max: 1 });
    await fc.assert(
      fc.asyncProperty(cost, cost, priority, fc.integer({ min: 0, max: 3 }), async (a, b, low, steps) => {
        const all = endless({ a, b }, 1, { a: low, b: low + steps });
        all.start('a');
        all.start('b');
        await all.lanes.runUntil(6_000);
        expect(Math.abs(all.used('b') / 2 ** steps - all.used('a'))).toBeLessThanOrEqual(all.longest() + 0.001);
      }),
      { numRuns: 15 },
    );
  });

  it('start a newcomer level with who has used least: it neither waits for the others nor makes them wait', async () => {
    const all = endless({ a: 0.5, b: 2, c: 10 }, 1);
    all.start('a');
    await all.lanes.runUntil(2_000);
    all.start('b');
    await all.lanes.runUntil(3_000);
    const [a, b] = [all.used('a'), all.used('b')];
    expect(Math.abs(a - 2_000 - b)).toBeLessThanOrEqual(2 * all.longest());
    all.start('c');
    await all.lanes.runUntil(4_500);
    expect(spread([all.used('a') - a, all.used('b') - b, all.used('c')])).toBeLessThanOrEqual(2 * all.longest());
    expect(all.used('c')).toBeGreaterThan(400);
  });

  it('let a short task through a long batch after the chunks in flight', async () => {
    const costMs = (chunk: Chunk): number => (idOf(chunk) === 'long' ? sizeOf(chunk) * 0.1 : 1);
    const { add, lanes } = fakeScheduler({ types: { batch: {}, piece: { onePiece: true } }, lanes: 2, costMs });
    add('long', 'batch', { items: ENDLESS });
    await lanes.runUntil(2_000);
    const sentBefore = lanes.sent.length;
    const short = add('short', 'piece');
    while (short.settlement === null) await lanes.step();
    const waited = lanes.sent.slice(sentBefore).findIndex((chunk) => idOf(chunk) === 'short');
    expect(waited).toBeGreaterThanOrEqual(0);
    expect(waited).toBeLessThanOrEqual(2);
  });

  it('end a task before anything else: its finish goes first, though it has used most', async () => {
    const costMs = (chunk: Chunk): number => (idOf(chunk) === 'ending' ? 90 : sizeOf(chunk));
    const { add, lanes } = fakeScheduler({ types: { ends: { finish: true }, batch: {} }, costMs });
    add('ending', 'ends', { items: [1, 2, 3] });
    for (const id of ['x', 'y', 'z']) add(id, 'batch', { items: ENDLESS });
    const ofEnding = (): number[] => lanes.sent.flatMap((chunk, at) => (idOf(chunk) === 'ending' ? [at] : []));
    while (lanes.sent.at(-1)?.phase !== 'finish') await lanes.step();
    const [lastRun, finish] = ofEnding().slice(-2) as [number, number];
    expect(finish).toBe(lastRun + 1);
    expect(lanes.sent.slice(0, lastRun).some((chunk) => idOf(chunk) === 'x')).toBe(true);
  });

  it('never give a task more lanes than its parallelism, and give the rest to others', async () => {
    const types = { single: { parallelism: 1 }, batch: {} };
    const { add, lanes } = fakeScheduler({ types, lanes: 3, costMs: () => 10 });
    add('single', 'single', { items: ENDLESS });
    add('other', 'batch', { items: ENDLESS });
    for (let steps = 0; steps < 50; steps++) {
      await lanes.step();
      expect(lanes.flying('single')).toBeLessThanOrEqual(1);
      expect(lanes.free()).toBe(0);
    }
    expect(lanes.usedMs.get('single')).toBeGreaterThan(100);
  });
});

describe('slots', () => {
  it('keep to maxConcurrentTasks and to the concurrency of each type, start in order, and lose nobody', async () => {
    const types = {
      one: { onePiece: true, concurrency: 1 },
      two: { onePiece: true, concurrency: 2 },
      free: { onePiece: true },
    };
    const submitted = fc.record({
      type: fc.constantFrom('one', 'two', 'free'),
      priority: fc.integer({ min: -1, max: 1 }),
      stepsBefore: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(submitted, { maxLength: 40 }), fc.integer({ min: 1, max: 6 }), async (list, max) => {
        const { add, lanes, scheduler, events } = fakeScheduler({
          types,
          maxConcurrentTasks: max,
          lanes: 3,
          costMs: () => 10,
        });
        const check = (): void => {
          const running = Array.from(scheduler.inProgress, ({ type }) => type);
          expect(running.length).toBeLessThanOrEqual(max);
          expect(running.filter((type) => type === 'one').length).toBeLessThanOrEqual(1);
          expect(running.filter((type) => type === 'two').length).toBeLessThanOrEqual(2);
        };
        for (const [at, { type, priority, stepsBefore }] of list.entries()) {
          for (let step = 0; step < stepsBefore; step++) await lanes.step();
          add(`${type} ${priority} ${at}`, type, { priority });
          check();
        }
        while (await lanes.step()) check();
        expect([scheduler.inProgress.size, scheduler.pending.size]).toEqual([0, 0]);
        expect(events.filter(({ status }) => status === 'completed').length).toBe(list.length);
        for (const group of new Set(list.map(({ type, priority }) => `${type} ${priority} `))) {
          const started = events.filter(({ id, status }) => status === 'running' && id.startsWith(group));
          const order = started.map(({ id }) => Number(id.slice(group.length)));
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('of a type that is at its limit do not keep other types waiting', async () => {
    const types = { single: { onePiece: true, concurrency: 1 }, free: { onePiece: true } };
    const { add, scheduler } = fakeScheduler({ types, maxConcurrentTasks: 3, lanes: 3, costMs: () => 10 });
    for (const id of ['s1', 's2', 's3']) add(id, 'single', { priority: 5 });
    for (const id of ['f1', 'f2']) add(id, 'free');
    await turn();
    expect(idsOf(scheduler)).toEqual(['s1', 'f1', 'f2']);
  });

  it('go to the higher priority first, whoever came first', async () => {
    const { add, lanes } = fakeScheduler({
      types: { piece: { onePiece: true } },
      maxConcurrentTasks: 1,
      costMs: () => 10,
    });
    add('first', 'piece');
    await turn();
    for (const priority of [0, -5, 5, 2]) add(`priority ${priority}`, 'piece', { priority });
    while (await lanes.step());
    const order = lanes.sent.map(idOf);
    expect(order).toEqual(['first', 'priority 5', 'priority 2', 'priority 0', 'priority -5']);
  });

  it('grow and shrink with maxConcurrentTasks, and nobody in progress is stopped for it', async () => {
    const { add, lanes, scheduler } = fakeScheduler({ types: { batch: {} }, maxConcurrentTasks: 2, costMs: () => 10 });
    for (const id of LETTERS) add(id, 'batch', { items: ENDLESS });
    await turn();
    expect(scheduler.inProgress.size).toBe(2);
    scheduler.maxConcurrentTasks = 4;
    await turn();
    expect(scheduler.inProgress.size).toBe(4);
    scheduler.maxConcurrentTasks = 1;
    await lanes.step();
    expect([scheduler.inProgress.size, scheduler.pending.size]).toEqual([4, 1]);
  });

  it('and turns are not given out while paused; what flies ends', async () => {
    const { add, lanes, scheduler } = fakeScheduler({ types: { batch: {} }, lanes: 2, costMs: () => 10 });
    add('a', 'batch', { items: ENDLESS });
    await lanes.runUntil(100);
    scheduler.paused = true;
    add('b', 'batch', { items: ENDLESS });
    const sent = lanes.sent.length;
    while (await lanes.step());
    expect([lanes.sent.length, idsOf(scheduler).includes('b'), lanes.busy()]).toEqual([sent, false, 0]);
    scheduler.paused = false;
    await turn();
    expect([idsOf(scheduler).includes('b'), lanes.free()]).toEqual([true, 0]);
  });
});
