import type { KillOrder, Place } from '../tasks/killed-task.js';
import type { Dice } from './dice.js';
import type { Ending } from './victim.js';

/** How long a run is at each place. Milliseconds. */
export type Durations = ReadonlyMap<Place, number>;

// Of ten kills at least so many. Booting is drawn blindly: a process that boots beside others takes any time.
const AT_LEAST: Readonly<Record<Place, number>> = { booting: 0.4, planning: 1, working: 2, finishing: 2 };
const BOOT_MS = 60;

/** How long the places of a run that completed took. */
export function durationsOf({ places, settled }: Ending): Durations {
  const taken = places.map(
    ({ place, atMs }, at) => [place, (places[at + 1]?.atMs ?? settled?.ms ?? atMs) - atMs] as const,
  );
  return new Map([...taken, ['booting', BOOT_MS]]);
}

/** What to expect after one more run. */
export function blend(known: Durations, taken: Durations): Durations {
  return new Map([...known].map(([place, ms]) => [place, (ms + (taken.get(place) ?? ms)) / 2] as const));
}

/** Where to kill so many runs: everywhere some of them, the others as long as a run is there. */
export function dealPlaces(kills: number, durations: Durations, dice: Dice): Place[] {
  const places = [...durations.keys()];
  const dealt = places.flatMap((place) =>
    Array.from({ length: Math.round((AT_LEAST[place] * kills) / 10) }, () => place),
  );
  const timed = places.filter((place) => place !== 'booting');
  const total = timed.reduce((sum, place) => sum + (durations.get(place) ?? 0), 0);
  while (dealt.length < kills) {
    let at = dice.below(total);
    dealt.push(timed.find((place) => (at -= durations.get(place) ?? 0) < 0) ?? 'working');
  }
  return dice.shuffled(dealt.slice(0, kills));
}

/** A moment at a place, each as likely as any other. */
export function momentAt(place: Place, durations: Durations, dice: Dice): KillOrder['kill'] {
  return { at: place, afterMs: dice.below(durations.get(place) ?? 0) };
}
