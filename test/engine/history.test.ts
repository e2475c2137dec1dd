import * as fc from 'fast-check';
import { TreadleError } from 'treadle';
import { describe, expect, it } from 'vitest';
import { History } from '../../dist/engine/history.js';
import type { SettledRecord, TerminalStatus } from '../../dist/engine/task-record.js';
import { type Settlement, Task } from '../../dist/engine/task.js';
import { ManualClock } from '../support/manual-clock.js';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

function settledRecord(id: string, status: TerminalStatus, clock: ManualClock): SettledRecord {
  const identity = { id, type: 'digest', resourceId: null, group: null, owner: null, meta: null };
  const task = new Task(identity, { input: undefined, items: null }, 0, clock, { onTransition: () => {} });
  const ends: Record<TerminalStatus, Settlement> = {
    completed: { status: 'completed', value: 1 },
    failed: { status: 'failed', error: new TreadleError('TASK_FAILED', 'it failed') },
    cancelled: { status: 'cancelled' },
  };
  if (status !== 'cancelled') task.transition('running');
  task.settle(ends[status]);
  return task.snapshot() as SettledRecord;
}

function history(max: number, completedTtlMs: number, failedTtlMs: number) {
  const clock = new ManualClock();
  const evicted: string[] = [];
  const kept = new History({ max, completedTtlMs, failedTtlMs }, clock, ({ id }) => evicted.push(id));
  return { clock, evicted, kept };
}

type Step = { readonly add: TerminalStatus } | { readonly advanceMs: number } | 'expire';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.constantFrom('completed', 'failed', 'cancelled') }) },
  { weight: 2, arbitrary: fc.record({ advanceMs: fc.integer({ min: 0, max: 60 }) }) },
  { weight: 1, arbitrary: fc.constant('expire' as const) },
);

describe('the history', () => {
  it('never holds more than max, lets the oldest go first, and none a millisecond before its time', () => {
    const limits = fc.record({
      max: fc.integer({ min: 0, max: 8 }),
      completed: fc.constantFrom(0, 20, 100, Infinity),
      failed: fc.constantFrom(0, 20, 100, Infinity),
    });
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60 }), ({ max, completed, failed }, steps) => {
        const { clock, evicted, kept } = history(max, completed, failed);
        // The same in the plainest words: a list, oldest first.
        let model: SettledRecord[] = [];
        const gone: string[] = [];
        const expire = (): void => {
          const lives = ({ status, completedAt }: SettledRecord): boolean =>
            clock.now() - completedAt <= (status === 'failed' ? failed : completed);
          gone.push(...model.filter((record) => !lives(record)).map(({ id }) => id));
          model = model.filter(lives);
        };
        for (const [at, next] of steps.entries()) {
          if (next === 'expire') {
            kept.evictExpired();
            expire();
          } else if ('advanceMs' in next) {
            clock.advance(next.advanceMs);
          } else {
            // Of those that settled in the same millisecond none is older.
            clock.advance(1);
            const record = settledRecord(`task ${at}`, next.add, clock);
            kept.add(record);
            model.push(record);
            gone.push(...model.splice(0, Math.max(0, model.length - max)).map(({ id }) => id));
            expire();
            expect(kept.size).toBeLessThanOrEqual(max);
          }
          expect(kept.size).toBe(model.length);
          expect([...evicted].sort()).toEqual([...gone].sort());
        }
      }),
    );
  });

  it('evicts each record once, in the order in which they settled', () => {
    const { clock, evicted, kept } = history(3, Infinity, Infinity);
    const ids = Array.from({ length: 10 }, (_, at) => `task ${at}`);
    for (const [at, id] of ids.entries()) {
      clock.advance(1);
      kept.add(settledRecord(id, at % 3 === 0 ? 'failed' : 'completed', clock));
    }
    expect(evicted).toEqual(ids.slice(0, 7));
  });

  it('keeps failed records for their own, longer time', () => {
    const { clock, evicted, kept } = history(10, 1_000, 5_000);
    for (const status of ['completed', 'failed', 'cancelled'] as const) kept.add(settledRecord(status, status, clock));
    clock.advance(1_000);
    kept.evictExpired();
    expect(evicted).toEqual([]);
    clock.advance(1);
    kept.evictExpired();
    expect(evicted).toEqual(['completed', 'cancelled']);
    clock.advance(4_000);
    kept.evictExpired();
    expect(evicted).toEqual(['completed', 'cancelled', 'failed']);
    expect(kept.size).toBe(0);
  });
});

describe('the history of a manager', () => {
  it.each([0, 1, 3])('of at most %d records never evicts a task in progress', async (max) => {
    const tasks = createTestManager({ history: { max } });
    const gate = new Gate();
    const running = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    for (let at = 0; at < 6; at++) {
      const task = await tasks.submit('fault', { input: { action: 'echo', value: at } });
      expect((await task.settled()).status).toBe('completed');
      expect(tasks.get(running.id)?.status).toBe('running');
      expect(tasks.stats()).toMatchObject({ running: 1, completed: at + 1, history: Math.min(max, at + 1) });
      expect(tasks.list({ limit: 200 }).records.length).toBe(Math.min(max, at + 1) + 1);
    }
    gate.open();
    expect((await running.settled()).status).toBe('completed');
    expect(tasks.list().records.length).toBe(max === 0 ? 0 : max);
  });

  it('never evicts a task that waits, however old it is', async () => {
    const clock = new ManualClock();
    const tasks = createTestManager({ clock, history: { max: 1, completedTtlMs: 1, failedTtlMs: 1 } });
    tasks.pause();
    const waiting = await tasks.submit('fault', { input: { action: 'echo' } });
    clock.advance(10 ** 7);
    for (let at = 0; at < 3; at++) (await tasks.submit('fault', { input: { action: 'echo' } })).cancel();
    expect(tasks.list().records.map(({ status }) => status)).toEqual(['cancelled', 'pending']);
    expect(tasks.get(waiting.id)?.status).toBe('pending');
  });

  it('shows a record until its time is over, and the holder of the handle still has it after that', async () => {
    const clock = new ManualClock();
    const tasks = createTestManager({ clock, history: { completedTtlMs: 1_000, failedTtlMs: 2_000 } });
    const completed = await tasks.submit('fault', { input: { action: 'echo', value: 1 }, group: 'g' });
    await completed.settled();
    const failed = await tasks.submit('fault', { input: { action: 'throw' }, group: 'g' });
    await failed.settled();
    clock.advance(1_000);
    expect([tasks.get(completed.id)?.status, tasks.get(failed.id)?.status]).toEqual(['completed', 'failed']);
    clock.advance(1);
    expect(tasks.get(completed.id)).toBeUndefined();
    expect(tasks.list().records.map(({ id }) => id)).toEqual([failed.id]);
    expect(tasks.takeResults('g').map(({ id }) => id)).toEqual([failed.id]);
    clock.advance(1_000);
    expect([tasks.list().records, tasks.get(failed.id)]).toEqual([[], undefined]);
    expect(await completed.result()).toBe(1);
    expect(completed.record.status).toBe('completed');
  });
});
