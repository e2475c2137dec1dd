import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MessagePort, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../tasks/gate.js';
import type { PoolJob } from '../tasks/pool-worker.js';

/**
 * What the lanes count on in Piscina, and what would break them without a word if a new version did it otherwise. The
 * pool has the options that a lane gives it.
 */
function pool(file = 'pool-worker') {
  const made = new Piscina<PoolJob, unknown>({
    filename: fileURLToPath(new URL(`../dist/${file}.js`, import.meta.url)),
    minThreads: 1,
    maxThreads: 1,
    atomics: 'disabled',
    recordTiming: false,
  });
  const seen = { errors: [] as unknown[], destroyed: 0, messages: [] as unknown[] };
  made.on('error', (error) => seen.errors.push(error));
  made.on('workerDestroy', () => seen.destroyed++);
  made.on('message', (message) => seen.messages.push(message));
  onTestFinished(() => made.destroy());
  return { pool: made, seen, thread: (): Worker => made.threads[0] as Worker };
}

type Hello = { readonly port: MessagePort; readonly threadId: number };

async function started(): Promise<ReturnType<typeof pool> & { readonly hello: Hello }> {
  const made = pool();
  const [hello] = (await once(made.pool, 'message')) as [Hello];
  return { ...made, hello };
}

async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  return promise.then(
    () => {
      throw new Error('It did not reject');
    },
    (error: unknown) => error as Error,
  );
}

describe('a thread', () => {
  it('is there from the start, and `threads` has it', async () => {
    const made = pool();
    expect(made.pool.threads).toHaveLength(1);
    const { threadId } = made.thread();
    expect(await made.pool.run({ action: 'thread' })).toBe(threadId);
  });

  it('may send a message and a port on its own way; both arrive, and the port works while a run goes on', async () => {
    const { pool: made, hello, seen } = await started();
    hello.port.unref();
    hello.port.postMessage('wake up');
    await once(made, 'message');
    expect(seen.messages.at(-1)).toEqual({ heard: 'wake up' });
    expect(hello.threadId).toBe(made.threads[0]?.threadId);
  });

  it('fires the timers that a run left behind, since no run waits synchronously', async () => {
    const { pool: made } = await started();
    const gate = new Gate();
    await made.run({ action: 'timer', gate: gate.buffer });
    await gate.arrived();
    expect(gate.arrivals).toBe(1);
  });

  it('does one run at a time; the next waits', async () => {
    const { pool: made } = await started();
    const gates = [new Gate(), new Gate()] as const;
    const runs = gates.map((gate) => made.run({ action: 'gate', gate: gate.buffer }));
    await gates[0].arrived();
    expect(made.queueSize).toBe(1);
    gates[0].open();
    await gates[1].arrived();
    gates[1].open();
    expect(await Promise.all(runs)).toEqual(['passed', 'passed']);
  });
});

describe('after terminate()', () => {
  it('the run rejects only when the thread has exited, with its exit code, and another thread takes its place', async () => {
    const { pool: made, thread, seen } = await started();
    const gate = new Gate();
    const victim = thread();
    const order: string[] = [];
    victim.once('exit', () => order.push('exit'));
    const run = rejection(made.run({ action: 'gate', gate: gate.buffer })).then(
      (error) => (order.push('rejected'), error),
    );
    await gate.arrived();
    void victim.terminate();
    const error = await run;
    expect(error.message).toBe('worker exited with code: 1');
    expect(order).toEqual(['exit', 'rejected']);
    expect(victim.threadId).toBe(-1);
    expect(seen.destroyed).toBe(1);
    expect(made.threads).toHaveLength(1);
    expect(made.threads[0]).not.toBe(victim);
    expect(await made.run({ action: 'echo', value: 'alive' })).toBe('alive');
    expect(seen.errors).toEqual([]);
  });

  it('of an idle thread there is a workerDestroy, no error, and another thread', async () => {
    const { pool: made, thread, seen } = await started();
    const gone = once(made, 'workerDestroy');
    await thread().terminate();
    await gone;
    expect(await made.run({ action: 'echo', value: 'alive' })).toBe('alive');
    expect([made.threads.length, seen.destroyed, seen.errors.length]).toEqual([1, 1, 0]);
  });
});

describe('a thread that dies by itself', () => {
  it.each([0, 3])('by process.exit(%i) rejects its run with the code', async (code) => {
    const { pool: made, seen } = await started();
    expect((await rejection(made.run({ action: 'exit', code }))).message).toBe(`worker exited with code: ${code}`);
    expect(seen.destroyed).toBe(1);
    expect(await made.run({ action: 'echo', value: 'alive' })).toBe('alive');
  });

  it('by an uncaught error rejects its run with that error, before it has exited; the thread is out of `threads` by then', async () => {
    const { pool: made, thread, seen } = await started();
    const victim = thread();
    const exited = new Promise((resolve) => void victim.once('exit', resolve));
    const error = await rejection(made.run({ action: 'crash' }));
    expect(error).toMatchObject({ name: 'RangeError', message: 'nobody caught this' });
    expect([seen.destroyed, made.threads.includes(victim)]).toEqual([1, false]);
    await exited;
    expect(await made.run({ action: 'echo', value: 'alive' })).toBe('alive');
    expect(seen.errors).toEqual([]);
  });

  it('while it boots is replaced once; when that fails too, the pool gives up, and has no thread', async () => {
    const { pool: made, seen } = pool('broken-pool-worker');
    while (seen.destroyed < 2) await once(made, 'workerDestroy');
    await turn();
    expect(made.threads).toHaveLength(0);
    expect(seen.errors.map(String)).toEqual(Array.from({ length: 2 }, () => 'Error: this worker never comes up'));
  });
});

describe('a message that can not be copied', () => {
  const throwing = {
    get a(): number {
      throw new TypeError('a getter threw');
    },
  };

  it.each([
    ['a function', () => 1, 'DataCloneError'],
    ['a getter that throws', throwing, 'TypeError'],
  ])('(%s) rejects its run with what was thrown, and the thread lives', async (_, value, name) => {
    const { pool: made, thread, seen } = await started();
    const before = thread();
    expect((await rejection(made.run({ action: 'echo', value }))).name).toBe(name);
    expect(thread()).toBe(before);
    expect(await made.run({ action: 'thread' })).toBe(before.threadId);
    expect(seen).toMatchObject({ destroyed: 0, errors: [] });
  });

  it('as an answer ends the thread: that is why answers are looked through first', async () => {
    const { pool: made, thread } = await started();
    const before = thread();
    await rejection(made.run({ action: 'unclonable' }));
    expect(await made.run({ action: 'thread' })).not.toBe(before.threadId);
  });
});

describe('destroy()', () => {
  it('ends the thread and resolves when it has exited', async () => {
    const { pool: made, thread } = await started();
    const last = thread();
    await made.destroy();
    expect([last.threadId, made.threads.length]).toEqual([-1, 0]);
  });
});
