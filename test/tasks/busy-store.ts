/**
 * A thread that adds, changes, deletes and searches memories as fast as it can with a connection of its own, from when
 * it is started until its gate opens, and then tells how it went. Its writes wait as SQLite makes them wait.
 */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { openStore } from 'treadle/store';
import { Gate } from './gate.js';

/** What the thread is given. */
export interface BusyStoreData {
  path: string;
  gate: SharedArrayBuffer;
  /** Rows that are there when it begins, of ids from 1. */
  rows: number;
}

/** How it went. */
export interface BusyStoreReport {
  writes: number;
  searches: number;
  /** Searches that did not find a row that must have been there. */
  misses: string[];
  errors: string[];
  /** The longest that a write waited for its turn. */
  longestWaitMs: number;
}

const { path, gate: buffer, rows } = workerData as BusyStoreData;
const gate = new Gate(buffer);
const db = new Database(path, { timeout: 5_000 });
const store = openStore({ path });
const report: BusyStoreReport = { writes: 0, searches: 0, misses: [], errors: [], longestWaitMs: 0 };

const insert = db.prepare(
  `INSERT INTO memories (user_id, importance, created_at, content_hash, content) VALUES ('writer', 0.5, 0, randomblob(32), ?)`,
);
const update = db.prepare('UPDATE memories SET content = ? WHERE id = ?');
const remove = db.prepare('DELETE FROM memories WHERE id = ?');

function write(n: number): void {
  const askedAt = performance.now();
  db.transaction(() => {
    report.longestWaitMs = Math.max(report.longestWaitMs, performance.now() - askedAt);
    if (n % 3 === 0) insert.run(`added${n} row`);
    else if (n % 3 === 1) update.run(`changed${n} row`, 1 + ((n * 7_919) % rows));
    else remove.run(1 + ((n * 104_729) % rows));
  }).immediate();
  report.writes++;
}

async function search(word: string, userId: string): Promise<void> {
  const hits = await store.search(word, { userId });
  report.searches++;
  if (!hits.some((hit) => hit.content.includes(word))) report.misses.push(word);
}

for (let n = 0; !gate.isOpen; n++) {
  try {
    write(n);
    // What was added is never deleted, so it must be found: at once, and later.
    if (n % 3 === 0) await search(`added${n}`, 'writer');
    await search(`added${((n * 31) % (n + 1)) - (((n * 31) % (n + 1)) % 3)}`, 'writer');
  } catch (error) {
    report.errors.push(String(error));
  }
  if (n === 10) gate.arrive();
}
store.close();
db.close();
parentPort?.postMessage(report);
