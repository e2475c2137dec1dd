import { isDeepStrictEqual } from 'node:util';
import { type SettledRecord, type TaskHandle, TaskManager, TreadleError } from 'treadle';
import { memoryTasks } from 'treadle/tasks';
import { Appointments } from '../appointments.js';
import { managedTypes } from '../chaos-types.js';
import { throwDice } from '../dice.js';
import { FAULTS, type FaultName } from '../faults.js';
import { ItemFeed } from '../item-feed.js';
import { allowedEndings, endingOf, expectedValue, wasHitByStray } from '../oracle.js';
import { inputOf } from '../task-input.js';
import { type TaskPlan, planTask } from '../task-plan.js';
import { type Violations, describePlan } from '../violations.js';

// Full within seconds, long before the warm-up is over.
const HISTORY = 500;
export const THREADS = 2;
const BEAT_MS = 100;
const SMALL_PER_BEAT = 4;
/** Of the tasks of a beat, so many are faulty. */
const FAULTY = 0.1;
const EMBED_EVERY_BEATS = 10;
const SWEEP_EVERY_BEATS = 50;
const TEXTS = 40;
const TEXT_TTL_MS = 10_000;
const WORDS = ['loom', 'warp', 'weft', 'shuttle', 'pedal', 'thread', 'cloth', 'knot', 'dye', 'wool', 'flax', 'spindle'];
const ALL_FAULTS = Object.keys(FAULTS) as FaultName[];

/** A mixed load at a steady rate that leaves nothing behind of its own: what grows is the engine's. */
export class Load {
  readonly tasks;
  settled = 0;
  readonly #seed: number;
  readonly #violations: Violations;
  readonly #appointments = new Appointments();
  readonly #under = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;
  #beat = 0;
  #number = 0;

  constructor(seed: number, path: string, violations: Violations) {
    this.#seed = seed;
    this.#violations = violations;
    this.tasks = new TaskManager({
      types: { ...managedTypes(() => {}), ...memoryTasks({ path }) },
      threads: { max: THREADS, resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 } },
      maxConcurrentTasks: 8,
      history: { max: HISTORY },
      cancelGraceMs: 50,
    });
    // They are part of the load, and no news.
    this.tasks.on('strayError', () => {});
  }

  start(): void {
    this.#timer = setInterval(() => this.#onBeat(), BEAT_MS);
  }

  /** Resolves when everything has settled and all threads are gone. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#under);
    this.#appointments.clear();
    await this.tasks.close();
  }

  #onBeat(): void {
    const beat = this.#beat++;
    for (let at = 0; at < SMALL_PER_BEAT; at++) this.#follow(this.#planned(this.#number++));
    if (beat % EMBED_EVERY_BEATS === 0) this.#follow(this.#embed(beat));
    if (beat % SWEEP_EVERY_BEATS === 0) this.#follow(this.#sweep());
  }

  #follow(work: Promise<void>): void {
    const followed = work
      .catch((error: unknown) => this.#violations.add(String(error)))
      .finally(() => this.#under.delete(followed));
    this.#under.add(followed);
  }

  async #planned(number: number): Promise<void> {
    const faulty = throwDice(this.#seed, -1 - number).chance(FAULTY);
    const plan = planTask(this.#seed, number, faulty ? ALL_FAULTS : ['none']);
    const feed = new ItemFeed(plan);
    let handle: TaskHandle;
    try {
      const items = feed.items === undefined ? {} : { items: feed.items };
      handle = await this.tasks.submit(plan.type, { input: inputOf(plan), priority: plan.priority, ...items });
    } catch (error) {
      const expected = plan.fault === 'input-unclonable' ? 'UNSERIALIZABLE' : 'QUEUE_FULL';
      if (error instanceof TreadleError && error.code === expected) return;
      throw error;
    }
    const { cancel } = plan;
    if (cancel !== null) this.#appointments.after(cancel.afterMs, () => this.#cancelOnceBegun(plan, handle));
    const record = await handle.settled();
    this.settled++;
    await this.#check(plan, record, handle);
  }

  /** What must begin before it is stopped is asked again until it has. */
  #cancelOnceBegun(plan: TaskPlan, handle: TaskHandle): void {
    if (plan.cancel?.when === 'after-start' && handle.record.status === 'pending') {
      this.#appointments.after(10, () => this.#cancelOnceBegun(plan, handle));
    } else handle.cancel();
  }

  async #check(plan: TaskPlan, record: SettledRecord, handle: TaskHandle): Promise<void> {
    if (!allowedEndings(plan, plan.cancel !== null).has(endingOf(record))) {
      const why = record.status === 'failed' ? `: ${record.error.message}` : '';
      if (!wasHitByStray(record)) this.#violations.add(`ended as ${endingOf(record)}${why}`, plan);
    } else if (record.status === 'completed' && !isDeepStrictEqual(await handle.result(), expectedValue(plan))) {
      throw new Error(`a wrong result: ${describePlan(plan)}`);
    }
  }

  /** Texts that expire soon, so that the store stays as large as it is. */
  async #embed(beat: number): Promise<void> {
    const dice = throwDice(this.#seed, beat);
    const contents = Array.from({ length: TEXTS }, (_, at) =>
      [beat, at, ...Array.from({ length: 20 }, () => dice.pick(WORDS))].join(' '),
    );
    const input = { userId: `user ${dice.integer(1, 5)}`, contents, ttlMs: TEXT_TTL_MS };
    const record = await (await this.tasks.submit('embed_batch', { input })).settled();
    this.settled++;
    this.#expectCompleted(record);
  }

  async #sweep(): Promise<void> {
    const record = await (await this.tasks.submit('ttl_sweep', {})).settled();
    this.settled++;
    this.#expectCompleted(record);
  }

  #expectCompleted(record: SettledRecord): void {
    if (record.status === 'completed' || wasHitByStray(record)) return;
    this.#violations.add(`${record.type} ended as ${endingOf(record)}: ${record.error?.message ?? ''}`);
  }
}
