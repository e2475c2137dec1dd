import { Worker } from 'node:worker_threads';
import { TaskManager } from 'treadle';
import { memoryTasks } from 'treadle/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../tasks/gate.js';
import type { BusyStoreData, BusyStoreReport } from '../tasks/busy-store.js';
import { closedAtEnd } from '../support/test-manager.js';
import { connection, expectIndexMatchesRows, expectNoDebris, fill, temporaryPath } from '../support/memories.js';

/** Begins to write and search in a thread of its own; resolves once it is at it. The function ends it. */
async function busyStore(data: Omit<BusyStoreData, 'gate'>): Promise<() => Promise<BusyStoreReport>> {
  const gate = new Gate();
  const thread = new Worker(new URL('../dist/busy-store.js', import.meta.url), {
    workerData: { ...data, gate: gate.buffer },
  });
  onTestFinished(() => void thread.terminate());
  const report = new Promise<BusyStoreReport>((resolve, reject) => {
    thread.once('message', resolve).once('error', reject);
  });
  await Promise.race([gate.arrived(), report]);
  return () => {
    gate.open();
    return report;
  };
}

describe('while another connection writes and searches', () => {
  it.each([
    ['a full rebuild over 100,000 rows', 100_000, {}],
    ['a rebuild of one user', 3_000, { userId: 'user0' }],
  ])('%s fails no read and no write, and loses and doubles no row', async (_, rows, input) => {
    const path = temporaryPath();
    fill(path, rows, { users: 1, contentOf: (n) => `row${n} text` });
    const tasks = closedAtEnd(new TaskManager({ types: memoryTasks({ path }), threads: { max: 1 } }));
    const stop = await busyStore({ path, rows });
    const task = await tasks.submit('rebuild_fts_index', { input });
    const result = await task.result();
    const report = await stop();
    expect(report).toMatchObject({ misses: [], errors: [] });
    expect(report.writes).toBeGreaterThan(20);
    expect(report.searches).toBeGreaterThan(20);
    expect(result.rows).toBeGreaterThan(rows / 2);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  const CONTENTS = Array.from({ length: 2_000 }, (_, n) => `batch number${n}`);

  it.each([
    ['a migration', 'migrate_embeddings', { to: 'other' }],
    ['a migration of one user', 'migrate_embeddings', { to: 'other', userId: 'user0' }],
    ['a sweep', 'ttl_sweep', {}],
    ['a sweep of one user', 'ttl_sweep', { userId: 'user0' }],
    ['embedding', 'embed_batch', { userId: 'ada', contents: CONTENTS }],
  ] as const)('%s fails no read and no write, and loses and doubles nothing', async (_, type, input) => {
    const rows = 3_000;
    const path = temporaryPath();
    fill(path, rows, { users: 2, contentOf: (n) => `row${n} text` });
    const small = (dimensions: number): object => ({ options: { dimensions } });
    const types = memoryTasks({ path, embedder: small(32), embedders: { other: small(64) } });
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 2 } }));
    const run = async (name: typeof type, given: object): Promise<unknown> =>
      (await tasks.submit(name, { input: given as never })).result();
    const db = connection(path);
    const count = (sql: string): unknown => db.prepare(sql).pluck().get();
    expect(await run('migrate_embeddings', {})).toMatchObject({ embedded: rows });
    db.exec('UPDATE memories SET expires_at = 1 WHERE id % 2 = 0');

    const stop = await busyStore({ path, rows });
    await run(type, input);
    const report = await stop();
    expect(report).toMatchObject({ misses: [], errors: [] });
    // Eleven of them before it began.
    expect(report.writes).toBeGreaterThan(11);
    expectIndexMatchesRows(path);
    const models = `SELECT m.id FROM memories m JOIN vectors v ON v.row_id = m.id AND v.model = coalesce(
      (SELECT model FROM vectors_models WHERE scope = 'u' || lower(hex(m.user_id)) || '0'),
      (SELECT model FROM vectors_models WHERE scope = '*'))`;
    expect(
      count(`SELECT count(*) FROM memories WHERE id NOT IN (${models} UNION SELECT row_id FROM vectors_pending)`),
    ).toBe(0);
    if (type === 'ttl_sweep') {
      const whose = 'userId' in input ? `user_id = 'user0'` : 'TRUE';
      expect(count(`SELECT count(*) FROM memories WHERE expires_at IS NOT NULL AND ${whose}`)).toBe(0);
    }
    if (type === 'embed_batch') {
      expect(count(`SELECT count(*) FROM memories WHERE user_id = 'ada'`)).toBe(CONTENTS.length);
    }
    await run('migrate_embeddings', { to: 'other' });
    expect(count('SELECT count(*) FROM vectors')).toBe(count('SELECT count(*) FROM memories'));
    expect(count('SELECT count(*) FROM vectors_pending')).toBe(0);
    expectIndexMatchesRows(path);
  });
});
