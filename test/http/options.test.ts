import { systemClock } from 'treadle';
import { type TaskApiOptions, apiKeys, createTaskApi } from 'treadle/http';
import { expect, test } from 'vitest';
import { createTestManager } from '../support/test-manager.js';
import { KEYS } from './live-server.js';

test.each<[string, object]>([
  ['`options` to have only', { type: [] }],
  ['`types` to be an array', { types: 'fault' }],
  [
    '`types` to have only task types of the manager (fault, items, steps), got "nothing"',
    { types: ['fault', 'nothing'] },
  ],
  ['`authenticate` to be a function', { authenticate: { key: 1 } }],
  ['`allowUnauthenticated` to be true or false', { allowUnauthenticated: 'yes' }],
  [
    '`allowUnauthenticated` to be left out',
    { allowUnauthenticated: true, authenticate: apiKeys({ [KEYS.ann]: 'ann' }) },
  ],
  ['`basePath` to be a path', { basePath: 'api' }],
  ['`basePath` to be a path', { basePath: '/api/' }],
  ['`maxBodyBytes` to be an integer >= 1', { maxBodyBytes: 0 }],
  ['`maxHeldPerOwner` to be an integer >= 1', { maxHeldPerOwner: 1.5 }],
  ['`rateLimit.requests` to be an integer >= 1', { rateLimit: { requests: 0, perMs: 1 } }],
  ['`rateLimit.perMs` to be milliseconds > 0', { rateLimit: { requests: 1, perMs: 0 } }],
  ['`rateLimit.perMs` to be milliseconds > 0 and <= ', { rateLimit: { requests: 1, perMs: 2 ** 31 } }],
  ['`rateLimit` to have only', { rateLimit: { points: 1 } }],
  ['`events` to have only', { events: { heartbeat: 1 } }],
  ['`events.heartbeatMs` to be milliseconds > 0', { events: { heartbeatMs: 0 } }],
  ['`events.progressEveryMs` to be milliseconds >= 0', { events: { progressEveryMs: -1 } }],
  ['`events.replayBytes` to be an integer >= 0', { events: { replayBytes: '1' } }],
  ['`events.maxBehindBytes` to be an integer >= 1', { events: { maxBehindBytes: 0 } }],
  ['`metrics` to be what `taskMetrics` returned', { metrics: {} }],
  ['`onError` to be a function', { onError: console }],
  ['`clock` to be an object with the methods', { clock: { now: Date.now } }],
])('Expected %s', (message, options) => {
  const manager = createTestManager();
  expect(() => createTaskApi(manager, options as TaskApiOptions<'fault'>)).toThrow(`Expected ${message}`);
});

test('all options at once are taken', () => {
  const api = createTaskApi(createTestManager(), {
    types: ['fault'],
    authenticate: apiKeys({ [KEYS.ann]: 'ann' }),
    basePath: '/jobs/v2',
    maxBodyBytes: 10,
    rateLimit: { requests: 1, perMs: 1 },
    maxHeldPerOwner: 1,
    events: { heartbeatMs: 1, progressEveryMs: 0, replayBytes: 0, maxBehindBytes: 1 },
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    onError: () => {},
    clock: systemClock,
  });
  api.close();
});
