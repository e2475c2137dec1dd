import { type TestContext, afterAll, afterEach, describe, expect, it } from 'vitest';
import { FaultBench, type FaultBenchOptions } from '../support/fault-bench.js';
import { type Mark, type Moment, type Scenario, type Trial, matrixTable } from '../support/fault-matrix.js';

declare global {
  interface ImportMeta {
    /** Vite's: what all files that fit export. */
    glob<Exported>(pattern: string, options: { eager: true; import: string }): Record<string, Exported>;
  }
}

/** What has a contract. More rows may be there; these must. */
const ROWS = [
  // On threads
  'throws an error with a code and fields',
  'throws null, undefined or a text',
  "returns or throws what can't be cloned",
  "has an input that can't be cloned",
  'calls process.exit(), with 0 too',
  'an uncaught error or rejection while it runs',
  'an error by what an earlier task left behind',
  'fills its heap little by little',
  'fills its heap at one stroke',
  'never comes to an end',
  'its module is missing, broken, or ends threads',
  'the last thread dies while tasks wait',
  'the thread that takes its place does not start',
  // Cancelling and time
  'cancel, of work that heeds it',
  'cancel, of a loop that never looks',
  'cancel, during a native call',
  'cancel, of work that must not be killed',
  'its time is up',
  'cancel, of a task that waits',
  'another is submitted while its thread is killed',
  'tells more than anybody can hear',
  'fifty are submitted where three may run',
  'close() with two running and two waiting',
  // SQLite
  'two threads write to one database',
] as const;

const scenarios = Object.values(import.meta.glob<Scenario>('./scenarios/*.ts', { eager: true, import: 'default' }));
const order = (row: string): number => (ROWS as readonly string[]).indexOf(row) >>> 0;
scenarios.sort((a, b) => order(a.row) - order(b.row));

/** The tests of each row and moment, to look at when all have run. */
const tests = new Map<string, TestContext['task'][]>();

function markOf(row: string, moment: Moment): Mark {
  const states = (tests.get(`${row}\n${moment}`) ?? []).map(({ result }) => result?.state);
  if (states.length === 0) return 'not run';
  return states.every((state) => state === 'pass') ? 'passed' : 'failed';
}

function isTrial(cell: Scenario['cells'][Moment]): cell is Trial {
  return 'run' in cell;
}

// One bench at a time: first those moments that share one.
const SHARED = ['plan', 'run', 'finish', 'cleanup', 'cancelling'] as const satisfies Moment[];
const OWN = {
  pending: { threads: 1, maxConcurrentTasks: 1 },
  closing: {},
} as const satisfies Partial<Record<Moment, FaultBenchOptions>>;

describe.each(scenarios.map((scenario) => [scenario.row, scenario] as const))('%s', (row, { cells, options = {} }) => {
  let shared: FaultBench | null = null;

  /** Its trial has not come to an end. */
  let stuck: FaultBench | null = null;

  async function attempt(trial: Trial, bench: FaultBench): Promise<void> {
    stuck = bench;
    await trial.run(bench);
    await bench.check();
    stuck = null;
  }

  afterEach(async () => {
    if (stuck === null) return;
    const bench = stuck;
    stuck = shared = null;
    await bench.abandon();
  });

  function testOf(moment: Moment, body: (trial: Trial) => Promise<void>): void {
    const cell = cells[moment];
    if (!isTrial(cell)) return;
    it(`${moment}: ${cell.behaviour}`, async ({ task }) => {
      const key = `${row}\n${moment}`;
      tests.set(key, [...(tests.get(key) ?? []), task]);
      await body(cell);
    });
  }

  for (const moment of SHARED) {
    testOf(moment, async (trial) => {
      shared ??= new FaultBench(options);
      const bench = shared;
      await attempt(trial, bench);
      if (bench.closed) shared = null;
    });
  }

  it('after that close() leaves no thread, no timer and no unsettled task', async () => {
    const bench = shared;
    shared = null;
    await bench?.checkClosed();
  });

  for (const [moment, own] of Object.entries(OWN) as [keyof typeof OWN, FaultBenchOptions][]) {
    testOf(moment, async (trial) => {
      const bench = new FaultBench({ ...options, ...own });
      await attempt(trial, bench);
      if (!bench.closed) await bench.checkClosed();
    });
  }
});

describe('the matrix', () => {
  it('has each row of the contract, once', () => {
    const rows = scenarios.map(({ row }) => row);
    expect(new Set(rows).size).toBe(rows.length);
    expect(ROWS.filter((row) => !rows.includes(row))).toEqual([]);
  });
});

afterAll(() => {
  console.log(`What can go wrong, and when\n\n${matrixTable(scenarios, markOf)}`);
});
