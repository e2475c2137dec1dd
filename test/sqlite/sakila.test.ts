import type Database from 'better-sqlite3';
import { TaskManager } from 'treadle';
import { type SqliteTable, openSearch } from 'treadle/store';
import { hashingEmbedder } from 'treadle/embedders';
import { sqliteTasks } from 'treadle/tasks';
import { describe, expect, it } from 'vitest';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { expectFreshVectors, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';
import { ROWS, sampleDatabase, schemaOf } from '../support/sakila.js';
import { closedAtEnd } from '../support/test-manager.js';

interface Sample {
  readonly name: string;
  readonly table: SqliteTable & { fts: string; vectors: string };
  /** Rows that have a key. */
  readonly rows: number;
  /** A user, how many rows of theirs there are, and a word in one of them. */
  readonly user?: { readonly id: string | number; readonly rows: number; readonly word: string };
  /** Writes of its own SQL, in turn; `n` counts up, and `word` is to be in what is written. */
  readonly writes: readonly ((db: Database.Database, n: number, word: string) => unknown)[];
  /** What the schema's own triggers leave undone. */
  readonly unstamped?: string;
}

const INSERT_FILM = `INSERT INTO film (film_id, title, description, language_id, rating, last_update)`;
const customerId = (n: number): string => `CUST${String(n).padStart(3, '0')}`;

const SAMPLES: readonly Sample[] = [
  {
    name: 'film: an INTEGER PRIMARY KEY, triggers that change the row, users that are integers',
    table: {
      table: 'film',
      id: 'film_id',
      content: ['title', 'description'],
      user: 'language_id',
      fts: 'film_words',
      vectors: 'film_vectors',
    },
    rows: ROWS,
    user: { id: 2, rows: ROWS / 3, word: 'academy7' },
    writes: [
      (db, n, word) => db.prepare(`${INSERT_FILM} VALUES (NULL, ?, 'new', ?, 'G', '')`).run(word, (n % 3) + 1),
      (db, n, word) => db.prepare('UPDATE film SET description = ? WHERE film_id = ?').run(word, 30 + n),
      (db, n, word) =>
        db.prepare(`REPLACE ${INSERT_FILM.slice(6)} VALUES (?, 'other', ?, 1, 'R', '')`).run(50 + n, word),
      (db, n, word) =>
        db
          .prepare(`${INSERT_FILM} VALUES (?, ?, NULL, 1, 'G', '') ON CONFLICT DO UPDATE SET title = excluded.title`)
          .run(80 + n, word),
      (db, n, word) =>
        db.prepare('UPDATE film SET language_id = 3 - language_id % 3, title = ? WHERE film_id = ?').run(word, 110 + n),
      (db, n) => {
        for (const of of ['film_actor', 'film_category', 'film']) {
          db.prepare(`DELETE FROM ${of} WHERE film_id IN (?, ?)`).run(140 + n, 190 + n);
        }
      },
    ],
    unstamped: `SELECT count(*) FROM film WHERE last_update NOT LIKE '2___-__-__ __:__:__'`,
  },
  {
    name: "film_text: WITHOUT ROWID, nobody's",
    table: {
      table: 'film_text',
      id: 'film_id',
      content: ['title', 'description'],
      fts: 'text_words',
      vectors: 'text_vectors',
    },
    rows: ROWS,
    writes: [
      (db, n, word) => db.prepare('INSERT INTO film_text VALUES (?, ?, NULL)').run(-n, word),
      (db, n, word) => db.prepare('UPDATE film_text SET title = ? WHERE film_id = ?').run(word, 7 * (30 + n)),
      (db, n, word) => db.prepare(`REPLACE INTO film_text VALUES (?, 'other', ?)`).run(7 * (50 + n), word),
      (db, n, word) =>
        db
          .prepare('INSERT INTO film_text VALUES (?, ?, NULL) ON CONFLICT DO UPDATE SET title = excluded.title')
          .run(7 * (80 + n), word),
      (db, n, word) =>
        db
          .prepare('UPDATE film_text SET film_id = ?, title = ? WHERE film_id = ?')
          .run(10_000 + n, word, 7 * (110 + n)),
      (db, n) => db.prepare('DELETE FROM film_text WHERE film_id IN (?, ?)').run(7 * (140 + n), 7 * (190 + n)),
    ],
  },
  {
    name: 'Customers: a text key that may be null, users that are texts',
    table: {
      table: 'Customers',
      id: 'CustomerID',
      content: ['CompanyName', 'ContactName'],
      user: 'Country',
      namespace: 'City',
      fts: 'Customers search',
      vectors: 'Customers vectors',
    },
    rows: ROWS - 3,
    user: { id: "Côte d'Ivoire", rows: 158, word: 'alfreds7' },
    writes: [
      (db, n, word) => db.prepare(`INSERT INTO Customers (CustomerID, CompanyName) VALUES (?, ?)`).run(`NEW${n}`, word),
      (db, n, word) =>
        db.prepare('UPDATE Customers SET ContactName = ? WHERE CustomerID = ?').run(word, customerId(30 + n)),
      (db, n, word) =>
        db.prepare('REPLACE INTO Customers (CustomerID, CompanyName) VALUES (?, ?)').run(customerId(50 + n), word),
      (db, n, word) =>
        db
          .prepare(
            `INSERT INTO Customers (CustomerID, CompanyName) VALUES (?, ?)
             ON CONFLICT DO UPDATE SET CompanyName = excluded.CompanyName, Country = 'France'`,
          )
          .run(customerId(81 + n), word),
      (db, n, word) =>
        db
          .prepare('UPDATE Customers SET CustomerID = ?, CompanyName = ? WHERE CustomerID = ?')
          .run(`MOVED${n}`, word, customerId(110 + n)),
      (db, n) =>
        db.prepare('DELETE FROM Customers WHERE CustomerID IN (?, ?)').run(customerId(165 + n), customerId(200 + n)),
      // A row without a key is nobody's business, and one may lose its key.
      (db) => db.prepare(`INSERT INTO Customers (CompanyName) VALUES ('keyless')`).run(),
      (db, n) => db.prepare('UPDATE Customers SET CustomerID = NULL WHERE CustomerID = ?').run(customerId(219 + n)),
    ],
  },
];

const EMBEDDERS = { default: { options: { dimensions: 256 } }, small: { options: { dimensions: 128 } } };
const [DEFAULT, SMALL] = [hashingEmbedder({ dimensions: 256 }), hashingEmbedder({ dimensions: 128 })];

/** Writes a few times in each of a sample's ways, each time when a task looks whether it was cancelled. */
class Writer {
  readonly words: string[] = [];
  readonly #db: Database.Database;
  readonly #sample: Sample;
  #count = 0;

  constructor(db: Database.Database, sample: Sample) {
    this.#db = db;
    this.#sample = sample;
  }

  /** At most three rounds, so that they stay apart from one another. Where the task itself is writing, not this time. */
  write(): void {
    const { writes } = this.#sample;
    const turn = this.#count;
    if (turn === 3 * writes.length) return;
    const word = `written${turn}`;
    try {
      writes[turn % writes.length]?.(this.#db, Math.floor(turn / writes.length) + 1, word);
    } catch (error) {
      if ((error as { code?: string }).code === 'SQLITE_BUSY') return;
      throw error;
    }
    this.#count++;
    if (this.#has(word)) this.words.push(word);
    else expect(turn % writes.length).toBeGreaterThan(4);
  }

  #has(word: string): boolean {
    const { table, content = [] } = this.#sample.table;
    const conditions = content.map((column) => `"${column}" = :word`).join(' OR ');
    return this.#db.prepare(`SELECT 1 FROM "${table}" WHERE ${conditions}`).get({ word }) !== undefined;
  }
}

function keyed(db: Database.Database, { table, id }: SqliteTable): number {
  return db.prepare(`SELECT count("${id}") FROM "${table}"`).pluck().get() as number;
}

function vectorsOf(db: Database.Database, { vectors }: SqliteTable): Record<string, number> {
  const counts = db.prepare(`SELECT model, count(*) FROM "${vectors}" GROUP BY model ORDER BY model`).raw().all();
  return Object.fromEntries(counts as [string, number][]);
}

describe.each(SAMPLES)('$name', (sample) => {
  const { table, rows, user, unstamped } = sample;

  /** Expects that all is well, that each word that was written is found in one row, and that vectors are those of the texts. */
  async function expectWell(
    path: string,
    db: Database.Database,
    words: readonly string[],
    embedder = DEFAULT,
  ): Promise<void> {
    expectSoundTable(path, table);
    const search = searchOf({ path, ...table, embedder });
    for (const word of words) {
      const hits = await search.search(word);
      expect([word, hits.map(({ row }) => Object.values(row).includes(word))]).toEqual([word, [true]]);
    }
    await expectFreshVectors(path, table, embedder);
    expect(await search.search('keyless')).toEqual([]);
    if (unstamped !== undefined) expect(db.prepare(unstamped).pluck().get()).toBe(0);
  }

  it('is indexed and embedded, twice over, and stays as it was', async () => {
    const { path, db } = sampleDatabase();
    const before = schemaOf(db);
    const data = { path, table, embedders: EMBEDDERS };
    const search = searchOf({ path, ...table, embedder: DEFAULT });
    await expect(search.search('epic')).rejects.toMatchObject({ code: 'INDEX_NOT_BUILT' });
    for (let time = 0; time < 2; time++) {
      expect(await runOn(rebuild, {}, data)).toEqual({ rows, replayed: 0, removed: 0 });
      expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: time === 0 ? rows : 0, removed: 0 });
    }
    await expectWell(path, db, []);
    expect(vectorsOf(db, table)).toEqual({ [DEFAULT.name]: rows });
    expect(schemaOf(db, [table.fts, table.vectors])).toEqual(before);
  });

  it('is rebuilt while others write', async () => {
    const { path, db } = sampleDatabase();
    const data = { path, table, embedders: EMBEDDERS };
    openTable(path, table);
    const writer = new Writer(db, sample);
    const result = await runOn(rebuild, {}, data, {
      onCheck: () => {
        for (let time = 0; time < 4; time++) writer.write();
      },
    });
    expect(result.replayed).toBeGreaterThan(0);
    expect(writer.words.length).toBeGreaterThan(9);
    await runOn(migrate, {}, data);
    await expectWell(path, db, writer.words);
    expect(vectorsOf(db, table)).toEqual({ [DEFAULT.name]: keyed(db, table) });
  });

  it('is embedded while others write, stopped, and goes on to where nothing is missing', async () => {
    const { path, db } = sampleDatabase();
    const data = { path, table, embedders: EMBEDDERS };
    await runOn(rebuild, {}, data);
    const writer = new Writer(db, sample);
    let checks = 0;
    const stopped = runOn(migrate, {}, data, {
      onCheck: () => {
        if (++checks === 8) throw new Error('stop');
        writer.write();
      },
    });
    await expect(stopped).rejects.toThrow('stop');
    const embedded = vectorsOf(db, table)[DEFAULT.name] ?? 0;
    expect(embedded).toBeGreaterThan(0);
    expect(embedded).toBeLessThan(keyed(db, table));
    await runOn(migrate, {}, data, { onCheck: () => writer.write() });
    await expectWell(path, db, writer.words);
    expect(vectorsOf(db, table)).toEqual({ [DEFAULT.name]: keyed(db, table) });
    // To another model and back again, the first one's vectors kept.
    const before = keyed(db, table);
    expect(await runOn(migrate, { to: 'small', keep: true }, data)).toMatchObject({ embedded: before, removed: 0 });
    await expectWell(path, db, writer.words.slice(0, 3), SMALL);
    expect(await runOn(migrate, { from: 'small' }, data)).toMatchObject({ embedded: 0, removed: before });
    await expectWell(path, db, writer.words.slice(0, 3));
  });

  it('is stopped at any step of a rebuild, and its index stays whole', async () => {
    const { path, db } = sampleDatabase();
    const data = { path, table };
    await runOn(rebuild, {}, data);
    for (const stop of [1, 3, 4, 5]) {
      let checks = 0;
      const writer = new Writer(db, sample);
      const stopped = runOn(rebuild, {}, data, {
        onCheck: () => {
          if (++checks === stop) throw new Error('stop');
        },
      });
      await expect(stopped).rejects.toThrow('stop');
      if (stop === 3) for (let n = 0; n < 6; n++) writer.write();
      expectSoundTable(path, table);
    }
    expect(await runOn(rebuild, {}, data)).toMatchObject({ rows: keyed(db, table) });
    expectSoundTable(path, table);
  });

  if (user === undefined) return;

  it('is rebuilt and embedded for one user, while others write', async () => {
    const { path, db } = sampleDatabase();
    const data = { path, table, embedders: EMBEDDERS };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    const mine = { userId: user.id };
    expect(await runOn(rebuild, mine, data)).toEqual({ rows: user.rows, replayed: 0, removed: 0 });
    expect(await runOn(migrate, { ...mine, to: 'small' }, data)).toMatchObject({
      embedded: user.rows,
      removed: user.rows,
    });
    expect(vectorsOf(db, table)).toEqual({
      [DEFAULT.name]: rows - user.rows,
      [SMALL.name]: user.rows,
    });
    const search = searchOf({ path, ...table, embedder: [DEFAULT, SMALL] });
    for (const mode of ['text', 'vector', 'hybrid'] as const) {
      expect(await search.search(user.word, { ...mine, mode, limit: 1 })).toHaveLength(1);
      const all = await search.search(user.word, { ...mine, mode, limit: 200 });
      expect(new Set(all.map(({ row }) => row[table.user as string]))).toEqual(new Set([user.id]));
    }
    const others = typeof user.id === 'number' ? 1 : 'Germany';
    expect(await search.search(user.word, { userId: others })).toEqual([]);
    const writer = new Writer(db, sample);
    const hooks = { onCheck: () => writer.write() };
    await runOn(rebuild, mine, data, hooks);
    await runOn(migrate, { ...mine, to: 'small' }, data, hooks);
    while (writer.words.length < 9) writer.write();
    await runOn(rebuild, mine, data);
    await runOn(migrate, {}, data);
    await expectWell(path, db, writer.words);
    expect(vectorsOf(db, table)).toEqual({ [DEFAULT.name]: keyed(db, table) });
  });
});

