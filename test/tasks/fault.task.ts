import { pbkdf2Sync } from 'node:crypto';
import { type TaskContext, defineTask } from 'treadle/task';
import { Gate } from './gate.js';

/** What the fault task is to do. */
export type Fault =
  | { action: 'echo'; value?: unknown }
  | { action: 'throw'; error?: 'range' | 'rich' | 'null' | 'undefined' | 'string' | 'cause' | 'hostile' }
  | { action: 'exit'; code: number }
  | { action: 'crash'; with?: 'null' }
  | { action: 'reject' }
  | { action: 'unclonable'; shape?: 'function' | 'nested' | 'promise' | 'class' }
  | { action: 'oom' }
  | { action: 'gate'; gate: SharedArrayBuffer }
  /** A synchronous loop that asks whether to stop. */
  | { action: 'spin'; gate: SharedArrayBuffer }
  /** A synchronous loop that never asks. */
  | { action: 'hang'; gate: SharedArrayBuffer }
  /** Waits on `ctx.signal`. */
  | { action: 'listen'; gate: SharedArrayBuffer }
  /** A native call that can't be interrupted. */
  | { action: 'native'; gate: SharedArrayBuffer; iterations: number }
  | { action: 'ignore-cancel'; gate: SharedArrayBuffer }
  /** Returns, and throws from a timer when the gate is open. */
  | { action: 'stray'; gate: SharedArrayBuffer }
  | { action: 'chatter'; messages: number }
  | { action: 'progress'; steps: readonly (readonly [done: number, total?: number])[]; gate: SharedArrayBuffer };

export class RichError extends Error {
  override readonly name = 'RichError';
  readonly code = 'E_RICH';
  readonly row = 7;
  readonly place = { file: 'a.txt' };
  readonly unclonable = (): number => 1;
}

export default defineTask(async (fault: Fault, ctx: TaskContext<{ label: string } | undefined>): Promise<unknown> => {
  switch (fault.action) {
    case 'echo':
      return fault.value;
    case 'throw':
      return throwError(fault.error ?? 'range');
    case 'exit':
      return process.exit(fault.code);
    case 'crash':
      setImmediate(() => {
        if (fault.with === 'null') throw null;
        throw new RangeError('nobody caught this');
      });
      return never();
    case 'reject':
      void Promise.reject(new RangeError('nobody awaited this'));
      return never();
    case 'unclonable':
      return unclonable(fault.shape ?? 'function');
    case 'oom': {
      const kept: unknown[] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
    }
    case 'gate':
      new Gate(fault.gate).pass();
      return ctx.attempt;
    case 'spin': {
      const gate = new Gate(fault.gate);
      gate.arrive();
      while (!gate.isOpen) ctx.throwIfCancelled();
      return 'spun';
    }
    case 'hang': {
      const gate = new Gate(fault.gate);
      gate.arrive();
      while (!gate.isOpen);
      return 'hung';
    }
    case 'listen': {
      const { signal } = ctx;
      const aborted = new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
      new Gate(fault.gate).arrive();
      await aborted;
      return 'never';
    }
    case 'native': {
      new Gate(fault.gate).arrive();
      pbkdf2Sync('password', 'salt', fault.iterations, 64, 'sha512');
      return 'native';
    }
    case 'ignore-cancel':
      new Gate(fault.gate).pass();
      return 'done all the same';
    case 'stray': {
      const gate = new Gate(fault.gate);
      const look = (): void => {
        if (!gate.isOpen) return void setImmediate(look);
        throw new Error('stray error after the task had returned');
      };
      setImmediate(look);
      return 'returned';
    }
    case 'chatter':
      for (let at = 0; at < fault.messages; at++) ctx.log(`message ${at}`);
      return fault.messages;
    case 'progress': {
      for (const [done, total] of fault.steps) ctx.progress(done, total);
      ctx.stage('halted');
      new Gate(fault.gate).pass();
      return 'progressed';
    }
  }
});

function never(): Promise<never> {
  return new Promise(() => {});
}

function throwError(kind: 'range' | 'rich' | 'null' | 'undefined' | 'string' | 'cause' | 'hostile'): never {
  switch (kind) {
    case 'range':
      throw new RangeError('out of range');
    case 'rich':
      throw new RichError('a rich error');
    case 'cause':
      throw new Error('outer', { cause: new TypeError('inner') });
    case 'null':
      throw null;
    case 'undefined':
      throw undefined;
    case 'string':
      throw 'just a string';
    case 'hostile':
      throw Object.defineProperty(new Error('hostile'), 'message', {
        get: () => {
          throw new Error('not even the message');
        },
      });
  }
}

function unclonable(shape: 'function' | 'nested' | 'promise' | 'class'): unknown {
  class WithMethod {
    readonly method = (): number => 1;
  }
  switch (shape) {
    case 'function':
      return () => 1;
    case 'nested':
      return { rows: [{ ok: 1 }, { bad: Symbol('x') }] };
    case 'promise':
      return { later: Promise.resolve(1) };
    case 'class':
      return new WithMethod();
  }
}
