import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { TaskManager } from 'treadle';
import { type TaskApi, type TaskApiOptions, apiKeys, createTaskApi } from 'treadle/http';
import { onTestFinished } from 'vitest';
import { createTestManager, type testTypes } from '../support/test-manager.js';

/** Who may ask in the tests, by name: two owners, and an operator who sees all. */
export const KEYS = {
  ann: 'key-of-ann-0123456789',
  ben: 'key-of-ben-0123456789',
  ops: 'key-of-ops-0123456789',
} as const;

/** Headers of a caller who has a key. */
export function withKey(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

export type Asker = keyof typeof KEYS;

/** The owners' own `authenticate`. */
export const authenticate: NonNullable<TaskApiOptions['authenticate']> = apiKeys({
  [KEYS.ann]: 'ann',
  [KEYS.ben]: 'ben',
  [KEYS.ops]: { owner: 'ops', operator: true },
});

type TestManager = TaskManager<ReturnType<typeof testTypes>>;

export interface ApiServerOptions {
  /** @default createTestManager() */
  tasks?: TestManager;
  /** Over `{ types: ['fault', 'items', 'steps'], authenticate }`. */
  api?: TaskApiOptions<'fault' | 'items' | 'steps'>;
  /** Whether callers need a key; otherwise all of this machine are served. @default true */
  keys?: boolean;
  /** A server that has more to serve than the API. @default the API alone */
  mount?: (fetch: TaskApi['fetch']) => TaskApi['fetch'];
  /** A port that was used before, to come back on it. @default one that is free */
  port?: number;
}

/** The task API on a listening server. */
export interface ApiServer {
  readonly tasks: TestManager;
  readonly api: TaskApi;
  readonly server: Server;
  /** `http://127.0.0.1:<port>`, without the base path. */
  readonly origin: string;
  readonly port: number;
  /** Where the API is, base path included. */
  readonly url: string;
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** A request to `/api/v1${path}` with the key of `as`; a body is sent as JSON. `as: null` is nobody. @default as ann */
  readonly request: (path: string, init?: RequestInit & { as?: Asker | null; json?: unknown }) => Promise<Response>;
  /** Breaks all connections at once, as a network does; the server goes on. */
  readonly disconnect: () => void;
  /** Ends the API and the server; the manager goes on. It also happens when the test ends. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the task API over a test manager on 127.0.0.1, with keys for two owners and an operator. All of it is closed
 * when the test ends.
 *
 * @example
 * const { request, tasks } = await startApiServer();
 * const answer = await request('/tasks', { as: 'ben', json: { task_type: 'fault', input: { action: 'echo' } } });
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const tasks = options.tasks ?? createTestManager();
  const who = options.keys === false ? {} : { authenticate };
  const api = createTaskApi(tasks, { types: ['fault', 'items', 'steps'], ...who, ...options.api });
  const server = createServer(getRequestListener(options.mount?.(api.fetch) ?? api.fetch));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const disconnect = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      api.close();
      const closed = once(server, 'close');
      server.close();
      disconnect();
      await closed;
    })());
  onTestFinished(close);
  return {
    tasks,
    api,
    server,
    origin,
    port,
    url: `${origin}${options.api?.basePath ?? '/api/v1'}`,
    sockets,
    disconnect,
    close,
    request: (path, { as = 'ann', json, ...init } = {}) => {
      const headers = new Headers(init.headers);
      if (as !== null) headers.set('authorization', `Bearer ${KEYS[as]}`);
      if (json === undefined) return fetch(`${origin}/api/v1${path}`, { ...init, headers });
      headers.set('content-type', 'application/json');
      return fetch(`${origin}/api/v1${path}`, { method: 'POST', ...init, headers, body: JSON.stringify(json) });
    },
  };
}

/** Listens on this machine until the test ends. */
export async function listen(fetch: TaskApi['fetch']): Promise<{ server: Server; port: number }> {
  const server = createServer(getRequestListener(fetch)).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}
