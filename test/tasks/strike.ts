import { pbkdf2Sync } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import type { TaskContext } from 'treadle/task';
import { Gate } from './gate.js';
import { meet } from './meeting.js';

/** What goes wrong. */
export type Strike =
  | { act: 'throw'; what: 'rich' | 'uncloneable' | 'null' | 'undefined' | 'text' }
  /** Returns what can't be cloned. */
  | { act: 'return'; what: 'function' | 'promise' }
  | { act: 'exit'; code: number }
  | { act: 'crash' }
  | { act: 'reject' }
  /** Fills the heap little by little. */
  | { act: 'hoard' }
  /** Fills the heap at one stroke. */
  | { act: 'gulp' }
  | { act: 'hang'; how: 'loop' | 'promise' }
  /** Goes on until it is told to stop, which it asks, or hears of. */
  | { act: 'heed'; how: 'ask' | 'listen' }
  /** A native call that lasts until somebody has read what it writes. */
  | { act: 'native'; pipe: string; bytes: number }
  /** Goes well, and leaves a timer behind that throws when the gate is open. */
  | { act: 'leave'; gate: SharedArrayBuffer }
  /** Lets timers run until the gate is open, and then until those that saw it open too have fired. */
  | { act: 'linger'; gate: SharedArrayBuffer }
  | { act: 'chatter'; messages: number; steps: number }
  /** Adds texts to a store, and one to its table `counter` for each; begins when so many others do. */
  | { act: 'store'; path: string; userId: string; texts: number; together: SharedArrayBuffer; writers: number };

export class HazardError extends RangeError {
  override readonly name = 'HazardError';
  readonly code = 'E_HAZARD';
  readonly row = 7;
  readonly place = { file: 'a.txt' };
}

const LOOK_EVERY_MS = 1;

/** Does what it is told; where that returns something, it is `value`. */
export async function strike(blow: Strike, ctx: TaskContext): Promise<{ value: unknown } | null> {
  switch (blow.act) {
    case 'throw':
      return throwIt(blow.what);
    case 'return':
      return { value: blow.what === 'function' ? [1, { deep: () => 1 }] : [{ later: Promise.resolve(1) }] };
    case 'exit':
      return process.exit(blow.code);
    case 'crash':
      setImmediate(() => {
        throw new RangeError('nobody caught this');
      });
      return never();
    case 'reject':
      void Promise.reject(new RangeError('nobody awaited this'));
      return never();
    case 'hoard': {
      const kept: unknown[] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
    }
    case 'gulp':
      return { value: Array.from<number>({ length: 2 ** 26 }).fill(0.5).length };
    case 'hang':
      if (blow.how === 'loop') for (;;);
      return never();
    case 'heed': {
      if (blow.how === 'ask') for (;;) ctx.throwIfCancelled();
      const { signal } = ctx;
      return new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason as Error);
        else signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    }
    case 'native':
      writeSync(openSync(blow.pipe, 'w'), new Uint8Array(blow.bytes));
      return null;
    case 'leave': {
      const gate = new Gate(blow.gate);
      const look = (): void => {
        if (gate.isOpen) throw new Error('thrown by what an earlier task left behind');
        setTimeout(look, LOOK_EVERY_MS);
      };
      setTimeout(look, LOOK_EVERY_MS);
      return null;
    }
    case 'linger': {
      const gate = new Gate(blow.gate);
      gate.arrive();
      while (!gate.isOpen) await after(LOOK_EVERY_MS);
      // Set later and for longer: what looks each millisecond has seen the open gate before this is over.
      await after(3 * LOOK_EVERY_MS);
      return null;
    }
    case 'chatter':
      for (let step = 1; step <= blow.steps; step++) ctx.progress(step, blow.steps);
      for (let at = 0; at < blow.messages; at++) ctx.log(`message ${at}`);
      return null;
    case 'store':
      await addTexts(blow, ctx);
      return null;
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function throwIt(what: 'rich' | 'uncloneable' | 'null' | 'undefined' | 'text'): never {
  switch (what) {
    case 'rich':
      throw new HazardError('a rich error', { cause: new TypeError('its cause') });
    case 'uncloneable':
      throw Object.assign(new HazardError('an error with a function'), { method: () => 1 });
    case 'null':
      throw null;
    case 'undefined':
      throw undefined;
    case 'text':
      throw 'just a text';
  }
}

async function addTexts(blow: Strike & { act: 'store' }, ctx: TaskContext): Promise<void> {
  // Only here, so that the other hazards need no SQLite.
  const [{ openStore }, { default: Database }] = await Promise.all([import('treadle/store'), import('better-sqlite3')]);
  const { path, userId } = blow;
  const store = ctx.perThread(path, () => openStore({ path }));
  const db = ctx.perThread(`${path} counter`, () => new Database(path, { timeout: 5_000 }));
  const read = db.prepare<[], number>('SELECT n FROM counter').pluck();
  const write = db.prepare('UPDATE counter SET n = ?');
  // It reads before it writes: what another one has written in between would be lost, or make an error of it.
  const count = db.transaction(() => {
    const before = read.get() as number;
    // Some work between, so that there is time for another one to come in.
    pbkdf2Sync('password', 'salt', 500, 16, 'sha256');
    write.run(before + 1);
  });
  meet(new Gate(blow.together), blow.writers);
  for (let n = 0; n < blow.texts; n++) {
    await store.add({ userId, content: `text ${n}` });
    count.immediate();
  }
}
