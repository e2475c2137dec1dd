import { threadId } from 'node:worker_threads';
import { type TaskContext, defineTask } from 'treadle/task';
import { Gate } from './gate.js';

/** What a task leaves on its thread, to come up when its gate is open; or `wait`, which waits for the gate itself. */
export type LeftBehind = {
  readonly gate: SharedArrayBuffer;
  readonly kind: keyof typeof KINDS | 'wait' | 'warm' | 'listener';
};

const KINDS = {
  timer: (): never => {
    throw new RangeError('left behind');
  },
  null: (): never => {
    throw null;
  },
  rejection: (): void => void Promise.reject(new RangeError('left behind')),
  'an abort listener': (): void => {
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => {
      throw new RangeError('left behind');
    });
    controller.abort();
  },
  exit: (gate: Gate): never => {
    process.once('exit', () => gate.arrive());
    process.exit(9);
  },
  twice: (gate: Gate): never => {
    setImmediate(() => {
      setImmediate(() => gate.arrive());
      throw new Error('the second');
    });
    throw new Error('the first');
  },
} as const;

async function opened(gate: Gate): Promise<void> {
  while (!gate.isOpen) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** Returns the thread and its attempt. */
export default defineTask(async ({ kind, gate: buffer }: LeftBehind, ctx: TaskContext) => {
  const gate = new Gate(buffer);
  const done = { threadId, attempt: ctx.attempt };
  switch (kind) {
    case 'wait':
      gate.arrive();
      await opened(gate);
      break;
    case 'warm':
      ctx.perThread('a thing that fails', () => void opened(gate).then(() => setImmediate(KINDS.timer)));
      break;
    case 'listener':
      // It deals with its errors itself.
      await new Promise((resolve) => {
        process.once('uncaughtException', resolve);
        setImmediate(KINDS.timer);
      });
      break;
    default:
      void opened(gate).then(() => setImmediate(() => KINDS[kind](gate)));
  }
  return done;
});