describe('on threads', () => {
  it('two tables of one database are indexed, embedded and searched side by side', async () => {
    const { path } = sampleDatabase();
    const [film, , customers] = SAMPLES as [Sample, Sample, Sample];
    const filmTasks = sqliteTasks({ path, ...film.table });
    const customerTasks = sqliteTasks({ path, ...customers.table });
    const tasks = closedAtEnd(
      new TaskManager({
        types: {
          films: filmTasks.rebuild_fts_index,
          filmVectors: filmTasks.migrate_embeddings,
          customers: customerTasks.rebuild_fts_index,
          customerVectors: customerTasks.migrate_embeddings,
        },
        threads: { max: 2 },
      }),
    );
    const all = await Promise.all([
      tasks.submit('films', { input: {} }),
      tasks.submit('customers', { input: {} }),
      tasks.submit('filmVectors', { input: {} }),
      tasks.submit('customerVectors', { input: {} }),
    ]);
    const results = await Promise.all(all.map((task) => task.result()));
    expect(results).toMatchObject([
      { rows: film.rows },
      { rows: customers.rows },
      { embedded: film.rows },
      { embedded: customers.rows },
    ]);
    expectSoundTable(path, film.table);
    expectSoundTable(path, customers.table);
    const search = openSearch({ path, ...film.table, embedder: hashingEmbedder() });
    const hits = await search.search('academy7 drama7 Rockies', { mode: 'hybrid', limit: 1, snippet: true });
    expect(hits).toMatchObject([{ row: { film_id: 7 }, lists: { text: { rank: 1 }, vector: {} } }]);
    search.close();
  });

  it('is cancelled in the middle, and whole again after the next run', async () => {
    const { path } = sampleDatabase();
    const [{ table, rows }] = SAMPLES as [Sample];
    await runOn(rebuild, {}, { path, table });
    const tasks = closedAtEnd(new TaskManager({ types: sqliteTasks({ path, ...table }), threads: { max: 2 } }));
    for (const type of ['rebuild_fts_index', 'migrate_embeddings'] as const) {
      const task = await tasks.submit(type, { input: {} });
      for await (const { stage } of task.watch()) if (stage !== null) task.cancel();
      expect(['cancelled', 'completed']).toContain((await task.settled()).status);
      expectSoundTable(path, table);
    }
    expect(await (await tasks.submit('rebuild_fts_index', { input: {} })).result()).toMatchObject({ rows });
    await (await tasks.submit('migrate_embeddings', { input: {} })).result();
    expectSoundTable(path, table);
    expect(await expectFreshVectors(path, table, hashingEmbedder())).toBe(rows);
  });
});
