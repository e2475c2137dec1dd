import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openStore } from 'treadle/store';
import { expect } from 'vitest';
import type { FaultBench, Trapped } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import { Gate } from '../../tasks/gate.js';
import type { Step } from '../../tasks/hazard.task.js';
import type { Strike } from '../../tasks/strike.js';

const TEXTS = 25;
const USERS = ['ann', 'bob'] as const;

/** Writes as soon as `writers` are about to. */
function writerOf(path: string, userId: string, together: Gate, writers: number): Strike {
  return { act: 'store', path, userId, texts: TEXTS, together: together.buffer, writers };
}

function makeStore(path: string): void {
  openStore({ path }).close();
  const db = new Database(path);
  db.exec('CREATE TABLE counter (n INTEGER NOT NULL); INSERT INTO counter VALUES (0)');
  db.close();
}

/** A task on each thread that is about to write to the same new database. */
async function reachWriters(bench: FaultBench, at: Step): Promise<{ path: string; writers: Trapped[] }> {
  const path = join(bench.folder, `${at}-${bench.tasks.stats().total}.db`);
  makeStore(path);
  const writers = [];
  const together = new Gate();
  for (const user of USERS) {
    writers.push(await bench.reach(at, writerOf(path, user, together, USERS.length), { beside: false }));
  }
  return { path, writers };
}

/** Nothing was lost and nothing doubled, and the file is sound. */
function expectAll(path: string, users: readonly string[] = USERS): void {
  const store = openStore({ path });
  expect(users.map((user) => store.count(user))).toEqual(users.map(() => TEXTS));
  store.close();
  const db = new Database(path);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(db.prepare('SELECT n FROM counter').pluck().get()).toBe(users.length * TEXTS);
  db.close();
}

function bothWrite(at: Step): Trial['run'] {
  return async (bench) => {
    const { path, writers } = await reachWriters(bench, at);
    for (const { trap } of writers) trap.release();
    for (const { task, trap } of writers) {
      expect(await task.result()).toBe(trap.result);
      expect(task.record.messages).toEqual([]);
    }
    expectAll(path);
  };
}

export default {
  row: 'two threads write to one database',
  cells: {
    pending: {
      behaviour: 'a task that waited while the host wrote waits for its lock too, and then writes',
      run: async (bench) => {
        const path = join(bench.folder, 'host.db');
        makeStore(path);
        const first = await bench.reach('run', null);
        const next = await bench.submit('run', writerOf(path, 'ann', new Gate(), 1));
        const host = new Database(path);
        host.exec('BEGIN IMMEDIATE');
        expect(next.task.record.status).toBe('pending');
        first.trap.release();
        await next.trap.reached();
        next.trap.release();
        host.exec('COMMIT');
        host.close();
        expect(await next.task.result()).toBe(next.trap.result);
        expectAll(path, ['ann']);
      },
    },
    plan: { behaviour: 'both wait for their turns and write everything once', run: bothWrite('plan') },
    run: { behaviour: 'both wait for their turns and write everything once', run: bothWrite('run') },
    finish: { behaviour: 'both wait for their turns and write everything once', run: bothWrite('finish') },
    cleanup: { behaviour: 'both wait for their turns and write everything once', run: bothWrite('cleanup') },
    cancelling: {
      behaviour: 'one that was told to stop ends its step and is cancelled; the other one writes everything',
      run: async (bench) => {
        const { path, writers } = await reachWriters(bench, 'run');
        const [cancelled, other] = writers;
        expect(cancelled?.task.cancel().status).toBe('cancelling');
        for (const { trap } of writers) trap.release();
        expect((await cancelled?.task.settled())?.status).toBe('cancelled');
        expect(await other?.task.result()).toBe(other?.trap.result);
        expectAll(path);
      },
    },
    closing: {
      behaviour: 'close() waits for both, which write everything and close their connections',
      run: async (bench) => {
        const { path, writers } = await reachWriters(bench, 'run');
        const closed = bench.close();
        for (const { trap } of writers) trap.release();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        expect(writers.map(({ task }) => task.record.status)).toEqual(['completed', 'completed']);
        expectAll(path);
      },
    },
  },
} satisfies Scenario;
