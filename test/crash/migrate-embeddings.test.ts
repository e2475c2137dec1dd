import { describe, expect, it } from 'vitest';
import { modelInUse } from '../../dist/sqlite/models.js';
import type { MigrateInput } from '../../dist/tasks/inputs.js';
import type { Form } from './form.js';
import { KILLS, KILLS_TIMEOUT_MS, killManyTimes } from './kill-many-times.js';
import { EMBEDDERS, USERS, type WatchedStore } from './watched-store.js';

type To = keyof typeof EMBEDDERS;
type Input = MigrateInput<string> & { to: To };

// Mostly the migration that was killed goes on; now and then the user thinks better of it.
const ANYTHING = 0.25;
const KEEP = 0.3;

function migrate(userOf: (watched: WatchedStore) => string | undefined): Form {
  return {
    type: 'migrate_embeddings',
    prepare(watched): Input {
      const { dice } = watched;
      const userId = userOf(watched);
      const lacking = (to: To): number => counts(watched, { to, userId }).lacking;
      const more = lacking('wide') > lacking('default') ? 'wide' : 'default';
      const to = dice.chance(ANYTHING) ? dice.pick(['wide', 'default'] as const) : more;
      return { to, userId, keep: dice.chance(KEEP) };
    },
    result(watched, input: Input) {
      const { lacking, others } = counts(watched, input);
      return { model: EMBEDDERS[input.to].name, embedded: lacking, removed: input.keep === true ? 0 : others };
    },
    afterwards(watched, input: Input) {
      const { db, open } = watched;
      const { lacking, others, pending } = counts(watched, input);
      expect([lacking, pending]).toEqual([0, 0]);
      if (input.keep !== true) expect(others).toBe(0);
      expect(modelInUse(open, input.userId ?? null)).toBe(EMBEDDERS[input.to].name);
      expect(db.prepare('SELECT migration FROM vectors_state').pluck().get()).toBeNull();
    },
    leftBehind({ db }, taskId) {
      const present = db.prepare('SELECT migration FROM vectors_state').pluck().get();
      const count = db.prepare('SELECT count FROM treadle_tallies WHERE task = ? AND name = ?').pluck();
      if (present === taskId) return count.get(taskId, 'embedded') === undefined ? 'begun' : 'some embedded';
      if (count.get(taskId, 'changed') === undefined) return 'not begun';
      return count.get(taskId, 'removed') === undefined ? 'changed over' : 'some of the old removed';
    },
  };
}

interface Counts {
  /** Rows without the vector. */
  readonly lacking: number;
  /** Vectors of other models. */
  readonly others: number;
  /** Rows on the list of those that may lack a vector. */
  readonly pending: number;
}

/** Of all rows, or of a user's. */
function counts({ db }: WatchedStore, { to, userId }: Pick<Input, 'to' | 'userId'>): Counts {
  const vectors = 'SELECT 1 FROM vectors v WHERE v.row_id = m.id AND v.model';
  return db
    .prepare(
      `SELECT count(*) FILTER (WHERE NOT EXISTS (${vectors} = :model)) AS lacking,
              count(*) FILTER (WHERE EXISTS (${vectors} <> :model)) AS others,
              count(*) FILTER (WHERE id IN (SELECT row_id FROM vectors_pending)) AS pending
       FROM memories m WHERE user_id = coalesce(:userId, user_id)`,
    )
    .get({ model: EMBEDDERS[to].name, userId: userId ?? null }) as Counts;
}

describe('migrate_embeddings', () => {
  it(
    `leaves vectors that answer, whenever its process is killed (${KILLS} times)`,
    async () => {
      const ofUser = migrate(({ dice }) => dice.pick(['ada', ...USERS]));
      const { places, debris } = await killManyTimes([migrate(() => undefined), ofUser]);
      expect(Math.min(places.working, places.finishing)).toBeGreaterThan(KILLS / 10);
      expect(debris['some embedded']).toBeGreaterThan(KILLS / 10);
      expect(Object.keys(debris).length).toBeGreaterThanOrEqual(KILLS < 50 ? 2 : 3);
    },
    KILLS_TIMEOUT_MS,
  );
});
