import * as fc from 'fast-check';
import { TreadleError } from 'treadle';
import { describe, expect, it } from 'vitest';
import {
  MAX_TEXT_LENGTH,
  TASK_STATUSES,
  TRANSITIONS,
  type TaskRecord,
  type TaskStatus,
  type TerminalStatus,
  isTerminal,
} from '../../dist/engine/task-record.js';
import { MAX_MESSAGES } from '../../dist/engine/protocol.js';
import { type Settlement, Task } from '../../dist/engine/task.js';
import { ManualClock } from '../support/manual-clock.js';
import { createTestManager } from '../support/test-manager.js';
import { untyped } from '../support/waiting-task.js';

const CUT = '...[truncated]';
const MAX_TEXT = MAX_TEXT_LENGTH + CUT.length;

type Live = Exclude<TaskStatus, TerminalStatus>;
type Move = { readonly to: Live } | { readonly settle: Settlement };

const ENDS = {
  completed: { status: 'completed', value: 'the result' },
  failed: { status: 'failed', error: new TreadleError('TASK_FAILED', 'it failed') },
  cancelled: { status: 'cancelled' },
} as const satisfies Record<TerminalStatus, Settlement>;

/** How to bring a new task into each state. */
const WAYS: Record<TaskStatus, readonly TaskStatus[]> = {
  pending: [],
  running: ['running'],
  cancelling: ['running', 'cancelling'],
  completed: ['running', 'completed'],
  failed: ['running', 'failed'],
  cancelled: ['cancelled'],
};

function observedTask() {
  const clock = new ManualClock();
  const events: TaskStatus[] = [];
  const identity = { id: 'a', type: 'digest', resourceId: null, group: null, owner: null, meta: null };
  const task = new Task(identity, { input: 1, items: null }, 0, clock, {
    onTransition: (of) => events.push(of.status),
  });
  const move = (to: TaskStatus): boolean => {
    clock.advance(1);
    return isTerminal(to) ? task.settle(ENDS[to]) : task.transition(to);
  };
  return { clock, events, task, move };
}

function taskIn(status: TaskStatus) {
  const observed = observedTask();
  for (const step of WAYS[status]) observed.move(step);
  expect(observed.task.status).toBe(status);
  observed.events.length = 0;
  return observed;
}

/** What every reader of the union may count on. */
function expectFits(record: TaskRecord): void {
  const settled = isTerminal(record.status);
  expect(Object.isFrozen(record)).toBe(true);
  expect(record.completedAt === null).toBe(!settled);
  const mayNeverStart = ['pending', 'failed', 'cancelled'].includes(record.status);
  if (!mayNeverStart) expect(record.startedAt).not.toBeNull();
  if (record.status !== 'completed') expect(record).toMatchObject({ result: null, resultOmitted: false });
  expect(record.error === null).toBe(record.status !== 'failed');
  if (record.status !== 'running') expect(record.stopping).toBeNull();
  expect(record.updatedAt).toBeGreaterThanOrEqual(record.startedAt ?? record.createdAt);
  if (settled) expect(record.updatedAt).toBe(record.completedAt);
}

describe('the states of a task', () => {
  const pairs = TASK_STATUSES.flatMap((from) => TASK_STATUSES.map((to) => [from, to] as const));

  it.each(pairs)('go from %s to %s only where TRANSITIONS says so, with one event', (from, to) => {
    const { task, move, events } = taskIn(from);
    const allowed = (TRANSITIONS[from] as readonly TaskStatus[]).includes(to);
    expect(move(to)).toBe(allowed);
    expect(task.status).toBe(allowed ? to : from);
    expect(events).toEqual(allowed ? [to] : []);
    expectFits(task.snapshot());
  });

  it('allow these ways and no other', () => {
    expect(TRANSITIONS).toEqual({
      pending: ['running', 'failed', 'cancelled'],
      running: ['pending', 'cancelling', 'completed', 'failed'],
      cancelling: ['cancelled', 'completed', 'failed'],
      completed: [],
      failed: [],
      cancelled: [],
    });
  });

  it.each(['completed', 'failed', 'cancelled'] as const)('has no other door to %s than settle', (end) => {
    const { task, events } = taskIn(end === 'cancelled' ? 'cancelling' : 'running');
    expect(task.transition(untyped(end))).toBe(false);
    expect(events).toEqual([]);
    expect(task.settle(ENDS[end])).toBe(true);
  });

  const anyMove: fc.Arbitrary<Move> = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Live>('pending', 'running', 'cancelling').map((to) => ({ to })) },
    { weight: 1, arbitrary: fc.constantFrom(...Object.values(ENDS)).map((settle) => ({ settle })) },
  );

  it('settles once, drops what comes later, and emits one event for each step, whatever is asked of it', () => {
    fc.assert(
      fc.property(fc.array(anyMove, { maxLength: 20 }), (moves) => {
        const { clock, task, events } = observedTask();
        const expected: TaskStatus[] = [];
        let status: TaskStatus = 'pending';
        let end: TaskRecord | null = null;
        for (const step of moves) {
          clock.advance(1);
          const to = 'to' in step ? step.to : step.settle.status;
          const allowed = (TRANSITIONS[status] as readonly TaskStatus[]).includes(to);
          expect('to' in step ? task.transition(step.to) : task.settle(step.settle)).toBe(allowed);
          if (allowed) expected.push((status = to));
          expectFits(task.snapshot());
          if (end === null && isTerminal(status)) end = task.snapshot();
          if (end !== null) expect(task.snapshot()).toBe(end);
        }
        expect(events).toEqual(expected);
        expect(events.filter(isTerminal).length).toBeLessThanOrEqual(1);
        expect(task.work === null).toBe(end !== null);
      }),
    );
  });

  it('keeps the first settlement when a listener settles the task again from inside the event', () => {
    const clock = new ManualClock();
    let inner: boolean | null = null;
    const identity = { id: 'a', type: 'digest', resourceId: null, group: null, owner: null, meta: null };
    const task: Task = new Task(identity, { input: 1, items: null }, 0, clock, {
      onTransition: () => (inner ??= task.settle(ENDS.failed)),
    });
    expect(task.settle(ENDS.cancelled)).toBe(true);
    expect(inner).toBe(false);
    expect(task.snapshot().status).toBe('cancelled');
  });

  it('keeps the time of the first start when it is tried again', () => {
    const { task, move } = taskIn('running');
    const { startedAt } = task.snapshot();
    move('pending');
    expect(task.snapshot()).toMatchObject({ status: 'pending', startedAt });
    move('running');
    expect(task.snapshot()).toMatchObject({ status: 'running', startedAt });
  });
});

