import Database from 'better-sqlite3';
import { TaskManager } from 'treadle';
import { type Embedder, hashingEmbedder } from 'treadle/embedders';
import { memoryTasks } from 'treadle/tasks';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { modelInUse } from '../../dist/sqlite/models.js';
import { MEMORIES_LAYOUT } from '../../dist/store/memories-table.js';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import type { MigrateInput } from '../../dist/tasks/inputs.js';
import { type ContextHooks, handContext, runByHand } from '../support/memory-task.js';
import { connection, expectIndexMatchesRows, temporaryPath, temporaryStore } from '../support/memories.js';
import { closedAtEnd } from '../support/test-manager.js';

const ROWS = 300;
const OLD = hashingEmbedder({ dimensions: 32 });
const NEW = hashingEmbedder({ dimensions: 64 });
const BOTH = [OLD, NEW];

const module = new URL('../dist/hooked-embedder.js', import.meta.url).href;
const embedders = {
  default: { options: { dimensions: 32 } },
  new: { module, options: { dimensions: 64 } },
  third: { options: { dimensions: 16 } },
};

/** Calls `hook` before the new embedder embeds, until the test ends. */
function beforeEmbedding(hook: (texts: readonly string[]) => void | Promise<void>): void {
  Object.assign(globalThis, { treadleTestOnEmbed: hook });
  onTestFinished(() => void Reflect.deleteProperty(globalThis, 'treadleTestOnEmbed'));
}

function fruit(n: number): string {
  return `number${n} ${['apple', 'banana', 'cherry'][n % 3]}`;
}

