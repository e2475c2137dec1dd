import { availableParallelism } from 'node:os';
import { TaskManager, systemClock } from 'treadle';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ResolvedOptions, resolveOptions } from '../../dist/engine/options.js';
import { expectRefused } from '../support/bad-values.js';
import { ManualClock } from '../support/manual-clock.js';
import { closedAtEnd, testTypes } from '../support/test-manager.js';

const VARIABLE = 'TREADLE_MAX_CONCURRENT_TASKS';
const HOUR_MS = 3_600_000;

beforeEach(() => void vi.stubEnv(VARIABLE, undefined));
afterEach(() => void vi.unstubAllEnvs());

const resolved = (options: object = {}): ResolvedOptions => resolveOptions({ types: {}, ...options });

describe('options', () => {
  it('have defaults for everything but the types', () => {
    const { id, random, ...rest } = resolved();
    const cores = availableParallelism();
    expect(rest).toEqual({
      maxConcurrentTasks: Math.max(16, 4 * cores),
      threads: {
        max: cores,
        idleMs: 60_000,
        resourceLimits: {},
        nice: 10,
        recycle: { afterTasks: Infinity, heapMb: Infinity },
      },
      queue: { max: 10_000, maxPendingPerOwner: Infinity },
      history: { max: 10_000, completedTtlMs: 24 * HOUR_MS, failedTtlMs: 7 * 24 * HOUR_MS, inputBytes: 67_108_864 },
      cancelGraceMs: 2_000,
      reconcileEveryMs: 10_000,
      clock: systemClock,
    });
    expect(new Set(Array.from({ length: 1_000 }, () => id())).size).toBe(1_000);
    expect(random).toBe(Math.random);
  });

  it('are taken where they are given, at their limits too', () => {
    const given = {
      maxConcurrentTasks: 1,
      threads: {
        max: 1,
        idleMs: Infinity,
        resourceLimits: { maxOldGenerationSizeMb: 64 },
        nice: 19,
        recycle: { afterTasks: 1, heapMb: 0.5 },
      },
      queue: { max: 0, maxPendingPerOwner: 1 },
      history: { max: 0, completedTtlMs: 0, failedTtlMs: Infinity, inputBytes: 0 },
      cancelGraceMs: Infinity,
      reconcileEveryMs: Infinity,
      clock: new ManualClock(),
      id: () => 'the id',
      random: () => 0.5,
    };
    expect(resolved(given)).toEqual(given);
  });

  it('count as left out where they are undefined', () => {
    const { id, ...rest } = resolved({
      maxConcurrentTasks: undefined,
      threads: { max: undefined },
      queue: undefined,
      clock: undefined,
    });
    const { id: otherId, ...defaults } = resolved();
    expect(rest).toEqual(defaults);
    expect([typeof id, typeof otherId]).toEqual(['function', 'function']);
  });

  it('let four times as many tasks be in progress as there are threads, and never fewer than 16', () => {
    expect([1, 4, 5, 10].map((max) => resolved({ threads: { max } }).maxConcurrentTasks)).toEqual([16, 16, 20, 40]);
  });

  it('are frozen, and changing what was given changes nothing', () => {
    const given = { threads: { max: 3, resourceLimits: { maxOldGenerationSizeMb: 64 } }, history: { max: 5 } };
    const options = resolved(given);
    given.threads.max = 7;
    given.history.max = 9;
    given.threads.resourceLimits.maxOldGenerationSizeMb = 1;
    expect([options.threads.max, options.history.max, options.threads.resourceLimits.maxOldGenerationSizeMb]).toEqual([
      3, 5, 64,
    ]);
    for (const part of [options, options.threads, options.queue, options.history])
      expect(Object.isFrozen(part)).toBe(true);
  });
});

describe(VARIABLE, () => {
  const limit = (maxConcurrentTasks?: number): number => {
    const manager = new TaskManager({
      types: testTypes(),
      ...(maxConcurrentTasks === undefined ? {} : { maxConcurrentTasks }),
    });
    return closedAtEnd(manager).stats().maxConcurrentTasks;
  };

  it('is the default of maxConcurrentTasks', () => {
    vi.stubEnv(VARIABLE, '7');
    expect(limit()).toBe(7);
  });

  it('gives way to the option', () => {
    vi.stubEnv(VARIABLE, '7');
    expect(limit(3)).toBe(3);
  });

  it.each(['', '   '])('counts as not set when it is empty: "%s"', (text) => {
    vi.stubEnv(VARIABLE, text);
    expect(limit()).toBe(Math.max(16, 4 * availableParallelism()));
  });

  it.each(['0', '-3', '1.5', 'many', 'Infinity', '3 tasks'])(
    'is refused by name when it is no integer from 1 on: "%s"',
    async (text) => {
      vi.stubEnv(VARIABLE, text);
      const error = await expectRefused(() => limit(), VARIABLE, JSON.stringify(text));
      expect(error.message).toContain('an integer >= 1');
    },
  );
});