describe('the bounds of a record', () => {
  const log = (task: Task, ...texts: string[]): unknown =>
    task.addNotes({ messages: texts.map((text) => ({ at: 5, text })), dropped: 0 });

  it(`keeps the last ${MAX_MESSAGES} messages, each of at most ${MAX_TEXT_LENGTH} characters, however they come`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 1_200 }), { maxLength: 70 }), { maxLength: 4 }),
        (batches) => {
          const { task } = taskIn('running');
          for (const batch of batches) log(task, ...batch);
          const { messages } = task.snapshot();
          expect(messages.length).toBe(Math.min(MAX_MESSAGES, batches.flat().length));
          for (const { text } of messages) expect(text.length).toBeLessThanOrEqual(MAX_TEXT);
          expect(Object.isFrozen(messages) && messages.every((message) => Object.isFrozen(message))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('keeps the newest messages in order, and says how many never came', () => {
    const { task } = taskIn('running');
    log(task, ...Array.from({ length: 60 }, (_, at) => `line ${at}`));
    expect(task.snapshot().messages.map(({ text }) => text)).toEqual(
      Array.from({ length: 50 }, (_, at) => `line ${at + 10}`),
    );
    task.addNotes({ messages: [{ at: 5, text: 'last' }], dropped: 7 });
    expect(
      task
        .snapshot()
        .messages.slice(-2)
        .map(({ text }) => text),
    ).toEqual(['(7 messages left out)', 'last']);
  });

  it('drops messages that come after the end, and replaces secrets in those before', () => {
    const { task, move } = taskIn('running');
    log(task, 'password=hunter2hunter2');
    move('completed');
    expect(log(task, 'late')).toEqual([]);
    expect(task.snapshot().messages.map(({ text }) => text)).toEqual(['password=[REDACTED]']);
  });

  it('cuts every text of an error', () => {
    const long = 'so it goes '.repeat(1_000);
    const cause = Object.assign(new Error(long), { name: long, code: long });
    const { task } = taskIn('running');
    task.settle({ status: 'failed', error: new TreadleError('TASK_FAILED', long, { cause }) });
    const { error } = task.snapshot();
    for (const text of [error?.message, error?.name, error?.causeCode]) {
      expect(text).toHaveLength(MAX_TEXT);
      expect(text).toMatch(/\.\.\.\[truncated\]$/);
    }
  });

  it('leaves a result over 64 KiB out of the record, and keeps it for the holder of the handle', () => {
    fc.assert(
      fc.property(fc.integer({ min: 65_000, max: 66_000 }), (length) => {
        const { task } = taskIn('running');
        const value = 'x'.repeat(length);
        task.settle({ status: 'completed', value });
        const omitted = length > 65_536;
        expect(task.snapshot()).toMatchObject({ resultOmitted: omitted, result: omitted ? null : value });
        expect(task.settlement).toEqual({ status: 'completed', value });
      }),
    );
  });

  it('shows no result as null, and falsy results as they are', () => {
    for (const [value, shown] of [
      [undefined, null],
      [null, null],
      [0, 0],
      ['', ''],
      [false, false],
    ]) {
      const { task } = taskIn('running');
      task.settle({ status: 'completed', value });
      expect(task.snapshot()).toMatchObject({ result: shown, resultOmitted: false });
    }
  });

  it('freezes a copy of meta, all the way down', async () => {
    const tasks = createTestManager();
    tasks.pause();
    const meta = { tags: [{ name: 'a' }] };
    const task = await tasks.submit('fault', { input: { action: 'echo' }, meta });
    meta.tags.push({ name: 'b' });
    const kept = task.record.meta as typeof meta;
    expect(kept).toEqual({ tags: [{ name: 'a' }] });
    expect([kept, kept.tags, kept.tags[0]].every((part) => Object.isFrozen(part))).toBe(true);
  });
});
