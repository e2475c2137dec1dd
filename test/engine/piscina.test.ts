import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, type Worker, receiveMessageOnPort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../tasks/gate.js';
import type { PoolJob } from '../tasks/pool-worker.js';

/**
 * What a lane counts on in Piscina and in message ports, and what would break it without a word if a new version did it
 * otherwise. The pool has the options that a lane gives it, and is destroyed as soon as it tells of its thread's end.
 */
function pool(file = 'pool-worker') {
  const workers: Worker[] = [];
  const caught = (worker: Worker): void => void workers.push(worker);
  process.on('worker', caught);
  const made = new Piscina({
    filename: fileURLToPath(new URL(`../dist/${file}.js`, import.meta.url)),
    minThreads: 1,
    maxThreads: 1,
    atomics: 'disabled',
    recordTiming: false,
  });
  const thread = made.threads[0] as Worker;
  const order: unknown[] = [];
  made.on('error', (error: Error) => order.push(`error: ${error.message}`));
  made.on('workerDestroy', () => {
    order.push('workerDestroy');
    void made.destroy();
  });
  const exited = new Promise<void>((resolve) => {
    thread.once('exit', (code) => {
      order.push(`exit ${code}`);
      resolve();
    });
  });
  onTestFinished(async () => {
    await made.destroy();
    process.off('worker', caught);
  });
  return { pool: made, thread, workers, order, exited };
}

async function started() {
  const made = pool();
  const [{ port }] = (await once(made.pool, 'message')) as [{ readonly port: MessagePort }];
  const heard: unknown[] = [];
  /** What it had said, and nobody has heard. */
  const drain = (): unknown[] => {
    const rest: unknown[] = [];
    for (let next; (next = receiveMessageOnPort(port)) !== undefined;) rest.push(next.message);
    return rest;
  };
  const listen = (): void => void port.on('message', (message) => heard.push(message));
  const say = (job: PoolJob): void => port.postMessage(job);
  onTestFinished(() => port.close());
  return { ...made, port, heard, drain, listen, say };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('the thread of a pool', () => {
  it('is in `threads` from the start, and sends a port on its own way', async () => {
    const { pool: made, thread, workers, port, listen, heard, say } = await started();
    expect(made.threads).toEqual([thread]);
    expect(workers).toEqual([thread]);
    listen();
    say({ tries: true });
    await once(port, 'message');
    expect(heard).toHaveLength(1);
  });

  it.each([
    ['process.exit()', { says: 0, ends: 'exits' }, ['workerDestroy', 'exit 3']],
    ['an uncaught error', { says: 0, ends: 'crashes' }, ['workerDestroy', 'error: nobody caught this', 'exit 1']],
  ] as const)(
    'that ends by %s is told of before it is gone, and no other takes its place',
    async (_, job, expected) => {
      const { pool: made, workers, order, exited, thread, say } = await started();
      say(job);
      await exited;
      await turn();
      expect(order).toEqual(expected);
      expect([made.threads.length, workers.length, thread.threadId]).toEqual([0, 1, -1]);
    },
  );

  it('that is terminated while it works is told of when it has exited, without an error', async () => {
    const { pool: made, workers, order, thread, exited, say } = await started();
    const gate = new Gate();
    say({ says: 0, ends: 'waits', gate: gate.buffer });
    await gate.arrived();
    void thread.terminate();
    expect(order).toEqual([]);
    await exited;
    await turn();
    expect(order).toEqual(['workerDestroy', 'exit 1']);
    expect([made.threads.length, workers.length]).toEqual([0, 1]);
  });

  it('that never comes up throws, and is told of like one that did', async () => {
    const { pool: made, workers, order, exited } = pool('broken-pool-worker');
    await exited;
    await turn();
    expect(order).toEqual(['workerDestroy', 'error: this worker never comes up', 'exit 1']);
    expect([made.threads.length, workers.length]).toEqual([0, 1]);
  });

  it('that exits while it comes up is told of with its code', async () => {
    const { workers, order, exited } = pool('exiting-pool-worker');
    await exited;
    await turn();
    expect(order).toEqual(['workerDestroy', 'exit 5']);
    expect(workers).toHaveLength(1);
  });

  it('has exited when destroy() resolves, whatever it was at', async () => {
    const { pool: made, thread, order, say } = await started();
    const gate = new Gate();
    say({ says: 0, ends: 'waits', gate: gate.buffer });
    await gate.arrived();
    await made.destroy();
    expect([thread.threadId, made.threads.length]).toEqual([-1, 0]);
    expect(order).toEqual(['workerDestroy', 'exit 1']);
  });
});

describe('a message port', () => {
  it.each(['exits', 'crashes'] as const)(
    'holds what a thread had said that %s right afterwards, in order, until somebody reads it',
    async (ends) => {
      const { exited, drain, say } = await started();
      say({ says: 5_000, ends });
      await exited;
      expect(drain()).toEqual(numbers(5_000));
    },
  );

  it('holds what a thread had said that was terminated', async () => {
    const { thread, exited, drain, say } = await started();
    const gate = new Gate();
    say({ says: 5_000, ends: 'waits', gate: gate.buffer });
    await gate.arrived();
    await thread.terminate();
    await exited;
    expect(drain()).toEqual(numbers(5_000));
  });

  it('tells a listener and who reads it at the exit of the thread of each message once, in order', async () => {
    const { thread, exited, listen, heard, drain, say } = await started();
    listen();
    // Its listener, like a lane's, is told of the exit before the port may have told of everything.
    const rest: unknown[] = [];
    thread.prependOnceListener('exit', () => rest.push(...drain()));
    say({ says: 5_000, ends: 'exits' });
    await exited;
    expect([...heard, ...rest]).toEqual(numbers(5_000));
    await turn();
    expect(heard.length + rest.length).toBe(5_000);
  });

  it('sends nothing of a message that can not be copied: it throws, and the next one arrives', async () => {
    const { drain, port, say } = await started();
    const arrived = once(port, 'message');
    say({ tries: true });
    const threw = ['DataCloneError', 'TypeError', 'DataCloneError'];
    expect([...(await arrived), ...drain()]).toEqual([{ threw }]);
  });

  it('that is closed holds nothing, and takes what is posted without a word', () => {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    expect(receiveMessageOnPort(port2)).toBeUndefined();
    expect(() => port2.postMessage('to nobody')).not.toThrow();
    port1.close();
  });
});
