import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as after } from 'node:timers/promises';
import type { ResourceLimits } from 'node:worker_threads';
import {
  type CloseReport,
  type TaskHandle,
  TaskManager,
  type TaskPolicy,
  type TaskType,
  taskModule,
  taskType,
} from 'treadle';
import { expect } from 'vitest';
import { Gate } from '../tasks/gate.js';
import type hazard from '../tasks/hazard.task.js';
import type { Step } from '../tasks/hazard.task.js';
import type { Strike } from '../tasks/strike.js';
import type single from '../tasks/single.task.js';
import { ManualClock } from './manual-clock.js';
import { ModuleFile } from './module-file.js';
import { TaskStories } from './task-stories.js';
import { builtTask } from './test-manager.js';
import { ThreadWatch } from './thread-watch.js';
import { Trap, type TrapOptions } from './trap.js';

export interface FaultBenchOptions {
  /** @default 2 */
  readonly threads?: number;
  readonly maxConcurrentTasks?: number;
  readonly queueMax?: number;
  readonly resourceLimits?: ResourceLimits;
  /** Of the types `hazard` and `single`. */
  readonly policy?: TaskPolicy;
  /** How many types `doubtful0` and on there are, each with a file of its own as its module. @default 0 */
  readonly modules?: number;
}

type HazardType = TaskType<typeof hazard, typeof hazard extends { types?: { input: infer Input } } ? Input : never>;
type SingleType = TaskType<typeof single, { strike: Strike | null }>;
/** Work on items that goes wrong in any step; the same from a file that can be broken; work in one piece that goes wrong. */
type BenchTypes = { hazard: HazardType; single: SingleType } & Record<`doubtful${number}`, HazardType>;

/** Longer than any grace, so that nothing is ended by force unless time is moved on. */
export const GRACE_MS = 1_000;
export const CLOSE_MS = 60_000;

/**
 * A manager on real threads with a clock that stands still, all of whose events are looked at. Only one may be open at
 * a time: the threads of the process are taken to be its own.
 */
export class FaultBench {
  readonly clock: ManualClock = new ManualClock();
  readonly watch: ThreadWatch = new ThreadWatch();
  readonly tasks: TaskManager<BenchTypes>;
  /** For files of the trial's own; gone when the bench is. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'treadle-faults-'));
  /** The modules of the doubtful types. */
  readonly modules: readonly ModuleFile[];
  #threads: number;
  readonly #resources = resources();
  readonly #stories: TaskStories;
  readonly #traps: Trap[] = [];
  #closed: Promise<CloseReport> | null = null;

