import type { SettledRecord, TaskHandle, TaskRecord } from 'treadle';
import { describe, expect, it } from 'vitest';
import { CHAOS_TYPE_NAMES, chaosType } from './chaos-types.js';
import { FAULTS, type FaultName, needsStop } from './faults.js';
import { ItemFeed } from './item-feed.js';
import { Ledger } from './ledger.js';
import { leftBehind } from './left-behind.js';
import { MovingLimit } from './limits.js';
import { allowedEndings, expectedValue } from './oracle.js';
import { leastSquares } from './soak/slope.js';
import { type TaskPlan, planTask } from './task-plan.js';
import { Violations } from './violations.js';

const MENU = Object.keys(FAULTS) as FaultName[];
const plans = Array.from({ length: 3_000 }, (_, number) => planTask(5, number, MENU));

function planOf(fault: FaultName, wanted: (plan: TaskPlan) => boolean = () => true): TaskPlan {
  const found = plans.find((plan) => plan.fault === fault && wanted(plan));
  if (found === undefined) throw new Error(`No plan of 3,000 has ${fault}`);
  return found;
}

describe('what a seed decides', () => {
  it('is the same each time, and something else for another seed', () => {
    expect(Array.from({ length: 100 }, (_, number) => planTask(5, number, MENU))).toEqual(plans.slice(0, 100));
    expect(Array.from({ length: 100 }, (_, number) => planTask(6, number, MENU))).not.toEqual(plans.slice(0, 100));
  });

  it('has every fault and every type, and stops whatever does not end by itself', () => {
    expect(new Set(plans.map(({ fault }) => fault))).toEqual(new Set(MENU));
    expect(new Set(plans.map(({ type }) => type))).toEqual(new Set(CHAOS_TYPE_NAMES));
    const endless = plans.filter(({ fault }) => needsStop(fault));
    expect(endless.length).toBeGreaterThan(100);
    for (const plan of endless) {
      expect(plan.cancel !== null || chaosType(plan.type).policy.timeoutMs !== undefined).toBe(true);
    }
  });
});

describe('the oracle', () => {
  it('lets a task end only as its fault, its policy and a cancel allow', () => {
    const timed = planOf('throw', ({ type }) => type === 'piece_timed');
    expect([...allowedEndings(timed, false)].toSorted()).toEqual(['TASK_FAILED', 'TASK_TIMEOUT']);
    const untimed = planOf('throw', ({ type, step }) => type === 'piece' && step === 'work');
    expect([...allowedEndings(untimed, false)]).toEqual(['TASK_FAILED']);
    expect([...allowedEndings(untimed, true)]).toEqual(['TASK_FAILED', 'cancelled']);
    const cleaning = planOf('exit', ({ step }) => step === 'cleanup');
    expect([...allowedEndings(cleaning, false)]).toEqual(['completed']);
    const batch = planOf('exit-once', ({ type, step }) => type === 'squares' && step === 'work');
    expect([...allowedEndings(batch, false)]).toEqual(['completed']);
  });
});

/** As much of a record as the ledger looks at. */
function record(status: TaskRecord['status'], fraction: number | null = null): TaskRecord {
  const error = status === 'failed' ? { code: 'TASK_FAILED', message: 'why' } : null;
  return {
    id: 'a',
    status,
    error,
    progress: { fraction, itemsDone: 0 },
    failedItems: { count: 0, items: [] },
  } as unknown as TaskRecord;
}

const handleWith = (value: unknown): TaskHandle => ({ result: () => Promise.resolve(value) }) as unknown as TaskHandle;

/** What the ledger says of a task without a fault to which this happened. */
async function verdict(happen: (ledger: Ledger, plan: TaskPlan) => void): Promise<readonly string[]> {
  const violations = new Violations();
  const ledger = new Ledger(violations);
  const plan = planOf('none', ({ type }) => type === 'piece');
  const entry = ledger.accept('a', plan, null);
  entry.typeHooks = 1;
  entry.managerHooks = 1;
  entry.handle = handleWith(expectedValue(plan));
  happen(ledger, plan);
  await ledger.audit();
  return violations.lines.map((line) => line.split('\n')[0] as string);
}

