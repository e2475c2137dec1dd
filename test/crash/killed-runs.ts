import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { KillOrder } from '../tasks/killed-task.js';
import type { Form } from './form.js';
import { Neighbour } from './neighbour.js';
import { expectWhole } from './store-checks.js';
import { type Ending, Victim } from './victim.js';
import type { WatchedStore } from './watched-store.js';

/** How to run a task. */
interface RunOptions {
  readonly input: never;
  /** When it is to be killed; null for never. */
  readonly kill: KillOrder['kill'];
  /** Whether others write to the store meanwhile. */
  readonly beside: boolean;
  /** Whether to look at all that is there afterwards, or at what is quick to look at. */
  readonly thorough: boolean;
}

// Of the store, before each run.
const ROWS = 800;
// As many in some runs as in others; the work of a single writer goes from thread to thread at most.
const THREADS = {
  embed_batch: [1, 2],
  migrate_embeddings: [1, 2],
  rebuild_fts_index: [1, 1, 1, 2],
  ttl_sweep: [1, 1, 1, 2],
} as const;
// Processes that boot while others run and while the store is looked at.
const AHEAD = 1;
const BESIDE = 0.6;
const THOROUGH_EVERY = 8;
const WRITES_BETWEEN = 5;
const MAX_PAUSE_MS = 4;

/** Runs of a task on one store, one after the other, each in a process of its own. */
export class KilledRuns {
  readonly #watched: WatchedStore;
  readonly #neighbour: Neighbour;
  readonly #waiting: Victim[] = [];
  #kills = 0;

  constructor(watched: WatchedStore) {
    this.#watched = watched;
    this.#neighbour = new Neighbour(watched);
  }

  /** Runs the task until it is killed, and expects the store to be whole. It may have completed before. */
  async kill(form: Form, kill: KillOrder['kill']): Promise<Ending & { readonly debris: string | null }> {
    const input = await this.#prepare(form);
    const beside = this.#watched.dice.chance(BESIDE);
    const thorough = ++this.#kills % THOROUGH_EVERY === 0;
    const ending = await this.#run(form, { input, kill, beside, thorough });
    if (ending.settled !== null) expect(ending.settled).toMatchObject({ status: 'completed' });
    return { ...ending, debris: form.leftBehind?.(this.#watched, ending.taskId) ?? null };
  }

  /** Runs the task to its end, and expects that it did what it had to. */
  async complete(form: Form, { alone }: { alone: boolean }): Promise<Ending> {
    const watched = this.#watched;
    const input = await this.#prepare(form);
    const result = alone ? form.result(watched, input) : expect.anything();
    const ending = await this.#run(form, { input, kill: null, beside: !alone, thorough: true });
    expect(ending.settled).toMatchObject({ status: 'completed', result, error: null });
    expect(this.#tallied(ending.taskId)).toBeUndefined();
    if (alone) form.afterwards?.(watched, input);
    return ending;
  }

  async #prepare(form: Form): Promise<never> {
    await this.#watched.level(ROWS);
    for (let n = 0; n < WRITES_BETWEEN; n++) await this.#neighbour.write();
    return form.prepare(this.#watched) as never;
  }

  async #run(form: Form, { input, kill, beside, thorough }: RunOptions): Promise<Ending & { readonly taskId: string }> {
    const watched = this.#watched;
    const victim = this.#victim(form, kill);
    const taskId = randomUUID();
    const renewedBefore = this.#neighbour.renewed;
    if (!beside) watched.close();
    const [ending] = await Promise.all([
      victim.run({ type: form.type, input, taskId, kill }),
      beside ? this.#writeUntilEnd(victim) : null,
    ]);
    const moved = await expectWhole(watched, { thorough, maySweep: (shelf) => form.sweeps?.(input, shelf) ?? false });
    if (form.tally !== undefined && ending.settled === null) {
      const tallied = this.#tallied(taskId, form.tally.name);
      const { [form.tally.of]: least } = moved;
      // Once it cleans up, its work is done and the count is gone.
      if (tallied !== undefined || ending.places.at(-1)?.place !== 'finishing') {
        expect(tallied ?? 0).toBeGreaterThanOrEqual(least);
        // A row that was deleted and then added again is there.
        expect(tallied ?? 0).toBeLessThanOrEqual(least + this.#neighbour.renewed - renewedBefore);
      }
    }
    return { ...ending, taskId };
  }

  #victim({ type }: Form, kill: KillOrder['kill']): Victim {
    const { path, dice } = this.#watched;
    const start = (boot: 'warm' | 'cold'): Victim =>
      new Victim({ path, type, threads: dice.pick(THREADS[type]), boot });
    if (kill?.at === 'booting') return start('cold');
    while (this.#waiting.length <= AHEAD) this.#waiting.push(start('warm'));
    return this.#waiting.shift() as Victim;
  }

  async #writeUntilEnd(victim: Victim): Promise<void> {
    const { dice } = this.#watched;
    while (!victim.ended) {
      await this.#neighbour.write();
      await pause(dice.below(MAX_PAUSE_MS));
    }
  }

  /** What a task has counted, of one thing or of any. */
  #tallied(taskId: string, name: string | null = null): number | undefined {
    const count = 'SELECT count FROM treadle_tallies WHERE task = :taskId AND name = coalesce(:name, name)';
    return this.#watched.db.prepare(count).pluck().get({ taskId, name }) as number | undefined;
  }
}
