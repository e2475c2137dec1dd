import { describe, expect, it } from 'vitest';
import type { SweepInput } from '../../dist/tasks/inputs.js';
import type { Shelf } from './ledger.js';
import type { Form } from './form.js';
import { KILLS, KILLS_TIMEOUT_MS, killManyTimes } from './kill-many-times.js';
import { NAMESPACES, USERS, type WatchedStore } from './watched-store.js';

// Of the rows that are kept.
const EXPIRED = 500;

function sweep(inputOf: (watched: WatchedStore) => SweepInput<string>): Form {
  return {
    type: 'ttl_sweep',
    prepare(watched) {
      watched.expire(Math.max(0, EXPIRED - watched.ledger.expired.size));
      return inputOf(watched);
    },
    result: (watched, input: SweepInput<string>) => ({ deleted: expiredIn(watched, input) }),
    sweeps: isIn,
    tally: { name: 'deleted', of: 'swept' },
    afterwards: (watched, input: SweepInput<string>) => expect(expiredIn(watched, input)).toBe(0),
    leftBehind: ({ db }, taskId) =>
      db.prepare('SELECT 1 FROM treadle_tallies WHERE task = ?').get(taskId) === undefined
        ? 'none deleted'
        : 'some deleted',
  };
}

function expiredIn({ ledger }: WatchedStore, input: SweepInput<string>): number {
  return [...ledger.expired.values()].filter((shelf) => isIn(input, shelf)).length;
}

function isIn({ userId, namespace }: SweepInput<string>, shelf: Shelf): boolean {
  return (userId ?? shelf.userId) === shelf.userId && (namespace ?? shelf.namespace) === shelf.namespace;
}

describe('ttl_sweep', () => {
  it(
    `deletes rows whole, and those only that have expired, whenever its process is killed (${KILLS} times)`,
    async () => {
      const whole = sweep(() => ({}));
      const ofUser = sweep(({ dice }) => ({
        userId: dice.pick(['ada', ...USERS]),
        ...(dice.chance(0.3) ? { namespace: dice.pick(NAMESPACES) } : {}),
      }));
      const { places, debris } = await killManyTimes([whole, ofUser]);
      expect(places.working).toBeGreaterThan(KILLS / 5);
      // Its last step takes a millisecond: whether a kill hits that one is chance.
      expect(debris['some deleted']).toBeGreaterThan(KILLS / 10);
    },
    KILLS_TIMEOUT_MS,
  );
});
