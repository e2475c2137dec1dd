import type { TaskEvents } from 'treadle';
import { type Dice, throwDice } from './dice.js';
import type { Appointments } from './appointments.js';
import type { Violations } from './violations.js';
import { MAX_SLOTS, MAX_THREADS, type WatchedManager } from './watched-manager.js';
import { CHAOS_TYPE_NAMES } from './chaos-types.js';

// The numbers of tasks and of the weather between them must not meet.
const WEATHER = 1_000_000_000;
const EVENTS = ['submitted', 'running', 'cancelling', 'completed', 'failed', 'cancelled', 'progress', 'log'] as const;

/** What happens to a manager between two submissions, as the seed says. */
export class Weather {
  readonly #seed: number;
  readonly #watched: WatchedManager;
  readonly #appointments: Appointments;
  readonly #violations: Violations;
  readonly #collected = new Set<string>();
  readonly #gettingReady = new Set<Promise<void>>();
  /** What can happen, and how often in a thousand steps. */
  readonly #changes: readonly (readonly [perMille: number, (dice: Dice) => void | Promise<void>])[] = [
    [5, (dice) => this.#pause(dice)],
    [20, (dice) => this.#resize(dice)],
    [10, (dice) => this.#watched.setSlots(dice.integer(1, MAX_SLOTS))],
    [10, (dice) => this.#addBadListener(dice)],
    [10, (dice) => this.#actInEvent(dice)],
    [10, (dice) => this.#read(dice)],
    [10, (dice) => this.#collect(dice)],
    [2, () => this.#getReady()],
    [4, () => this.#watched.ledger.allSettled()],
    [3, (dice) => this.#lull(dice)],
  ];

  constructor(seed: number, watched: WatchedManager, appointments: Appointments, violations: Violations) {
    this.#seed = seed;
    this.#watched = watched;
    this.#appointments = appointments;
    this.#violations = violations;
  }

  async change(step: number): Promise<void> {
    const dice = throwDice(this.#seed, WEATHER + step);
    for (const [perMille, happen] of this.#changes) if (dice.chance(perMille / 1_000)) await happen(dice);
  }

  /** The way everything is at the start, and nothing under way. */
  async calm(): Promise<void> {
    await Promise.all(this.#gettingReady);
    this.#watched.tasks.resume();
    this.#watched.setThreads(MAX_THREADS);
    this.#watched.setSlots(MAX_SLOTS);
  }

  /** Fewer threads or more; often more again while those that are too many have not left yet. */
  #resize(dice: Dice): void {
    this.#watched.setThreads(dice.integer(1, MAX_THREADS));
    if (dice.chance(0.7)) this.#appointments.after(dice.integer(0, 10), () => this.#watched.setThreads(MAX_THREADS));
  }

  #pause(dice: Dice): void {
    const { tasks } = this.#watched;
    tasks.pause();
    this.#appointments.after(dice.integer(1, 40), () => tasks.resume());
  }

  /** Nothing to do for so long that threads retire, or are about to. */
  async #lull(dice: Dice): Promise<void> {
    await this.#watched.ledger.allSettled();
    await new Promise<void>((resolve) => this.#appointments.after(dice.integer(30, 80), resolve));
  }

  #addBadListener(dice: Dice): void {
    const { tasks, bystanders } = this.#watched;
    const event: keyof TaskEvents = dice.pick(EVENTS);
    const listener = (): never => {
      throw bystanders.error(`a listener of ${event}`);
    };
    if (dice.chance(0.5)) tasks.once(event, listener);
    else {
      tasks.on(event, listener);
      this.#appointments.after(dice.integer(1, 30), () => tasks.off(event, listener));
    }
  }

  /** Changes something from within an event, in the midst of what the engine does. */
  #actInEvent(dice: Dice): void {
    const { tasks, ledger } = this.#watched;
    const act = dice.pick([
      () => this.#pause(dice),
      () => this.#resize(dice),
      () => this.#watched.setSlots(dice.integer(1, MAX_SLOTS)),
      () => this.#read(dice),
      () => void tasks.stats(),
      () => {
        for (const { id, status } of tasks.list({ limit: dice.integer(1, 5) }).records) {
          const entry = ledger.entries.get(id);
          if (entry !== undefined && status !== 'pending') entry.stopped = true;
          if (status !== 'pending') tasks.cancel(id);
        }
      },
    ]);
    tasks.once(dice.pick(EVENTS), act);
  }

  #read(dice: Dice): void {
    const { tasks, ledger } = this.#watched;
    const type = dice.pick([undefined, ...CHAOS_TYPE_NAMES]);
    const { records } = tasks.list({ limit: dice.integer(1, 200), ...(type === undefined ? {} : { type }) });
    for (const record of records) {
      const entry = ledger.entries.get(record.id);
      if (entry === undefined) this.#violations.add(`list() shows ${record.id}, which nobody submitted`);
      else if (entry.status !== record.status) {
        this.#violations.add(`list() says ${record.status}, events said ${entry.status}`, entry.plan);
      }
    }
  }

  #collect(dice: Dice): void {
    const group = `group ${dice.integer(1, 5)}`;
    for (const { id, group: of } of this.#watched.tasks.takeResults(group)) {
      if (this.#collected.has(id) || of !== group) this.#violations.add(`takeResults() gave ${id} twice, or wrongly`);
      if (this.#watched.ledger.entries.get(id)?.settled === null)
        this.#violations.add(`takeResults() gave ${id} early`);
      this.#collected.add(id);
    }
  }

  #getReady(): void {
    // A stray error may hit it, as it may hit any task.
    const ready = this.#watched.tasks
      .ready()
      .catch(() => {})
      .finally(() => this.#gettingReady.delete(ready));
    this.#gettingReady.add(ready);
  }
}
