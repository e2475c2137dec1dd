import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { KillOrder, Place } from '../tasks/killed-task.js';
import { throwDice } from './dice.js';
import type { Shelf } from './ledger.js';
import { type Durations, dealPlaces, durationsOf, momentAt } from './moments.js';
import { Neighbour } from './neighbour.js';
import { expectWhole } from './store-checks.js';
import { type Ending, Victim } from './victim.js';
import { WatchedStore } from './watched-store.js';

/** A task in one of its forms. */
export interface Form {
  readonly type: KillOrder['type'];
  /** Makes sure that there is work, and says with what input. */
  readonly prepare: (watched: WatchedStore) => unknown;
  /** What a run returns beside which nobody writes; asked before it. */
  readonly result: (watched: WatchedStore, input: never) => unknown;
  /** Whether it was to delete an expired row. @default none */
  readonly sweeps?: (input: never, shelf: Shelf) => boolean;
  /** The count that a killed run leaves behind, and of what it is. */
  readonly tally?: { readonly name: string; readonly of: 'stored' | 'swept' };
  /** What must be true when a run has completed. */
  readonly afterwards?: (watched: WatchedStore, input: never) => void;
  /** What a killed run has left behind, in a few words. */
  readonly leftBehind?: (watched: WatchedStore, taskId: string) => string;
}

/** What became of all runs. */
export interface KillCount {
  /** How many were killed at each place. */
  readonly places: Readonly<Record<Place, number>>;
  /** How many left what behind. */
  readonly debris: Readonly<Record<string, number>>;
}

/** How many kills a task survives here; more of them for a long night. */
export const KILLS = Number(process.env['TREADLE_KILLS'] ?? 50);

// Of the store, before each run.
const ROWS = 1_200;
const WORD_BY_WORD_EVERY = 8;
const COMPLETE_EVERY = 12;
// A moment drawn late in a run may come after it: then it is drawn again.
const MAX_RUNS_PER_KILL = 4;
const WRITES_BETWEEN = 5;
const MAX_PAUSE_MS = 4;

/**
 * Kills the process of a task {@link KILLS} times, its forms in random order, on one store that others write to. After each
 * kill the store must be whole; now and then, and in the end, the task must complete.
 */
export async function killManyTimes(forms: readonly Form[]): Promise<KillCount> {
  const dice = throwDice();
  const runs = new KilledRuns(new WatchedStore(dice));
  const cards: { form: Form; place: Place }[] = [];
  const durations = new Map<Form, Durations>();
  for (const form of forms) {
    const taken = durationsOf(await runs.complete(form, true));
    durations.set(form, taken);
    const kills = Math.ceil(KILLS / forms.length);
    for (const place of dealPlaces(kills, taken, dice)) cards.push({ form, place });
  }
  const deck = dice.shuffled(cards);
  const count = { places: { booting: 0, planning: 0, working: 0, finishing: 0 }, debris: {} as Record<string, number> };
  let kills = 0;
  for (let run = 0; deck.length > 0; run++) {
    expect(run).toBeLessThan(cards.length * MAX_RUNS_PER_KILL);
    const card = deck.shift() as (typeof cards)[number];
    const { form, place } = card;
    const killed = await runs.kill(form, momentAt(place, durations.get(form) as Durations, dice));
    if (killed === null) {
      deck.push(card);
      continue;
    }
    kills++;
    count.places[killed.place]++;
    count.debris[killed.debris] = (count.debris[killed.debris] ?? 0) + 1;
    if (kills % COMPLETE_EVERY === 0) await runs.complete(dice.pick(forms), dice.chance(0.5));
  }
  for (const form of forms) await runs.complete(form, true);
  return count;
}

class KilledRuns {
  readonly #watched: WatchedStore;
  readonly #neighbour: Neighbour;
  // The next process starts while the present store is looked at.
  #next: Victim;
  #kills = 0;

  constructor(watched: WatchedStore) {
    this.#watched = watched;
    this.#neighbour = new Neighbour(watched);
    this.#next = new Victim(watched.path);
  }

  /** Runs the task until it is killed; null when it had settled by then. */
  async kill(form: Form, kill: KillOrder['kill']): Promise<{ place: Place; debris: string } | null> {
    const watched = this.#watched;
    const { dice } = watched;
    const input = await this.#prepare(form);
    const everyWord = ++this.#kills % WORD_BY_WORD_EVERY === 0;
    const beside = dice.chance(0.6);
    const { taskId, killed, places, settled } = await this.#run(form, input, kill, beside, everyWord);
    if (!killed) {
      expect(settled).toMatchObject({ status: 'completed' });
      return null;
    }
    return { place: places.at(-1)?.place ?? 'booting', debris: form.leftBehind?.(watched, taskId) ?? '' };
  }

  /** Runs the task to its end, alone on the store or beside other writers. */
  async complete(form: Form, alone: boolean): Promise<Ending> {
    const watched = this.#watched;
    const input = await this.#prepare(form);
    const result = alone ? form.result(watched, input) : expect.anything();
    const ending = await this.#run(form, input, null, !alone, true);
    expect(ending.settled).toMatchObject({ status: 'completed', result, error: null });
    const tallies = watched.db.prepare('SELECT count(*) FROM treadle_tallies WHERE task = ?').pluck();
    expect(tallies.get(ending.taskId)).toBe(0);
    if (alone) form.afterwards?.(watched, input);
    return ending;
  }

  async #prepare(form: Form): Promise<never> {
    await this.#watched.level(ROWS);
    for (let n = 0; n < WRITES_BETWEEN; n++) await this.#neighbour.write();
    return form.prepare(this.#watched) as never;
  }

  async #run(
    form: Form,
    input: never,
    kill: KillOrder['kill'],
    beside: boolean,
    everyWord: boolean,
  ): Promise<Ending & { readonly taskId: string }> {
    const watched = this.#watched;
    const victim = this.#next;
    const taskId = randomUUID();
    const renewed = this.#neighbour.renewed;
    if (!beside) watched.close();
    const [ending] = await Promise.all([
      victim.run({ type: form.type, input, taskId, kill }),
      beside ? this.#writeUntilEnd(victim) : null,
    ]);
    this.#next = new Victim(watched.path);
    const moved = await expectWhole(watched, { everyWord, maySweep: (shelf) => form.sweeps?.(input, shelf) ?? false });
    if (form.tally !== undefined && ending.killed) {
      const { name, of } = form.tally;
      const tallied = watched.db
        .prepare('SELECT count FROM treadle_tallies WHERE task = ? AND name = ?')
        .pluck()
        .get(taskId, name) as number | undefined;
      // When it had begun to clean up, its work was done, and the count is gone.
      if (tallied !== undefined || ending.places.at(-1)?.place !== 'finishing') {
        const least = moved[of];
        expect(tallied ?? 0).toBeGreaterThanOrEqual(least);
        // A row that was swept and then added again is there.
        expect(tallied ?? 0).toBeLessThanOrEqual(least + this.#neighbour.renewed - renewed);
      }
    }
    return { ...ending, taskId };
  }

  async #writeUntilEnd(victim: Victim): Promise<void> {
    const { dice } = this.#watched;
    while (!victim.ended) {
      await this.#neighbour.write();
      await pause(dice.below(MAX_PAUSE_MS));
    }
  }
}
