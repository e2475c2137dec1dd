import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { EmbedBatchInput } from '../../dist/tasks/inputs.js';
import type { Form } from './form.js';
import { KILLS, KILLS_TIMEOUT_MS, killManyTimes } from './kill-many-times.js';
import type { WatchedStore } from './watched-store.js';

const TEXTS = 400;
// A user who lost a process gives the same texts again.
const SAME_AGAIN = 0.6;

function embedBatch(): Form {
  let batch: EmbedBatchInput | null = null;
  return {
    type: 'embed_batch',
    prepare(watched) {
      if (batch === null || !watched.dice.chance(SAME_AGAIN) || missing(watched).length < TEXTS / 3) {
        batch = newBatch(watched);
      }
      return batch;
    },
    result(watched, { contents }: EmbedBatchInput) {
      const stored = missing(watched).length;
      return { stored, skipped: contents.length - stored };
    },
    tally: { name: 'stored', of: 'stored' },
    afterwards: (watched) => expect(missing(watched)).toEqual([]),
    leftBehind(watched) {
      const left = missing(watched).length;
      if (left === 0) return 'all stored';
      return left < TEXTS ? 'some stored' : 'none stored';
    },
  };
}

/** New texts, some of them twice, and some that the user has already. */
function newBatch(watched: WatchedStore): EmbedBatchInput {
  const { ledger, dice } = watched;
  const shelf = watched.newShelf();
  const fresh = Array.from({ length: TEXTS }, () => watched.newText());
  const theirs = [...ledger.kept].filter(([, { userId, namespace }]) =>
    isDeepStrictEqual({ userId, namespace }, shelf),
  );
  const stored = theirs.slice(0, TEXTS / 20).map(([text]) => text);
  ledger.offered.clear();
  for (const text of [...fresh, ...stored]) ledger.offered.set(text, shelf);
  return { ...shelf, contents: dice.shuffled([...fresh, ...fresh.slice(0, TEXTS / 20), ...stored]) };
}

function missing({ ledger }: WatchedStore): string[] {
  return [...ledger.offered.keys()].filter((text) => !ledger.kept.has(text));
}

describe('embed_batch', () => {
  it(
    `stores what it was given once, whenever its process is killed (${KILLS} times)`,
    async () => {
      const { places, debris } = await killManyTimes([embedBatch()]);
      expect(places.working).toBeGreaterThan(KILLS / 5);
      // Its last step takes a millisecond: whether a kill hits that one is chance.
      expect(debris['some stored']).toBeGreaterThan(KILLS / 10);
    },
    KILLS_TIMEOUT_MS,
  );
});