describe('the ledger', () => {
  const settle = (ledger: Ledger, status: SettledRecord['status']): void =>
    void ledger.settled(record(status) as SettledRecord);
  const begin = (ledger: Ledger): void => void ledger.moved(record('running'));

  it('says nothing of a task that went as it should', async () => {
    expect(
      await verdict((ledger) => {
        begin(ledger);
        settle(ledger, 'completed');
      }),
    ).toEqual([]);
  });

  it.each<[string, (ledger: Ledger, plan: TaskPlan) => void, string]>([
    ['never settles', begin, 'never settled: it is running'],
    ['settles unbegun', (ledger) => settle(ledger, 'completed'), 'went from pending to completed'],
    [
      'settles twice',
      (ledger) => {
        begin(ledger);
        settle(ledger, 'completed');
        settle(ledger, 'completed');
      },
      'settled twice: completed, then completed',
    ],
    [
      'fails without a fault',
      (ledger) => {
        begin(ledger);
        settle(ledger, 'failed');
      },
      'ended as TASK_FAILED: why',
    ],
    [
      'returns something else',
      (ledger) => {
        (ledger.entries.get('a') as { handle: TaskHandle }).handle = handleWith('odd');
        begin(ledger);
        settle(ledger, 'completed');
      },
      'returned "odd" and not {"number":',
    ],
    [
      'falls back',
      (ledger) => {
        begin(ledger);
        ledger.progressed(record('running', 0.5));
        ledger.progressed(record('running', 0.4));
        settle(ledger, 'completed');
      },
      'its fraction fell from 0.5 to 0.4',
    ],
    [
      'is told to its hooks twice',
      (ledger) => {
        begin(ledger);
        settle(ledger, 'completed');
        (ledger.entries.get('a') as { managerHooks: number }).managerHooks++;
      },
      'its end was told to events, type hook and manager hook 1, 1, 2 times',
    ],
  ])('names a task that %s', async (_, happen, said) => {
    const lines = await verdict(happen);
    expect(
      lines.some((line) => line.startsWith(said)),
      lines.join('\n'),
    ).toBe(true);
  });
});

describe('an iterator', () => {
  const iteratorOf = (feed: ItemFeed): Iterator<unknown> => (feed.items as Iterable<unknown>)[Symbol.iterator]();
  const feedOf = (): ItemFeed =>
    new ItemFeed(planOf('none', (plan) => plan.itemsFrom === 'iterator' && plan.items > 1));

  it('complains when it is left without being told to return, or told after its end', () => {
    const left = feedOf();
    iteratorOf(left).next();
    expect(left.complaint).toContain('never told to return');
    const told = feedOf();
    const iterator = iteratorOf(told);
    while (iterator.next().done !== true);
    expect(told.complaint).toBeNull();
    iterator.return?.();
    expect(told.complaint).toContain('after its end');
  });
});

describe('a limit that moves', () => {
  it('lets those who were in stay, and nobody else in', () => {
    const limit = new MovingLimit(3);
    expect(limit.check(3)).toBeNull();
    limit.set(1);
    expect(limit.check(3)).toBeNull();
    limit.sink(2);
    expect(limit.check(2)).toBeNull();
    expect(limit.check(3)).toBe('3 in use, 1 allowed');
    limit.set(4);
    expect(limit.check(4)).toBeNull();
    expect(limit.peak).toBe(4);
  });
});

describe('what is left behind', () => {
  it('is what there is more of than before', () => {
    const before = {
      heapBytes: 10,
      bufferBytes: 0,
      resources: new Map([['Timeout', 1]]),
      listeners: new Map([['exit', 1]]),
    };
    expect(leftBehind(before, { ...before, heapBytes: 110 }, 100)).toEqual([]);
    const now = {
      heapBytes: 111,
      bufferBytes: 0,
      resources: new Map([['Timeout', 2]]),
      listeners: new Map([['SIGTERM', 1]]),
    };
    expect(leftBehind(before, now, 100)).toEqual([
      'keeps the process alive: Timeout, 2 instead of 1',
      'listens on process: SIGTERM, 1 instead of 0',
      'the heap was 0.0 MiB and is 0.0 MiB',
    ]);
  });
});

describe('the slope of samples', () => {
  const times = Array.from({ length: 100 }, (_, at) => at / 10);
  // A fixed sequence without a trend.
  const noise = times.map((_, at) => Math.sin(at * at));

  it('is that of the line they lie on', () => {
    const { perUnit, margin, atZero } = leastSquares(
      times,
      times.map((time) => 7 + 3 * time),
    );
    expect(perUnit).toBeCloseTo(3, 10);
    expect(atZero).toBeCloseTo(7, 10);
    expect(margin).toBeCloseTo(0, 10);
  });

  it('has an interval that covers the slope under the noise, as wide as the textbook says', () => {
    const { perUnit, margin } = leastSquares(
      times,
      times.map((time, at) => 3 * time + (noise[at] as number)),
    );
    expect(Math.abs(perUnit - 3)).toBeLessThan(margin);
    // 1.984 (Student's t, 98 degrees) × the residuals' deviation ÷ the root of the times' spread.
    const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value ** 2, 0) / 98);
    expect(margin).toBeGreaterThan((1.984 * deviation) / Math.sqrt(833.25) / 1.1);
    expect(margin).toBeLessThan(((1.984 * deviation) / Math.sqrt(833.25)) * 1.3);
  });

  it('has a wider interval where neighbours are alike', () => {
    const slow = times.map((_, at) => noise[Math.floor(at / 10)] as number);
    const shuffled = times.map((_, at) => slow[(at * 37) % 100] as number);
    expect(leastSquares(times, slow).margin).toBeGreaterThan(2 * leastSquares(times, shuffled).margin);
  });

  it('refuses too few samples', () => {
    expect(() => leastSquares([1, 2, 3], [1, 2, 3])).toThrow(RangeError);
    expect(() => leastSquares([1, 1, 1, 1], [1, 2, 3, 4])).toThrow(RangeError);
  });
});