describe('migrate_embeddings', () => {
  let path: string;
  let db: Database.Database;

  beforeEach(async () => {
    path = temporaryPath();
    const store = temporaryStore({ path, embedder: OLD });
    for (let n = 0; n < ROWS; n++) await store.add({ userId: n % 2 === 0 ? 'ada' : 'bob', content: fruit(n) });
    db = connection(path);
  });

  function run(input: MigrateInput = { to: 'new' }, hooks: ContextHooks = {}): ReturnType<typeof perform> {
    return perform(input, hooks);
  }

  async function perform(
    input: MigrateInput,
    hooks: ContextHooks,
  ): Promise<{ model: string; embedded: number; removed: number }> {
    return runByHand(migrate, input, handContext({ path, embedders }, hooks), 2);
  }

  function vectors(): Record<string, number> {
    const counts = db.prepare('SELECT model, count(*) FROM vectors GROUP BY model').raw().all() as [string, number][];
    return Object.fromEntries(counts);
  }

  function answers(userId: string | null = null): string | null {
    return modelInUse({ db, layout: MEMORIES_LAYOUT }, userId);
  }

  function left(): unknown {
    return db
      .prepare(
        `SELECT (SELECT count(*) FROM vectors_pending), (SELECT migration FROM vectors_state),
                (SELECT count(*) FROM treadle_tallies)`,
      )
      .raw()
      .get();
  }

  function expectMigrated(rows: number): void {
    expect(vectors()).toEqual({ [NEW.name]: rows });
    expect(answers()).toBe(NEW.name);
    expect(left()).toEqual([0, null, 0]);
    expectIndexMatchesRows(path);
  }

  const change = (id: number): void =>
    void db.prepare(`UPDATE memories SET content = content || ' changed' WHERE id = ?`).run(id);

  it('gives every row a vector of the new model, changes over, and removes the old ones', async () => {
    const store = temporaryStore({ path, embedder: BOTH });
    const [before] = await store.search('number6 aple', { userId: 'ada', mode: 'vector' });
    expect(await run()).toEqual({ model: NEW.name, embedded: ROWS, removed: ROWS });
    expectMigrated(ROWS);
    const [after] = await store.search('number6 aple', { userId: 'ada', mode: 'vector' });
    expect(before?.content).toBe(fruit(6));
    expect(after?.content).toBe(fruit(6));
    expect(after?.score).not.toBe(before?.score);
  });

  it('keeps the old vectors when told to, and goes back without embedding anything', async () => {
    expect(await run({ to: 'new', keep: true })).toEqual({ model: NEW.name, embedded: ROWS, removed: 0 });
    expect(vectors()).toEqual({ [OLD.name]: ROWS, [NEW.name]: ROWS });
    expect(await run({ to: 'default' })).toEqual({ model: OLD.name, embedded: 0, removed: ROWS });
    expect(vectors()).toEqual({ [OLD.name]: ROWS });
    expect(answers()).toBe(OLD.name);
  });

  it('changes over in one step: until then searches find everything by the old vectors, after it by the new', async () => {
    const seen = new Set<unknown>();
    const look = (): void => {
      const model = answers();
      const rows = db.prepare('SELECT count(*) FROM vectors WHERE model = ?').pluck().get(model) as number;
      seen.add(`${model} ${rows}`);
    };
    await run({ to: 'new' }, { onCheck: look, onStage: look });
    expect([...seen]).toEqual([`${OLD.name} ${ROWS}`, `${NEW.name} ${ROWS}`]);
  });

  it('moves one user alone', async () => {
    expect(await run({ to: 'new', userId: 'ada' })).toEqual({ model: NEW.name, embedded: ROWS / 2, removed: ROWS / 2 });
    expect([answers('ada'), answers('bob'), answers()]).toEqual([NEW.name, OLD.name, OLD.name]);
    const store = temporaryStore({ path, embedder: BOTH });
    for (const userId of ['ada', 'bob']) {
      expect(await store.search('banana', { userId, mode: 'vector', limit: 200 })).toHaveLength(ROWS / 2);
      expect(await store.add({ userId, content: 'one more' })).toMatchObject({ stored: true });
    }
    expect(vectors()).toEqual({ [OLD.name]: ROWS / 2 + 1, [NEW.name]: ROWS / 2 + 1 });
    expect(await run({ to: 'new' })).toMatchObject({ embedded: ROWS / 2 + 1 });
    expectMigrated(ROWS + 2);
  });

  it('misses no row that others add, change or delete at any stage of it', async () => {
    const store = temporaryStore({ path, embedder: BOTH });
    const added: Promise<unknown>[] = [];
    let n = 0;
    const meddle = (): void => {
      n += 7;
      change(n);
      db.prepare('DELETE FROM memories WHERE id = ?').run(ROWS - n);
      added.push(store.add({ userId: 'ada', content: `added${n}` }));
      temporaryStore({ path })
        .add({ userId: 'bob', content: `without a vector ${n}` })
        .catch(() => {});
    };
    await run({ to: 'new' }, { onStage: meddle });
    await Promise.all(added);
    // What came after the change over is found by the new model too, or is embedded by the next run.
    await run({ to: 'new' });
    const rows = db.prepare('SELECT count(*) FROM memories').pluck().get() as number;
    expect(rows).toBeGreaterThan(ROWS);
    expectMigrated(rows);
  });

  it('stores no vector of a text that has changed since it was read', async () => {
    let meddled = 0;
    beforeEmbedding((texts) => {
      if (meddled === 0) change(1);
      meddled += texts.length;
    });
    expect(await run()).toMatchObject({ embedded: ROWS });
    expect(meddled).toBe(ROWS + 1);
    expectMigrated(ROWS);
    const blob = db.prepare('SELECT vector FROM vectors WHERE row_id = 1').pluck().get() as Buffer;
    const expected = await NEW.embed([`${fruit(0)} changed`]);
    expect(new Float32Array(new Uint8Array(blob).buffer)).toEqual(expected);
  });

  it('ends even when others write all the time, by embedding the last rows while nobody else can', async () => {
    const other = new Database(path, { timeout: 0 });
    onTestFinished(() => void other.close());
    const busy: unknown[] = [];
    beforeEmbedding(() => {
      try {
        other.prepare(`UPDATE memories SET content = content || '.' WHERE id = 3`).run();
      } catch (error) {
        busy.push((error as { code: unknown }).code);
      }
    });
    await run();
    expect(busy).toEqual(['SQLITE_BUSY']);
    expectMigrated(ROWS);
  });

  it('embeds many rows that came meanwhile without keeping writers out', async () => {
    const other = new Database(path, { timeout: 0 });
    onTestFinished(() => void other.close());
    const insert = other.prepare(
      `INSERT INTO memories (user_id, importance, created_at, content_hash, content) VALUES ('ada', 0, 0, randomblob(9), ?)`,
    );
    const onStage = (stage: string): void => {
      if (stage !== 'catching up') return;
      for (let n = 0; n < ROWS; n++) insert.run(`late number${n}`);
    };
    const busy: unknown[] = [];
    beforeEmbedding(() => {
      try {
        other.prepare('UPDATE memories SET importance = 1 WHERE id = 1').run();
      } catch (error) {
        busy.push(error);
      }
    });
    expect(await run({ to: 'new' }, { onStage })).toMatchObject({ embedded: 2 * ROWS });
    expect(busy).toEqual([]);
    expectMigrated(2 * ROWS);
  });

  it('leaves a user their own model when it is the first time that somebody else gets a vector', async () => {
    path = temporaryPath();
    db = connection(path);
    await temporaryStore({ path }).add({ userId: 'ann', content: 'by ann' });
    expect(await run({ to: 'new', userId: 'ann' })).toMatchObject({ embedded: 1 });
    const store = temporaryStore({ path, embedder: BOTH });
    await store.add({ userId: 'bob', content: 'by bob' });
    expect([answers('ann'), answers()]).toEqual([NEW.name, OLD.name]);
    expect(await store.search('by ann', { userId: 'ann', mode: 'vector' })).toHaveLength(1);
  });

  it('never takes the last vector from a row, and embeds it the next time', async () => {
    await run({ to: 'new', keep: true });
    db.prepare('DELETE FROM vectors WHERE row_id = 7 AND model = ?').run(NEW.name);
    expect(await run()).toEqual({ model: NEW.name, embedded: 0, removed: ROWS - 1 });
    expect(vectors()).toEqual({ [OLD.name]: 1, [NEW.name]: ROWS - 1 });
    expect(await run()).toEqual({ model: NEW.name, embedded: 1, removed: 1 });
    expectMigrated(ROWS);
  });

  it('removes vectors whose row is gone', async () => {
    db.exec('DROP TRIGGER memories_fts_deleted; PRAGMA foreign_keys = OFF; DELETE FROM memories WHERE id <= 3');
    await run();
    expect(vectors()).toEqual({ [NEW.name]: ROWS - 3 });
  });

  it.each([
    ['preparing', 1],
    ['embedding', 1],
    ['embedding', 5],
    ['catching up', 1],
  ])(
    'cancelled while %s (%i) leaves the old vectors in use, and the next run goes on where it was',
    async (stage, at) => {
      const stop = new Error('stop');
      let checks = 0;
      const onCheck = (present: string): void => {
        if (present === stage && ++checks === at) throw stop;
      };
      const onStage = (present: string): void => {
        if (present === stage && stage === 'preparing') throw stop;
      };
      await expect(run({ to: 'new' }, { onCheck, onStage })).rejects.toBe(stop);
      expect(answers()).toBe(OLD.name);
      const done = vectors()[NEW.name] ?? 0;
      if (stage === 'catching up') expect(done).toBe(ROWS);
      else if (at > 1) expect(done).toBeGreaterThan(0);
      expect(vectors()[OLD.name]).toBe(ROWS);
      expect(left()).toEqual([0, null, 0]);
      const store = temporaryStore({ path, embedder: BOTH });
      await store.add({ userId: 'ada', content: 'added afterwards' });
      expect(await run()).toEqual({ model: NEW.name, embedded: ROWS + 1 - done, removed: ROWS + 1 });
      expectMigrated(ROWS + 1);
    },
  );

  it('cancelled after the change over has done its work, and leaves the rest of the removal to the next run', async () => {
    const context = handContext({ path, embedders });
    const aborted = new AbortController();
    const onStage = context.stage.bind(context);
    Object.assign(context, {
      signal: aborted.signal,
      stage: (stage: string) => {
        onStage(stage);
        if (stage === 'removing the old vectors') aborted.abort();
      },
    });
    expect(await runByHand(migrate, { to: 'new' }, context, 2)).toEqual({
      model: NEW.name,
      embedded: ROWS,
      removed: 0,
    });
    expect(answers()).toBe(NEW.name);
    expect(await run()).toEqual({ model: NEW.name, embedded: 0, removed: ROWS });
    expectMigrated(ROWS);
  });

  it('run again when nothing is to be done does nothing', async () => {
    await run();
    expect(await run()).toEqual({ model: NEW.name, embedded: 0, removed: 0 });
    expectMigrated(ROWS);
  });

  it('embeds what was stored without a vector', async () => {
    const plain = temporaryStore({ path });
    for (let n = 0; n < 5; n++) await plain.add({ userId: 'ada', content: `plain ${n}` });
    expect(await run({})).toEqual({ model: OLD.name, embedded: 5, removed: 0 });
    expect(vectors()).toEqual({ [OLD.name]: ROWS + 5 });
    expect(left()).toEqual([0, null, 0]);
  });

  it('counts each vector once when chunks and finish run twice', async () => {
    const { steps } = migrate;
    const context = handContext({ path, embedders });
    const items = [...((await steps.plan?.({ to: 'new' }, context)) ?? [])];
    for (const chunk of [items.slice(0, 3), items.slice(0, 3), items, items.slice(2)]) {
      await steps.run?.(chunk, context, { to: 'new' });
    }
    const result = { model: NEW.name, embedded: ROWS, removed: ROWS };
    expect(await steps.finish?.([], context, { to: 'new' })).toEqual(result);
    expect(await steps.finish?.([], context, { to: 'new' })).toEqual(result);
    await steps.cleanup?.(context, { to: 'new' });
    expectMigrated(ROWS);
  });

  it('lets the later of two win', async () => {
    const { steps } = migrate;
    const early = handContext({ path, embedders }, { taskId: 'early' });
    const items = [...((await steps.plan?.({ to: 'new' }, early)) ?? [])];
    const late = handContext({ path, embedders }, { taskId: 'late' });
    const lateItems = [...((await steps.plan?.({ to: 'new' }, late)) ?? [])];
    await expect((async () => steps.run?.(items, early, { to: 'new' }))()).rejects.toMatchObject({
      code: 'MIGRATION_SUPERSEDED',
      message: expect.stringContaining('the later one late took over'),
    });
    await steps.cleanup?.(early, { to: 'new' });
    await steps.run?.(lateItems, late, { to: 'new' });
    expect(await steps.finish?.([], late, { to: 'new' })).toMatchObject({ embedded: ROWS });
    await steps.cleanup?.(late, { to: 'new' });
    expectMigrated(ROWS);
  });

  it.each([
    ['new', `Expected \`from\` to be the model in use, "${OLD.name}", got "new"`],
    ['some-model', `Expected \`from\` to be the model in use, "${OLD.name}", got "some-model"`],
  ])('starts only from the model that is named: %s', async (from, message) => {
    await expect(run({ from, to: 'new' })).rejects.toMatchObject({ code: 'WRONG_MODEL', message });
    expect(vectors()).toEqual({ [OLD.name]: ROWS });
  });

  it('looks at the models of single users too', async () => {
    await run({ to: 'new', userId: 'ada' });
    await expect(run({ from: 'default', to: 'third' })).rejects.toMatchObject({ code: 'WRONG_MODEL' });
    expect(answers('ada')).toBe(NEW.name);
  });

  it.each(['default', OLD.name])('starts from %s, and does no harm when that is done already', async (from) => {
    expect(await run({ from, to: 'new' })).toMatchObject({ embedded: ROWS });
    expect(await run({ from, to: 'new' })).toMatchObject({ embedded: 0 });
  });

  describe('that changes over while a store', () => {
    /** The old embedder, which waits for the whole migration before it answers for the first time. */
    function slow(): Embedder {
      let waited = false;
      return {
        ...OLD,
        async embed(texts) {
          if (!waited) {
            waited = true;
            await run();
          }
          return OLD.embed(texts);
        },
      };
    }

    it('is embedding what is added, has it embedded again', async () => {
      const store = temporaryStore({ path, embedder: [slow(), NEW] });
      expect(await store.add({ userId: 'ada', content: 'added meanwhile' })).toMatchObject({ stored: true });
      expectMigrated(ROWS + 1);
    });

    it('is embedding a query, has it embedded again', async () => {
      const store = temporaryStore({ path, embedder: [slow(), NEW] });
      const hits = await store.search('banana', { userId: 'ada', mode: 'vector', limit: 3 });
      const [expected] = await temporaryStore({ path, embedder: NEW }).search('banana', {
        userId: 'ada',
        mode: 'vector',
        limit: 1,
      });
      expect(hits[0]).toEqual(expected);
    });
  });

  it('runs on threads, and embed_batch goes on with the model that came into use', async () => {
    const types = memoryTasks({
      path,
      embedder: embedders.default,
      embedders: { new: { options: { dimensions: 64 } } },
    });
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 2 } }));
    const migration = await tasks.submit('migrate_embeddings', { input: { from: 'default', to: 'new' } });
    const batch = await tasks.submit('embed_batch', {
      input: { userId: 'eve', contents: Array.from({ length: 400 }, (_, n) => `batch ${n}`) },
    });
    expect(await batch.result()).toEqual({ stored: 400, skipped: 0 });
    await migration.result();
    await (await tasks.submit('migrate_embeddings', { input: { to: 'new' } })).result();
    expectMigrated(ROWS + 400);
  });
});
