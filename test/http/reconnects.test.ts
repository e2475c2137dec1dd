import { deferred } from '../../dist/engine/deferred.js';
import { type TaskStatus, isTerminal } from '../../dist/engine/task-record.js';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { expect, test } from 'vitest';
import type { WireRecord } from '../../dist/http/wire-record.js';
import { throwDice } from '../crash/dice.js';
import { createTestManager } from '../support/test-manager.js';
import { type ApiServer, type ApiServerOptions, startApiServer } from './live-server.js';

/** Keeps coming back to a stream until it has ended in order, or is told to leave. */
class StubbornReader {
  /** Terminal events and snapshots that came, by task. */
  readonly told = new Map<string, TaskStatus[]>();
  resets = 0;
  /** Resolves when it has a place to come back to. */
  readonly ready: Promise<void>;
  readonly #ready: () => void;
  readonly #server: ApiServer;
  readonly #path: string;
  readonly #on: { broken: () => void; event: () => void };
  readonly #leaving = new AbortController();
  readonly #listeners = new Set<() => void>();
  #lastEventId: string | null = null;
  /** It has lost its place, and has not listed the tasks again yet. */
  #mustList = false;

  constructor(server: ApiServer, path: string, on: { broken: () => void; event: () => void }) {
    const { promise, resolve } = deferred<void>();
    this.ready = promise;
    this.#ready = resolve;
    this.#server = server;
    this.#path = path;
    this.#on = on;
  }

  async run(): Promise<void> {
    for (;;) {
      try {
        if (this.#mustList) await this.#list();
        const response = await this.#server.request(this.#path, {
          signal: this.#leaving.signal,
          headers: this.#lastEventId === null ? {} : { 'last-event-id': this.#lastEventId },
        });
        if (response.status === 204) return;
        if (response.status !== 200) throw new Error(`answered ${response.status}`);
        if (await this.#read(response)) return;
      } catch (error) {
        if (this.#leaving.signal.aborted) return;
        if (!isBroken(error)) throw error;
      }
      this.#on.broken();
    }
  }

  /** Resolves when it knows how the task ended. */
  heardOf(id: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.told.has(id)) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  leave(): void {
    this.#leaving.abort();
  }

  /** True when there is nothing more to come. */
  async #read({ body }: Response): Promise<boolean> {
    if (body === null) return false;
    const parsed = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { event, id, data } of parsed) {
      this.#lastEventId = id ?? this.#lastEventId;
      if (event === 'reset') {
        this.resets++;
        if (this.#path === '/events') {
          this.#mustList = true;
          await this.#list();
        }
      } else if (event === 'ready') {
        this.#ready();
      } else if (event !== 'log') {
        this.#note(JSON.parse(data) as WireRecord);
      }
      this.#on.event();
    }
    return this.#path !== '/events';
  }

  async #list(): Promise<void> {
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const response = await this.#server.request(`/tasks?limit=200${query}`);
      const page = (await response.json()) as { result: WireRecord[]; next_cursor: string | null };
      for (const record of page.result) if (!this.told.has(record.task_id)) this.#note(record);
      cursor = page.next_cursor;
    } while (cursor !== null);
    this.#mustList = false;
  }

  #note({ task_id: id, status }: WireRecord): void {
    if (!isTerminal(status)) return;
    this.told.set(id, [...(this.told.get(id) ?? []), status]);
    for (const look of this.#listeners) look();
  }
}

/** What a connection that broke looks like from here; all else is a fault. */
function isBroken(error: unknown): boolean {
  return error instanceof TypeError && /terminated|fetch failed/.test(error.message);
}

/** Breaks connections at random while tasks settle, until there were so many breaks; then lets all readers come to the end. */
async function storm(
  breaks: number,
  options: ApiServerOptions,
): Promise<{ broken: number; resets: number; tasks: number }> {
  const dice = throwDice();
  const tasks = createTestManager({ maxConcurrentTasks: 8 });
  const server = await startApiServer({ tasks, ...options });
  const state = { broken: 0 };
  let started = false;
  let resets = 0;
  const settled = new Map<string, TaskStatus>();
  const on = {
    broken: () => void state.broken++,
    // At the moment of whatever event: in the middle of a burst, of a replay, before a snapshot.
    event: () => {
      if (started && state.broken < breaks && dice.chance(0.3)) dice.pick([...server.sockets])?.destroy();
    },
  };
  const all = Array.from({ length: 6 }, () => new StubbornReader(server, '/events', on));
  const ends = Promise.all(all.map((reader) => reader.run()));
  ends.catch(() => {});
  await Promise.all(all.map(({ ready }) => ready));
  started = true;
  const followers: Promise<void>[] = [];
  while (state.broken < breaks) {
    const handles = await Promise.all(
      Array.from({ length: 20 }, () => {
        const action = dice.pick(['echo', 'throw', 'chatter'] as const);
        const input = action === 'chatter' ? { action, messages: 2 } : { action };
        return tasks.submit('fault', { input, owner: 'ann' });
      }),
    );
    for (const handle of handles) {
      if (dice.chance(0.2)) handle.cancel();
      if (dice.chance(0.2)) followers.push(follow(handle.id));
    }
    for (const handle of handles) settled.set(handle.id, (await handle.settled()).status);
    // A reader that failed ends the test now.
    await Promise.race([ends, new Promise(setImmediate)]);
  }
  await Promise.all(followers);
  // The last word: who has heard of it has heard of all before it.
  const last = await tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' });
  settled.set(last.id, (await last.settled()).status);
  await Promise.race([ends, Promise.all(all.map((reader) => reader.heardOf(last.id)))]);
  for (const reader of all) reader.leave();
  await ends;
  for (const reader of all) {
    resets += reader.resets;
    expect([...settled.keys()].filter((id) => !reader.told.has(id))).toEqual([]);
    for (const [id, told] of reader.told) {
      // A reader that has to list may hear of a task there and of its end after it.
      if (reader.resets === 0) expect([id, told]).toEqual([id, [settled.get(id)]]);
      else expect(new Set(told)).toEqual(new Set([settled.get(id)]));
    }
  }
  return { broken: state.broken, resets, tasks: settled.size };

  async function follow(id: string): Promise<void> {
    const reader = new StubbornReader(server, `/tasks/${id}/events`, on);
    await reader.run();
    const { status } = tasks.get(id) ?? {};
    expect(new Set(reader.told.get(id))).toEqual(new Set([status]));
  }
}

test('over 1,000 broken connections no terminal event is lost, and none comes twice', async () => {
  const { broken, resets, tasks } = await storm(1_000, {});
  expect(broken).toBeGreaterThanOrEqual(1_000);
  expect(tasks).toBeGreaterThan(100);
  expect(resets).toBe(0);
}, 120_000);

test('with a log that is too short, readers that list again at a reset know how every task ended', async () => {
  const { broken, resets } = await storm(100, { api: { events: { replayBytes: 8_000, maxBehindBytes: 8_000 } } });
  expect(broken).toBeGreaterThanOrEqual(100);
  expect(resets).toBeGreaterThan(5);
}, 120_000);
