/** The process that serves: a manager whose threads work all the time, and its API. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { TaskManager, taskModule, taskType } from 'treadle';
import { apiKeys, createTaskApi } from 'treadle/http';
import { answerQuestions } from '../runner/answering.js';
import { keepOutstanding } from '../runner/outstanding.js';
import { THREADS, builtModule } from '../runner/threads.js';
import type roundsEach from '../tasks/rounds-each.task.js';
import { ROUNDS_PER_US } from '../tasks/hash-rounds.js';
import type smallWork from '../tasks/small-work.task.js';
import { Background } from './background.js';
import { OPERATOR, OWNERS, keyOf } from './callers.js';
import { HISTORY, REPLAY_BYTES } from './sizes.js';
import { sharedMs } from './shared-time.js';
import { type Watched, Watch } from './watch.js';

/** A task has ended. */
export interface Ended {
  readonly taskId: string;
  readonly owner: string;
  /** By the clock that processes share. */
  readonly atMs: number;
}

const AT_ONCE = 64;
const NEVER_AGAIN_MS = 3_600_000;
const faults: string[] = [];
let ended: Ended[] = [];
let watch: Watch | null = null;

const manager = new TaskManager({
  types: {
    batch: taskType(taskModule<typeof roundsEach>(builtModule('rounds-each.task'))),
    // What fails waits for its next try until it is cancelled.
    small: taskType(taskModule<typeof smallWork>(builtModule('small-work.task')), {
      retries: 1,
      backoff: () => NEVER_AGAIN_MS,
    }),
  },
  threads: { max: THREADS },
  history: { max: HISTORY },
});
for (const status of ['completed', 'failed', 'cancelled'] as const) {
  // Before the API listens, so that this is the moment of the transition.
  manager.on(status, ({ id, owner }) => {
    ended.push({ taskId: id, owner: owner as string, atMs: sharedMs() });
  });
}
const api = createTaskApi(manager, {
  types: ['batch', 'small'],
  authenticate: apiKeys({
    ...Object.fromEntries(OWNERS.map((owner) => [keyOf(owner), owner])),
    [keyOf(OPERATOR)]: { owner: OPERATOR, operator: true },
  }),
  events: { replayBytes: REPLAY_BYTES },
  onError: (error) => faults.push(String(error)),
});
const server = createServer(getRequestListener(api.fetch));
const background = new Background(manager);

export type BusyManager = typeof manager;

export const serverAnswers = {
  /** With as many records in its history as there will be at most, so that memory has no reason to grow. Gives its port. */
  open: async (): Promise<number> => {
    // A connection that is closed just when the next request goes out on it would be a failed request.
    server.keepAliveTimeout = 0;
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
    await once(server, 'listening');
    await manager.ready();
    await keepOutstanding(HISTORY, AT_ONCE, async (at) => {
      await finished(OWNERS[at % OWNERS.length] as string, at % 8 === 0 ? 16_384 : 64);
    });
    return (server.address() as AddressInfo).port;
  },

  work: (): void => background.begin(),

  /** Looks after itself from now on, for so long. */
  watch: (durationMs: number): void => {
    ended = [];
    watch = new Watch(manager, durationMs);
  },
  watched: (): Watched => {
    assert.ok(watch);
    return watch.end();
  },

  /** Lets everything end, and then one task of each owner, so that who has seen that has seen all. Gives the ids of these. */
  finish: async (): Promise<{ ended: Ended[]; last: Record<string, string> }> => {
    await background.end();
    for (;;) {
      const { records } = manager.list({ status: 'pending', limit: 200 });
      for (const { id } of records) manager.cancel(id);
      const { pending, running, cancelling } = manager.stats();
      if (pending + running + cancelling === 0) break;
      await sleep(10);
    }
    const last: Record<string, string> = {};
    for (const owner of OWNERS) last[owner] = await finished(owner, 64);
    if (faults.length > 0) throw new Error(`The API failed: ${faults[0]}`);
    return { ended, last };
  },

  close: async (): Promise<void> => {
    api.close();
    server.close();
    server.closeAllConnections();
    await manager.close();
  },
};

async function finished(owner: string, resultBytes: number): Promise<string> {
  const input = { rounds: ROUNDS_PER_US, resultBytes, fails: false };
  const task = await manager.submit('small', { owner, input });
  await task.result();
  return task.id;
}

answerQuestions(serverAnswers);