  constructor(options: FaultBenchOptions = {}) {
    this.#threads = options.threads ?? 2;
    const module = taskModule<typeof hazard>(builtTask('hazard'));
    const policy = { chunk: { max: 1 }, ...options.policy };
    this.modules = Array.from(
      { length: options.modules ?? 0 },
      (_, at) => new ModuleFile(join(this.folder, `${at}.mjs`)),
    );
    const doubtful = this.modules.map(({ path }, at) => [
      `doubtful${at}`,
      taskType(taskModule<typeof hazard>(path), policy),
    ]);
    this.tasks = new TaskManager<BenchTypes>({
      types: {
        hazard: taskType(module, policy),
        single: taskType(taskModule<typeof single>(builtTask('single')), options.policy),
        ...(Object.fromEntries(doubtful) as Record<`doubtful${number}`, HazardType>),
      },
      threads: { max: this.#threads, idleMs: Infinity, resourceLimits: options.resourceLimits ?? {} },
      cancelGraceMs: GRACE_MS,
      clock: this.clock,
      ...(options.maxConcurrentTasks === undefined ? {} : { maxConcurrentTasks: options.maxConcurrentTasks }),
      ...(options.queueMax === undefined ? {} : { queue: { max: options.queueMax } }),
    });
    this.#stories = new TaskStories(this.tasks);
  }

  setThreads(max: number): void {
    this.#threads = max;
    this.tasks.setThreads(max);
  }

  /** What happened to a task, by the names of the events. */
  storyOf(task: { readonly id: string }): readonly string[] {
    return this.#stories.of(task);
  }

  /** Submits a task with a trap. It runs as far as to there. */
  async submit(at: Step, strike: Strike | null, options: SubmitOptions = {}): Promise<Trapped> {
    const trap = new Trap(at, strike, options);
    this.#traps.push(trap);
    return { trap, task: await this.tasks.submit(options.type ?? 'hazard', { input: trap.input }) };
  }

  /** Submits a task that nothing befalls. */
  submitFine(): Promise<TaskHandle> {
    return this.tasks.submit('hazard', { input: {} });
  }

  /**
   * A task that has come to the step where it is to be struck, and waits there; when that is `run` and there are
   * threads enough, with another chunk in flight.
   */
  async reach(at: Step, strike: Strike | null, options: SubmitOptions = {}): Promise<Trapped> {
    const trapped = await this.submit(at, strike, { beside: at === 'run' && this.#threads > 1, ...options });
    await trapped.trap.reached();
    return trapped;
  }

  /** Has a task run on each thread at once, which takes all of them. Returns the threads' ids. */
  async callTheRoll(): Promise<ReadonlySet<number>> {
    const input = { items: this.#threads, roll: new Gate().buffer };
    const ids = new Set((await (await this.tasks.submit('hazard', { input })).result()) as number[]);
    expect(ids.size).toBe(this.#threads);
    return ids;
  }

  /** Lets time pass, a hundred times as fast as it does, until `promise` has settled. */
  async passTime<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = (): void => void (settled = true);
    promise.then(end, end);
    for (;;) {
      await after(1);
      if (settled) return promise;
      this.clock.advance(100);
    }
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  /** Begins to close; nothing is ended by force before {@link CLOSE_MS} have passed. */
  close(): Promise<CloseReport> {
    this.#closed = this.tasks.close({ timeoutMs: CLOSE_MS });
    return this.#closed;
  }

  /** What has to hold after each trial: the next task runs, on every thread; all have settled, once; the counters add up. */
  async check(): Promise<void> {
    if (this.#closed !== null) return this.checkClosed();
    await this.callTheRoll();
    await this.watch.atMost(this.#threads);
    expect(this.tasks.stats().threads).toEqual({ max: this.#threads, live: this.#threads, busy: 0, overdue: 0 });
    this.#stories.check();
  }

  /** What has to hold after close(): all that, and no thread and no timer is left. */
  async checkClosed(): Promise<void> {
    const report = await (this.#closed ?? this.close());
    if (report.alive.length === 0) expect(this.watch.alive.size).toBe(0);
    await expect(this.submitFine()).rejects.toMatchObject({ code: 'CLOSED' });
    this.#stories.check();
    await this.watch.atMost(0);
    await turn();
    expect(this.tasks.stats().threads).toMatchObject({ live: 0, busy: 0 });
    this.#end();
    expect(this.clock.timers).toBe(0);
    // The test runner has timers of its own now and then.
    for (let look = 0; look < 100 && moreThan(this.#resources).length > 0; look++) await after(10);
    expect(moreThan(this.#resources)).toEqual([]);
  }

  /** Ends everything after a trial that went wrong. */
  async abandon(): Promise<void> {
    for (const trap of this.#traps) trap.release();
    await this.passTime(this.tasks.close({ timeoutMs: 0 }));
    this.#end();
  }

  #end(): void {
    this.watch.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A task and what it waits in. */
export interface Trapped {
  readonly trap: Trap;
  readonly task: TaskHandle;
}

export interface SubmitOptions extends TrapOptions {
  /** @default 'hazard' */
  readonly type?: 'hazard' | `doubtful${number}`;
}

/** Of which kinds there are more resources than before. */
function moreThan(before: Record<string, number>): string[] {
  return Object.entries(resources()).flatMap(([kind, count]) => (count > (before[kind] ?? 0) ? [kind] : []));
}

/** What keeps this process alive: how many of each kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
