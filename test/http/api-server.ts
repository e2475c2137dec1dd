import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { type TaskApi, type TaskApiOptions, apiKeys, createTaskApi } from 'treadle/http';
import { type TaskManager, type TaskManagerOptions } from 'treadle';
import { onTestFinished } from 'vitest';
import { createTestManager, type testTypes } from '../support/test-manager.js';

export const ANN_KEY = 'key-of-ann-0123456789';
export const BOB_KEY = 'key-of-bob-0123456789';
export const OPERATOR_KEY = 'key-of-the-operator-01';

/** Headers of a caller who has a key. */
export function withKey(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

/** The API of a test, listening on this machine. */
export interface ApiServer {
  readonly manager: TaskManager<ReturnType<typeof testTypes>>;
  readonly api: TaskApi;
  /** Where it is, base path included. */
  readonly url: string;
  readonly server: Server;
}

/**
 * Serves the API of a fresh test manager until the test ends. Ann and Bob have keys, and an operator; all three test types may
 * be submitted.
 */
export async function startApi(
  options: TaskApiOptions<'fault' | 'items' | 'steps'> = {},
  managerOptions: Partial<Omit<TaskManagerOptions<ReturnType<typeof testTypes>>, 'types'>> = {},
): Promise<ApiServer> {
  const manager = createTestManager(managerOptions);
  const authenticate = apiKeys({
    [ANN_KEY]: 'ann',
    [BOB_KEY]: 'bob',
    [OPERATOR_KEY]: { owner: 'operator', operator: true },
  });
  const who = options.allowUnauthenticated === undefined ? { authenticate } : {};
  const api = createTaskApi(manager, { types: ['fault', 'items', 'steps'], ...who, ...options });
  const { server, port } = await listen(api.fetch);
  onTestFinished(() => api.close());
  return { manager, api, url: `http://127.0.0.1:${port}${options.basePath ?? '/api/v1'}`, server };
}

/** Listens on this machine until the test ends. */
export async function listen(fetch: TaskApi['fetch']): Promise<{ server: Server; port: number }> {
  const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }) as Server;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}
