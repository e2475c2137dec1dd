import { describe, expect, it } from 'vitest';
import { currentIndex, otherIndex } from '../../dist/sqlite/fts-index.js';
import { expectNoDebris } from '../support/memories.js';
import type { Form } from './form.js';
import { KILLS, KILLS_TIMEOUT_MS, killManyTimes } from './kill-many-times.js';
import { USERS } from './watched-store.js';

const whole: Form = {
  type: 'rebuild_fts_index',
  prepare: () => ({}),
  result: ({ ledger }) => ({ rows: ledger.kept.size, replayed: 0, removed: 0 }),
  afterwards: ({ path }) => expectNoDebris(path),
  leftBehind(watched, taskId) {
    const { open, db } = watched;
    const state = db.prepare('SELECT build, last_build FROM memories_fts_state').get() as Record<string, string | null>;
    const other = open.layout.fts(otherIndex(currentIndex(open)), 'data');
    const rest = (db.prepare(`SELECT count(*) FROM ${other}`).pluck().get() as number) > 2;
    if (state['last_build'] === taskId) return rest ? 'swapped, the old index still there' : 'swapped';
    if (state['build'] !== taskId) return 'not begun';
    return rest ? 'begun, part of an index in the way' : 'begun';
  },
};

const ofUser: Form = {
  type: 'rebuild_fts_index',
  prepare: ({ dice }) => ({ userId: dice.pick(['ada', ...USERS]) }),
  result: ({ ledger }, { userId }: { userId: string }) => ({
    rows: [...ledger.kept.values()].filter((shelf) => shelf.userId === userId).length,
    replayed: 0,
    removed: 0,
  }),
};

describe('rebuild_fts_index', () => {
  it(
    `leaves an index that answers, whenever its process is killed (${KILLS} times)`,
    async () => {
      const { places, debris } = await killManyTimes([whole, ofUser]);
      expect(Math.min(places.working, places.finishing)).toBeGreaterThan(KILLS / 10);
      expect(debris['begun, part of an index in the way']).toBeGreaterThan(KILLS / 25);
      expect(Object.keys(debris).length).toBeGreaterThanOrEqual(KILLS < 50 ? 2 : 3);
    },
    KILLS_TIMEOUT_MS,
  );
});
