import type Database from 'better-sqlite3';
import { TaskManager } from 'treadle';
import { hashingEmbedder } from 'treadle/embedders';
import { memoryTasks } from 'treadle/tasks';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SweepInput } from '../../dist/tasks/inputs.js';
import { openMemories } from '../../dist/store/memories-table.js';
import { MemoryWriter } from '../../dist/store/memory-writer.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import sweep from '../../dist/tasks/ttl-sweep.js';
import { type ContextHooks, handContext, runByHand } from '../support/memory-task.js';
import {
  connection,
  expectIndexMatchesRows,
  expectNoDebris,
  temporaryPath,
  temporaryStore,
} from '../support/memories.js';
import { closedAtEnd } from '../support/test-manager.js';

const DAY_MS = 86_400_000;
const ROWS = 600;

describe('ttl_sweep', () => {
  let path: string;
  let db: Database.Database;

  /** Every second row has a time to live, two users and two namespaces in turn. */
  beforeEach(async () => {
    path = temporaryPath();
    const store = temporaryStore({ path, embedder: hashingEmbedder({ dimensions: 32 }) });
    for (let n = 0; n < ROWS; n++) {
      await store.add({
        userId: n % 4 < 2 ? 'ada' : 'bob',
        namespace: n % 8 < 4 ? 'home' : 'work',
        content: `text number${n}`,
        ...(n % 2 === 0 ? { ttlMs: DAY_MS } : {}),
      });
    }
    db = connection(path);
    expire('id % 2 = 1');
  });

  /** Lets rows be older than they are. */
  function expire(which: string): void {
    db.exec(`UPDATE memories SET expires_at = created_at - 1 WHERE expires_at IS NOT NULL AND ${which}`);
  }

  function run(input: SweepInput = {}, hooks: ContextHooks = {}): Promise<{ deleted: number }> {
    return runByHand(sweep, input, handContext({ path }, hooks), 2);
  }

  function count(where = 'TRUE'): unknown {
    return db.prepare(`SELECT count(*) FROM memories WHERE ${where}`).pluck().get();
  }

  function expectClean(rows: number): void {
    expect(count()).toBe(rows);
    expect(db.prepare('SELECT count(*) FROM vectors').pluck().get()).toBe(rows);
    expect(db.prepare('SELECT count(*) FROM treadle_tallies').pluck().get()).toBe(0);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  }

  it('deletes what has expired, from the index and the vectors too, and nothing else', async () => {
    db.exec('UPDATE memories SET expires_at = 9007199254740991 WHERE id % 10 = 1');
    expect(await run()).toEqual({ deleted: 240 });
    expect(count('expires_at IS NULL')).toBe(300);
    expectClean(360);
    expect(await run()).toEqual({ deleted: 0 });
  });

  it.each([
    [{ userId: 'ada' }, 150, `user_id = 'ada'`],
    [{ userId: 'ada', namespace: 'work' }, 75, `user_id = 'ada' AND namespace = 'work'`],
    [{ userId: 'nobody' }, 0, `user_id = 'nobody'`],
  ])('deletes only what %j has', async (input, deleted, where) => {
    expect(await run(input)).toEqual({ deleted });
    expect(count(`expires_at IS NOT NULL AND ${where}`)).toBe(0);
    expect(count('expires_at IS NOT NULL')).toBe(300 - deleted);
    expectClean(ROWS - deleted);
  });

  it('leaves a memory that is renewed before its turn comes', async () => {
    const store = temporaryStore({ path });
    const { steps } = sweep;
    const context = handContext({ path });
    const windows = [...((await steps.plan?.({}, context)) ?? [])];
    const renewed = await store.add({ userId: 'ada', namespace: 'home', content: 'text number0', ttlMs: DAY_MS });
    expect(renewed.stored).toBe(true);
    await steps.run?.(windows, context, {});
    expect(await steps.finish?.([], context, {})).toEqual({ deleted: 299 });
    await steps.cleanup?.(context, {});
    expect(store.get(renewed.id)?.content).toBe('text number0');
    expectClean(301);
  });

  it('leaves no text without a vector that is stored again while it is swept', async () => {
    const hashing = hashingEmbedder({ dimensions: 32 });
    let swept = 0;
    const embedder = {
      ...hashing,
      async embed(texts: readonly string[]) {
        if (swept === 0) swept = (await run()).deleted;
        return hashing.embed(texts);
      },
    };
    const { db: own, layout } = openMemories(path);
    const writer = new MemoryWriter({ db: own, layout });
    const written = await writer.add(
      { userId: 'ada', namespace: 'home' },
      ['text number0', 'text that is new'],
      Date.now(),
      { embedder: () => embedder },
    );
    own.close();
    expect(swept).toBe(300);
    expect(written).toMatchObject([{ stored: true }, { stored: true }]);
    expectClean(302);
  });

  it('counts each row once when a chunk runs twice', async () => {
    const { steps } = sweep;
    const context = handContext({ path });
    const windows = [...((await steps.plan?.({}, context)) ?? [])];
    for (const chunk of [windows.slice(0, 1), windows, windows.slice(1)]) await steps.run?.(chunk, context, {});
    expect(await steps.finish?.([], context, {})).toEqual({ deleted: 300 });
    await steps.cleanup?.(context, {});
    expectClean(300);
  });

  it('cancelled in the middle has deleted whole windows, and the next run deletes the rest', async () => {
    const stop = new Error('stop');
    let checks = 0;
    await expect(
      run(
        {},
        {
          onCheck: () => {
            if (++checks === 3) throw stop;
          },
        },
      ),
    ).rejects.toBe(stop);
    const left = count('expires_at IS NOT NULL') as number;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(300);
    expectClean(300 + left);
    expect(await run()).toEqual({ deleted: left });
    expectClean(300);
  });

  it('while the index is rebuilt takes the rows out of the new one too', async () => {
    const swept: Promise<unknown>[] = [];
    const onStage = (stage: string): void => {
      if (stage === 'indexing') swept.push(run());
    };
    await runByHand(rebuild, {}, handContext({ path }, { onStage }), 1);
    expect(await Promise.all(swept)).toEqual([{ deleted: 300 }]);
    expectClean(300);
  });

  it('while others add, change and delete loses nothing of theirs', async () => {
    const store = temporaryStore({ path, embedder: hashingEmbedder({ dimensions: 32 }) });
    const added: Promise<unknown>[] = [];
    let n = 0;
    const meddle = (): void => {
      n += 2;
      added.push(store.add({ userId: 'ada', content: `added${n}`, ttlMs: DAY_MS }));
      db.prepare('DELETE FROM memories WHERE id IN (?, ?)').run(ROWS - n, ROWS + 1 - n);
    };
    const { deleted } = await run({}, { onCheck: meddle });
    await Promise.all(added);
    expect(deleted).toBeGreaterThanOrEqual(300 - n);
    expect(count('expires_at IS NOT NULL')).toBe(added.length);
    expectClean(300 - n / 2 + added.length);
  });

  it('runs on threads', async () => {
    const tasks = closedAtEnd(new TaskManager({ types: memoryTasks({ path }), threads: { max: 2 } }));
    const user = await tasks.submit('ttl_sweep', { input: { userId: 'bob' } });
    expect(await user.result()).toEqual({ deleted: 150 });
    const all = await tasks.submit('ttl_sweep');
    expect(await all.result()).toEqual({ deleted: 150 });
    expectClean(300);
  });
});
