import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { openStore } from 'treadle/store';
import { describe, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../dist/store/migrations.js';
import { connection, temporaryPath, temporaryStore } from '../support/memories.js';

describe('migrations', () => {
  it('bring a new file to the present version, in WAL mode', () => {
    const db = connection(temporaryPath());
    expect(db.prepare('SELECT version FROM treadle_memories').pluck().get()).toBe(SCHEMA_VERSION);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('synchronous', { simple: true })).toBe(1);
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
  });

  it('change nothing in a database that is up to date', async () => {
    const store = temporaryStore();
    const { id } = await store.add({ userId: 'ada', content: 'still here' });
    store.close();
    expect(temporaryStore({ path: store.path }).get(id)?.content).toBe('still here');
  });

  it('refuse a database that is newer than the code, and leave it as it is', () => {
    const { path } = temporaryStore();
    const db = new Database(path);
    db.exec('UPDATE treadle_memories SET version = 99');
    expect(() => openStore({ path })).toThrow(
      `has schema version 99, this Treadle knows up to ${SCHEMA_VERSION}: use a newer Treadle`,
    );
    expect(db.prepare('SELECT version FROM treadle_memories').pluck().get()).toBe(99);
    db.close();
  });

  it('leave nothing half done when a step fails', () => {
    const path = temporaryPath();
    const db = new Database(path);
    db.exec('CREATE TABLE vectors (a)');
    expect(() => openStore({ path })).toThrow('vectors already exists');
    expect(db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).pluck().all()).toEqual(['vectors']);
    expect(db.pragma('user_version', { simple: true })).toBe(0);
    db.close();
  });

  it('leave other tables in the file and their version alone', async () => {
    const path = temporaryPath();
    const own = new Database(path);
    own.exec('CREATE TABLE account (id INTEGER PRIMARY KEY); PRAGMA user_version = 17');
    own.close();
    const store = temporaryStore({ path });
    expect(await store.add({ userId: 'ada', content: 'beside accounts' })).toMatchObject({ stored: true });
    expect(connection(path).pragma('user_version', { simple: true })).toBe(17);
  });

  it('refuse a table of memories that is not theirs, and leave it as it is', () => {
    const path = temporaryPath();
    const own = new Database(path);
    own.exec('CREATE TABLE memories (mine TEXT)');
    expect(() => openStore({ path })).toThrow(`Expected ${path} to be a database of memories`);
    expect(own.prepare(`SELECT count(*) FROM sqlite_schema`).pluck().get()).toBe(1);
    own.close();
  });

  it('are done once when several threads open a new file at the same time', async () => {
    const path = temporaryPath();
    const gate = new SharedArrayBuffer(4);
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(workerData.module).then(({ openMemories }) => {
        parentPort.postMessage('ready');
        Atomics.wait(new Int32Array(workerData.gate), 0, 0);
        const { db } = openMemories(workerData.path);
        parentPort.postMessage(db.prepare('SELECT version FROM treadle_memories').pluck().get());
        db.close();
      });`;
    const module = new URL('../../dist/store/memories-table.js', import.meta.url).href;
    const threads = Array.from(
      { length: 4 },
      () => new Worker(source, { eval: true, workerData: { path, gate, module } }),
    );
    const answers = threads.map(
      (thread) =>
        new Promise(
          (resolve, reject) =>
            void thread.on('message', (m) => typeof m === 'number' && resolve(m)).on('error', reject),
        ),
    );
    await Promise.all(threads.map((thread) => new Promise((resolve) => void thread.once('message', resolve))));
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    expect(await Promise.all(answers)).toEqual(threads.map(() => SCHEMA_VERSION));
  });
});
