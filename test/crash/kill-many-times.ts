import { expect } from 'vitest';
import type { Place } from '../tasks/killed-task.js';
import { throwDice } from './dice.js';
import type { Form } from './form.js';
import { KilledRuns } from './killed-runs.js';
import { type Durations, blend, dealPlaces, durationsOf, momentAt } from './moments.js';
import { WatchedStore } from './watched-store.js';

/** How many kills a task must survive: 20, so that all tests are quick; TREADLE_KILLS asks for more of them. */
export const KILLS = Number(process.env['TREADLE_KILLS'] ?? 20);

/** How long that may take. Milliseconds. */
export const KILLS_TIMEOUT_MS: number = 60_000 + KILLS * 2_000;

/** What became of all runs. */
export interface KillCount {
  /** How many were killed at each place. */
  readonly places: Readonly<Record<Place, number>>;
  /** How many got how far. */
  readonly debris: Readonly<Record<string, number>>;
}

// A moment at the end of a run may come after it: then another is drawn.
const MAX_RUNS_PER_KILL = 4;
const SAME_PLACE_AGAIN = 2;
const COMPLETE_EVERY = 15;

/**
 * Kills the process of a task {@link KILLS} times, its forms in random order, on one store that others write to. After
 * each kill the store must be whole; now and then, and in the end, the task must complete.
 */
export async function killManyTimes(forms: readonly Form[]): Promise<KillCount> {
  const dice = throwDice();
  const runs = new KilledRuns(new WatchedStore(dice));
  const durations = new Map<Form, Durations>();
  const dealt: { form: Form; place: Place; tries: number }[] = [];
  for (const form of forms) {
    const taken = durationsOf(await runs.complete(form, { alone: true }));
    durations.set(form, taken);
    const kills = Math.ceil(KILLS / forms.length);
    for (const place of dealPlaces(kills, taken, dice)) dealt.push({ form, place, tries: 0 });
  }
  const places = { booting: 0, planning: 0, working: 0, finishing: 0 };
  const debris: Record<string, number> = {};
  const deck = dice.shuffled(dealt);
  for (let run = 1, kills = 0; deck.length > 0; run++) {
    expect(run).toBeLessThan(dealt.length * MAX_RUNS_PER_KILL);
    const card = deck.pop() as (typeof dealt)[number];
    const { form, place } = card;
    const known = durations.get(form) as Durations;
    const ending = await runs.kill(form, momentAt(place, known, dice));
    if (ending.settled !== null) {
      if (place !== 'booting') durations.set(form, blend(known, durationsOf(ending)));
      deck.unshift({ form, place: ++card.tries < SAME_PLACE_AGAIN ? place : 'working', tries: card.tries });
      continue;
    }
    kills++;
    places[ending.places.at(-1)?.place ?? 'booting']++;
    if (ending.debris !== null) debris[ending.debris] = (debris[ending.debris] ?? 0) + 1;
    if (kills % COMPLETE_EVERY === 0) await runs.complete(dice.pick(forms), { alone: dice.chance(0.5) });
  }
  for (const form of forms) await runs.complete(form, { alone: true });
  return { places, debris };
}
