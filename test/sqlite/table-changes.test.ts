import { describe, expect, it } from 'vitest';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import sweep from '../../dist/tasks/ttl-sweep.js';
import { databaseOf, expectSoundTable, openTable, runOn } from '../support/own-table.js';
import { handContext, runByHand } from '../support/memory-task.js';
import { schemaOf } from '../support/sakila.js';

const TABLE = { table: 't', id: 'id', content: ['body'], expiresAt: 'at', fts: 'f', vectors: 'v' } as const;
const KEYS = { integer: 'id INTEGER PRIMARY KEY', text: 'id TEXT PRIMARY KEY' };

/** The table made anew, as one does to alter it. */
const anew = (columns: string, select: string): string =>
  `CREATE TABLE n (${columns}); INSERT INTO n SELECT ${select} FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t`;

describe('a task on a thread that has had the table open', () => {
  it.each([
    ['integer', 'text', 'an integer primary key'],
    ['text', 'integer', 'a key that is no integer primary key'],
  ] as const)('is refused where the key is no more %s but %s, and makes nothing', async (before, after, expected) => {
    const { path, db } = databaseOf(`CREATE TABLE t (${KEYS[before]}, body TEXT, at INTEGER);
                                     INSERT INTO t VALUES (1, 'the loom', NULL)`);
    const data = { path, table: TABLE };
    const context = handContext(data);
    await runByHand(rebuild, {}, context);
    db.exec(anew(`${KEYS[after]}, body TEXT, at INTEGER`, 'id, body, at'));
    const schema = schemaOf(db);
    for (const run of [
      () => runByHand(rebuild, {}, context),
      () => runByHand(migrate, {}, context),
      () => runByHand(sweep, {}, context),
    ]) {
      await expect(run()).rejects.toThrow(
        `Expected "t" to have ${expected}, as when it was opened: the table was made anew with another key; start again`,
      );
    }
    expect(schemaOf(db)).toEqual(schema);
    // What the application writes goes on, and whoever opens the table now finds it as it is.
    db.exec(`INSERT INTO t VALUES (2, 'treadle', NULL)`);
    expect(await runOn(rebuild, {}, data)).toMatchObject({ rows: 2 });
    db.exec(`INSERT INTO t VALUES (3, 'shuttle', NULL)`);
    expectSoundTable(path, TABLE);
  });

  it.each([
    [
      'content',
      anew('id INTEGER PRIMARY KEY, text TEXT, at INTEGER', '*'),
      /to have a column "body", got id, text, at/,
    ],
    ['time', anew('id INTEGER PRIMARY KEY, body TEXT', 'id, body'), /to have a column "at", got id, body/],
    ['content, which was renamed', 'ALTER TABLE t RENAME COLUMN body TO text', /to have a column "body", got id, text/],
    ['rows', 'DROP TABLE t', /to have a table "t", got none/],
  ])('is refused where the table has no more its %s, and makes nothing', async (_, change, message) => {
    const { path, db } = databaseOf(`CREATE TABLE t (${KEYS.integer}, body TEXT, at INTEGER);
                                     INSERT INTO t VALUES (1, 'the loom', NULL)`);
    const context = handContext({ path, table: TABLE });
    await runByHand(rebuild, {}, context);
    db.exec(change);
    const schema = schemaOf(db);
    await expect(runByHand(rebuild, {}, context)).rejects.toThrow(message);
    expect(schemaOf(db)).toEqual(schema);
  });

  it('goes on where only other columns changed', async () => {
    const { path, db } = databaseOf(`CREATE TABLE t (${KEYS.text}, body TEXT, at INTEGER);
                                     INSERT INTO t VALUES ('x', 'the loom', NULL)`);
    const context = handContext({ path, table: TABLE });
    await runByHand(rebuild, {}, context);
    db.exec(anew(`${KEYS.text}, more TEXT, body TEXT, at INTEGER`, `id, '', body, at`));
    expect(await runByHand(rebuild, {}, context)).toMatchObject({ rows: 1 });
    openTable(path, TABLE);
    expectSoundTable(path, TABLE);
  });
});
