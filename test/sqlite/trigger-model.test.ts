import type Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { hashingEmbedder } from 'treadle/embedders';
import type { SqliteSearch } from 'treadle/store';
import { describe, expect, it } from 'vitest';
import { beginBuild } from '../../dist/sqlite/index-build.js';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { databaseOf, expectFreshVectors, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

type Id = bigint | string | null;

interface Row {
  readonly id: Id;
  readonly user: string;
  readonly slug: number | null;
  readonly text: string;
}

/** What an application does, by the words that SQL has for it. `or` is empty or what it does on a conflict. */
type Write =
  | { readonly do: 'insert'; readonly or: string; readonly row: Row }
  | { readonly do: 'upsert'; readonly row: Row }
  | { readonly do: 'text'; readonly id: Id; readonly text: string }
  | { readonly do: 'texts of'; readonly user: string; readonly text: string }
  | { readonly do: 'user'; readonly id: Id; readonly user: string }
  | { readonly do: 'id'; readonly or: string; readonly id: Id; readonly to: Id }
  | { readonly do: 'slug'; readonly or: string; readonly id: Id; readonly slug: number | null }
  | { readonly do: 'delete'; readonly id: Id }
  | { readonly do: 'delete of'; readonly user: string }
  | { readonly do: 'take back'; readonly writes: readonly Write[] };

type Step =
  | { readonly do: 'write'; readonly write: Write }
  | { readonly do: 'recursive triggers'; readonly on: boolean }
  | { readonly do: 'a build begins, and ends with its process' }
  | { readonly do: 'rebuild' | 'migrate'; readonly userId?: string; readonly beside: readonly Write[] };

const CONFLICTS = ['', 'OR IGNORE', 'OR FAIL'];
const USERS = ['ann', 'bob'];
const WORDS = ['red', 'green', 'blue'];
const DATA = { embedders: { default: { options: { dimensions: 16 } } } };
const EMBEDDER = hashingEmbedder({ dimensions: 16 });
const TABLE = {
  table: 'things',
  id: 'id',
  content: ['body', 'note'],
  user: 'user',
  fts: 'things_fts',
  vectors: 'things_vectors',
} as const;

const INTEGERS: readonly Id[] = [-9_007_199_254_740_995n, -1n, 0n, 1n, 2n, 9_007_199_254_740_993n, 2n ** 62n];
const KEYS: Readonly<Record<string, { readonly sql: string; readonly ids: readonly Id[]; readonly rest?: string }>> = {
  'INTEGER PRIMARY KEY': { sql: 'INTEGER PRIMARY KEY', ids: INTEGERS },
  'INT UNIQUE NOT NULL': { sql: 'INT UNIQUE NOT NULL', ids: INTEGERS },
  'TEXT PRIMARY KEY': { sql: 'TEXT PRIMARY KEY', ids: ['a', 'A', 'b', '1', '', 'é', null] },
  'TEXT PRIMARY KEY COLLATE NOCASE': { sql: 'TEXT PRIMARY KEY COLLATE NOCASE', ids: ['a', 'A', 'b', 'B', null] },
  'WITHOUT ROWID': { sql: 'PRIMARY KEY', ids: ['a', 1n, 'b', '1', -5n], rest: 'WITHOUT ROWID' },
};

function writes(ids: readonly Id[], conflicts: readonly string[]): fc.Arbitrary<Write> {
  const id = fc.constantFrom(...ids);
  const user = fc.constantFrom(...USERS);
  const slug = fc.constantFrom(1, 2, null);
  const text = fc.array(fc.constantFrom(...WORDS), { maxLength: 3 }).map((words) => words.join(' '));
  const row = fc.record({ id, user, slug, text });
  const or = fc.constantFrom(...conflicts);
  const one: fc.Arbitrary<Write>[] = [
    fc.record({ do: fc.constant('insert'), or, row }),
    fc.record({ do: fc.constant('upsert'), row }),
    fc.record({ do: fc.constant('text'), id, text }),
    fc.record({ do: fc.constant('texts of'), user, text }),
    fc.record({ do: fc.constant('user'), id, user }),
    fc.record({ do: fc.constant('id'), or, id, to: id }),
    fc.record({ do: fc.constant('slug'), or, id, slug }),
    fc.record({ do: fc.constant('delete'), id }),
    fc.record({ do: fc.constant('delete of'), user }),
  ];
  const several = fc.array(fc.oneof(...one), { maxLength: 3 });
  return fc.oneof(...one, fc.record({ do: fc.constant('take back'), writes: several }));
}

function steps(ids: readonly Id[], conflicts: readonly string[]): fc.Arbitrary<Step[]> {
  const write = writes(ids, conflicts);
  const userId = fc.constantFrom(...USERS);
  const beside = fc.array(write, { maxLength: 5 });
  return fc.array(
    fc.oneof(
      { weight: 12, arbitrary: fc.record({ do: fc.constant('write'), write }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('recursive triggers'), on: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constant<Step>({ do: 'a build begins, and ends with its process' }) },
      {
        weight: 2,
        arbitrary: fc.record(
          { do: fc.constantFrom('rebuild', 'migrate'), userId, beside },
          { requiredKeys: ['do', 'beside'] },
        ),
      },
    ),
    { minLength: 3, maxLength: 14 },
  );
}

/** Says false where the database was locked, by the task beside which it writes; a violated constraint is no failure. */
function perform(db: Database.Database, write: Write): boolean {
  try {
    if (write.do === 'take back') {
      db.exec('BEGIN IMMEDIATE');
      for (const each of write.writes) perform(db, each);
      if (db.inTransaction) db.exec('ROLLBACK');
    } else {
      const [sql, ...values] = statementOf(write);
      db.prepare(sql).run(...values);
    }
    return true;
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (code === 'SQLITE_BUSY') return false;
    if (!code.startsWith('SQLITE_CONSTRAINT')) throw error;
    return true;
  }
}

function statementOf(write: Exclude<Write, { do: 'take back' }>): [sql: string, ...unknown[]] {
  const valuesOf = ({ id, user, slug, text }: Row): unknown[] => [id, user, slug, text, text === '' ? null : 'noted'];
  switch (write.do) {
    case 'insert':
      return [`INSERT ${write.or} INTO things VALUES (?, ?, ?, ?, ?)`, ...valuesOf(write.row)];
    case 'upsert':
      return [
        `INSERT INTO things VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body, user = excluded.user`,
        ...valuesOf(write.row),
      ];
    case 'text':
      return ['UPDATE things SET body = ? WHERE id IS ?', write.text, write.id];
    case 'texts of':
      return ['UPDATE things SET body = ? WHERE user = ?', write.text, write.user];
    case 'user':
      return ['UPDATE things SET user = ? WHERE id IS ?', write.user, write.id];
    case 'id':
      return [`UPDATE ${write.or} things SET id = ? WHERE id IS ?`, write.to, write.id];
    case 'slug':
      return [`UPDATE ${write.or} things SET slug = ? WHERE id IS ?`, write.slug, write.id];
    case 'delete':
      return ['DELETE FROM things WHERE id IS ?', write.id];
    case 'delete of':
      return ['DELETE FROM things WHERE user = ?', write.user];
  }
}

function replaces(step: Step): boolean {
  if (step.do === 'write') return isReplace(step.write);
  return (step.do === 'rebuild' || step.do === 'migrate') && step.beside.some(isReplace);
}

function isReplace(write: Write): boolean {
  return write.do === 'take back' ? write.writes.some(isReplace) : 'or' in write && write.or === 'OR REPLACE';
}

/** Rows that hold a word, as one finds them by reading all. */
function scan(db: Database.Database, word: string, userId?: string): unknown[] {
  const rows = db.prepare('SELECT id, user, body FROM things WHERE id IS NOT NULL').safeIntegers().all();
  return (rows as { id: Id; user: string; body: string }[])
    .filter(({ user, body }) => body.split(' ').includes(word) && (userId === undefined || user === userId))
    .map(({ id }) => String(id))
    .sort();
}

async function expectFindsWhatIsThere(db: Database.Database, search: SqliteSearch): Promise<void> {
  for (const word of WORDS) {
    for (const userId of [undefined, ...USERS]) {
      const hits = await search.search(word, userId === undefined ? { limit: 200 } : { limit: 200, userId });
      const found = hits.map(({ row }) => String(row['id'])).sort();
      expect([word, userId, found]).toEqual([word, userId, scan(db, word, userId)]);
    }
  }
}

describe.each(Object.entries(KEYS))('the triggers on a table with %s', (_, { sql, ids, rest = '' }) => {
  it('keep index and vectors in step with whatever is written, and leave nothing that a task does not remove', async () => {
    const { path, db } = databaseOf('PRAGMA journal_mode = WAL');
    db.pragma('busy_timeout = 0');
    db.pragma('synchronous = OFF');
    const property = fc.asyncProperty(
      fc.oneof(steps(ids, CONFLICTS), steps(ids, ['OR REPLACE', ...CONFLICTS])),
      fc.boolean(),
      fc.boolean(),
      async (all, embedded, perUser) => {
        db.exec(`DROP TABLE IF EXISTS things;
               CREATE TABLE things (id ${sql}, user TEXT NOT NULL, slug UNIQUE, body TEXT NOT NULL, note TEXT) ${rest}`);
        db.pragma('recursive_triggers = OFF');
        const data = { ...DATA, path, table: TABLE };
        const open = openTable(path, TABLE);
        const search = searchOf({ path, ...TABLE });
        for (const [at, id] of ids.entries()) {
          const row = { id, user: at % 2 === 0 ? 'ann' : 'bob', slug: null, text: WORDS[at % 3] as string };
          perform(db, { do: 'insert', or: '', row });
        }
        if (embedded) await runOn(migrate, {}, data);
        // What REPLACE deletes goes without a word to any trigger, so entries and vectors may be left of it: never to be
        // found, and only until the next task.
        const sound = !all.some(replaces);
        for (const step of all) {
          if (step.do === 'write') perform(db, step.write);
          else if (step.do === 'recursive triggers') db.pragma(`recursive_triggers = ${step.on ? 1 : 0}`);
          else if (step.do === 'a build begins, and ends with its process') beginBuild(open, 'dead');
          else {
            const left = [...step.beside];
            const onCheck = (): void => {
              if (left[0] !== undefined && perform(db, left[0])) left.shift();
            };
            const input = step.userId === undefined ? {} : { userId: step.userId };
            await (step.do === 'rebuild'
              ? runOn(rebuild, input, data, { onCheck })
              : runOn(migrate, input, data, { onCheck }));
          }
          if (sound) expectSoundTable(path, TABLE);
          await expectFindsWhatIsThere(db, search);
        }
        await expectFreshVectors(path, TABLE, EMBEDDER);
        if (perUser) for (const userId of USERS) await runOn(rebuild, { userId }, data);
        else await runOn(rebuild, {}, data);
        await runOn(migrate, {}, data);
        expectSoundTable(path, TABLE);
        await expectFindsWhatIsThere(db, search);
        expect(await expectFreshVectors(path, TABLE, EMBEDDER)).toBe(
          db.prepare('SELECT count(id) FROM things').pluck().get(),
        );
        search.close();
        open.db.close();
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });
});
