import { Validator } from '@seriousme/openapi-schema-validator';
import { taskModule, taskType, TaskManager } from 'treadle';
import { createTaskApi } from 'treadle/http';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../dist/engine/clock.js';
import { deferred } from '../../dist/engine/deferred.js';
import { Gate } from '../tasks/gate.js';
import { closedAtEnd, builtTask, createTestManager } from '../support/test-manager.js';
import { type ApiServer, type ApiServerOptions, KEYS, listen, startApiServer, withKey } from './live-server.js';
import { DocumentedCalls } from './documented-calls.js';

const echo = { task_type: 'fault', input: { action: 'echo', value: { a: [1, 'b'] } } };

async function start(
  api: NonNullable<ApiServerOptions['api']> = {},
  managerOptions: Parameters<typeof createTestManager>[0] = {},
): Promise<
  ApiServer & { manager: ApiServer['tasks']; ann: DocumentedCalls; ben: DocumentedCalls; operator: DocumentedCalls }
> {
  const keys = api.allowUnauthenticated === undefined;
  const server = await startApiServer({ api, keys, tasks: createTestManager(managerOptions) });
  const ann = await DocumentedCalls.open(server.url, withKey(KEYS.ann));
  return { ...server, manager: server.tasks, ann, ben: ann.as(withKey(KEYS.ben)), operator: ann.as(withKey(KEYS.ops)) };
}

/** A task of Ann's that is running until the gate opens. */
async function running({ tasks: manager }: ApiServer, more: object = {}) {
  const gate = new Gate();
  const task = await manager.submit('fault', { input: { action: 'listen', gate: gate.buffer }, owner: 'ann', ...more });
  await gate.arrived();
  return task;
}

describe('POST /tasks', () => {
  test('takes a task on and says where to find it', async () => {
    const { ann, manager } = await start();
    const { status, body, headers } = await ann.post('/tasks', echo);
    expect(status).toBe(202);
    expect(body).toEqual({ status: 'ok', result: { task_id: expect.any(String), status: 'accepted' } });
    expect(headers.get('location')).toBe(`/api/v1/tasks/${body.result.task_id}`);
    expect(manager.get(body.result.task_id)?.owner).toBe('ann');
  });

  test('with wait=true answers with the settled record, which has neither owner nor input', async () => {
    const { ann } = await start();
    const given = { ...echo, resource_id: 'r', group: 'g', priority: 2, meta: { by: 'me' } };
    const { status, body } = await ann.post('/tasks?wait=true', given);
    expect(status).toBe(200);
    expect(body.result).toMatchObject({
      task_type: 'fault',
      status: 'completed',
      resource_id: 'r',
      group: 'g',
      priority: 2,
      meta: { by: 'me' },
      progress: 1,
      result: { a: [1, 'b'] },
      error: null,
    });
    expect(Object.keys(body.result)).not.toContain('owner');
    expect(Object.keys(body.result)).not.toContain('input');
    expect(body.result.created_at_iso).toBe(new Date(body.result.created_at * 1_000).toISOString());
    expect(body.result.completed_at - body.result.created_at).toBeGreaterThanOrEqual(0);
  });

  test('with wait=true answers 200 for a task that failed, too', async () => {
    const { ann } = await start();
    const { status, body } = await ann.post('/tasks?wait=true', { task_type: 'fault', input: { action: 'throw' } });
    expect(status).toBe(200);
    expect(body.result).toMatchObject({ status: 'failed', error: 'out of range', error_code: 'TASK_FAILED' });
  });

  test('takes items', async () => {
    const { ann } = await start();
    const { body } = await ann.post('/tasks?wait=true', { task_type: 'items', items: [1, 2, 3] });
    expect(body.result).toMatchObject({ result: [2, 4, 6], items_done: 3, items_total: 3 });
  });

  test('refuses a duplicate with 409 and the id of the task in the way, or joins it', async () => {
    const server = await start();
    const task = await running(server, { resourceId: 'r' });
    const refused = await server.ann.post('/tasks', { ...echo, resource_id: 'r' });
    expect(refused.status).toBe(409);
    expect(refused.body.error).toMatchObject({ code: 'CONFLICT', details: { task_id: task.id } });
    const joined = await server.ann.post('/tasks', { ...echo, resource_id: 'r', on_duplicate: 'join' });
    expect(joined.body.result.task_id).toBe(task.id);
    expect((await server.ben.post('/tasks', { ...echo, resource_id: 'r' })).status).toBe(202);
  });

  test('refuses with 429 and Retry-After when the queue is full', async () => {
    const { ann, manager } = await start({}, { queue: { max: 1 } });
    manager.pause();
    expect((await ann.post('/tasks', echo)).status).toBe(202);
    const full = await ann.post('/tasks', echo);
    expect(full.status).toBe(429);
    expect(full.body.error.code).toBe('RESOURCE_EXHAUSTED');
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('refuses with 503 once the manager is closed, and still answers reads', async () => {
    const server = await start();
    const { body } = await server.ann.post('/tasks?wait=true', echo);
    await server.manager.close();
    const refused = await server.ann.post('/tasks', echo);
    expect(refused.status).toBe(503);
    expect(refused.body.error.code).toBe('UNAVAILABLE');
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect((await server.ann.get(`/tasks/${body.result.task_id}`)).status).toBe(200);
  });

  test.each([
    ['no body', undefined],
    ['no JSON', '{"task_type":'],
    ['no object', '[]'],
    ['no task_type', {}],
    ['a task_type that is no string', { task_type: 7 }],
    ['an unknown task_type', { task_type: 'nothing' }],
    ['an unknown key', { ...echo, owner: 'ben' }],
    ['a priority out of range', { ...echo, priority: 6 }],
    ['an empty resource_id', { ...echo, resource_id: '' }],
    ['a long group', { ...echo, group: 'g'.repeat(257) }],
    ['items that are no array', { task_type: 'items', items: { 0: 1 } }],
    ['a large meta', { ...echo, meta: 'm'.repeat(5_000) }],
    ['an unknown on_duplicate', { ...echo, on_duplicate: 'maybe' }],
  ])('refuses %s with 400, and nothing is submitted', async (_, body) => {
    const { ann, manager } = await start();
    const answer = await ann.post('/tasks', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.code).toBe('INVALID_ARGUMENT');
    expect(answer.body.error.message).toMatch(/expected|Expected|Unrecognized|Invalid|Too/);
    expect(manager.stats().total).toBe(0);
  });

  test('refuses items of a type that takes none with 400', async () => {
    const { ann, manager } = await start();
    await manager.ready();
    expect((await ann.post('/tasks', { ...echo, items: [1] })).status).toBe(400);
    expect(manager.stats().total).toBe(0);
  });

  test('says what was expected and what came', async () => {
    const { ann } = await start();
    const { body } = await ann.post('/tasks', { task_type: 'fault', priority: 9 });
    expect(body.error.message).toBe('`priority`: Too big: expected number to be <=5, got 9 (number)');
    expect(body.error.details).toEqual({ issues: [body.error.message] });
  });

  test('refuses another content type with 415, and a large body with 413', async () => {
    const { ann } = await start({ maxBodyBytes: 1_000 });
    const typed = await ann.call('POST', '/tasks', JSON.stringify(echo), { 'content-type': 'text/plain' });
    expect([typed.status, typed.body.error.code]).toEqual([415, 'INVALID_ARGUMENT']);
    const large = await ann.post('/tasks', { ...echo, meta: 'm'.repeat(1_000) });
    expect([large.status, large.body.error.details]).toEqual([413, { max_bytes: 1_000 }]);
  });

  test('only types on the list may be submitted: 403 for others, and by default there are none', async () => {
    const { ann } = await start({ types: ['items'] });
    const other = await ann.post('/tasks', echo);
    expect([other.status, other.body.error.code]).toEqual([403, 'PERMISSION_DENIED']);
    expect((await ann.post('/tasks', { task_type: 'items', items: [] })).status).toBe(202);
    const none = await start({ types: [] });
    expect((await none.ann.post('/tasks', echo)).status).toBe(403);
  });
});

describe('GET /tasks/{task_id}', () => {
  test('gives the record of a running and of a settled task', async () => {
    const server = await start();
    const task = await running(server);
    expect((await server.ann.get(`/tasks/${task.id}`)).body.result).toMatchObject({
      task_id: task.id,
      status: 'running',
    });
    task.cancel();
    await task.settled();
    expect((await server.ann.get(`/tasks/${task.id}`)).body.result.status).toBe('cancelled');
  });

  test('answers 404 for an id that is not known', async () => {
    const { ann } = await start();
    const { status, body } = await ann.get('/tasks/none');
    expect(status).toBe(404);
    expect(body.error).toEqual({
      code: 'NOT_FOUND',
      message: 'Task not found or expired',
      details: { resource: 'none', type: 'task' },
    });
  });
});

describe('GET /tasks', () => {
  test('lists newest first, by pages', async () => {
    const { ann } = await start();
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) ids.unshift((await ann.post('/tasks?wait=true', echo)).body.result.task_id);
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await ann.get(`/tasks?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...body.result.map((record: { task_id: string }) => record.task_id));
      cursor = body.next_cursor;
    }
    expect(found).toEqual(ids);
  });

  test('filters by type, status, resource and group', async () => {
    const { ann } = await start();
    await ann.post('/tasks?wait=true', { ...echo, resource_id: 'r/1 ü', group: 'g' });
    await ann.post('/tasks?wait=true', { task_type: 'fault', input: { action: 'throw' } });
    await ann.post('/tasks?wait=true', { task_type: 'items', items: [] });
    const count = async (query: string) => (await ann.get(`/tasks?${query}`)).body.result.length;
    expect(await count('task_type=fault')).toBe(2);
    expect(await count('status=failed')).toBe(1);
    expect(await count(`resource_id=${encodeURIComponent('r/1 ü')}`)).toBe(1);
    expect(await count('group=g&status=completed&task_type=fault')).toBe(1);
    expect(await count('group=other')).toBe(0);
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=x',
    'limit=',
    'limit=1.5',
    'status=done',
    'cursor=!',
    'order=asc',
    'limit=1&limit=2',
  ])('refuses ?%s with 400', async (query) => {
    const { ann } = await start();
    const { status, body } = await ann.get(`/tasks?${query}`);
    expect([status, body.error.code]).toEqual([400, 'INVALID_ARGUMENT']);
  });
});

describe.each(['POST /tasks/{task_id}/cancel', 'DELETE /tasks/{task_id}'])('%s', (route) => {
  const cancel = (calls: DocumentedCalls, id: string) =>
    route.startsWith('POST') ? calls.post(`/tasks/${id}/cancel`) : calls.delete(`/tasks/${id}`);

  test('is answered with the record, again and again', async () => {
    const server = await start();
    const task = await running(server);
    const first = await cancel(server.ann, task.id);
    expect(first.status).toBe(200);
    expect(['cancelling', 'cancelled']).toContain(first.body.result.status);
    await task.settled();
    const second = await cancel(server.ann, task.id);
    expect([second.status, second.body.result.status]).toEqual([200, 'cancelled']);
  });

  test('one that waits is cancelled at once', async () => {
    const { ann, manager } = await start();
    manager.pause();
    const { body } = await ann.post('/tasks', echo);
    expect((await cancel(ann, body.result.task_id)).body.result.status).toBe('cancelled');
  });

  test('answers 412 for one that has completed or failed, and 404 for none', async () => {
    const { ann } = await start();
    for (const action of ['echo', 'throw']) {
      const { body } = await ann.post('/tasks?wait=true', { task_type: 'fault', input: { action } });
      const refused = await cancel(ann, body.result.task_id);
      expect([refused.status, refused.body.error.code]).toEqual([412, 'FAILED_PRECONDITION']);
      expect(refused.body.error.details.status).toBe(body.result.status);
    }
    expect((await cancel(ann, 'none')).status).toBe(404);
  });
});

describe('POST /tasks/{task_id}/rerun', () => {
  test('runs a failed task again as a new one', async () => {
    const manager = closedAtEnd(
      new TaskManager({
        types: { items: taskType(taskModule(builtTask('items')), { keepInput: 'failed', onItemError: 'skip' }) },
      }),
    );
    const api = createTaskApi(manager, { types: ['items'] });
    const { port } = await listen(api.fetch);
    const calls = await DocumentedCalls.open(`http://127.0.0.1:${port}/api/v1`);
    const items = [1, { throw: 'x' }, 3];
    const first = await calls.post('/tasks?wait=true', { task_type: 'items', items, resource_id: 'r' });
    expect(first.body.result.failed_items).toEqual({
      count: 1,
      items: [{ index: 1, error: 'x', error_code: 'TASK_FAILED' }],
    });
    const again = await calls.post(`/tasks/${first.body.result.task_id}/rerun`, { only_failed_items: true });
    expect(again.status).toBe(202);
    const { body } = await calls.get(`/tasks/${again.body.result.task_id}`);
    expect(body.result).toMatchObject({ rerun_of: first.body.result.task_id, items_total: 1 });
    const path = `/tasks/${first.body.result.task_id}/rerun`;
    while (manager.get(again.body.result.task_id)?.completedAt === null) {
      await new Promise<void>((resolve) => void manager.once('completed', () => resolve()));
    }
    manager.pause();
    const whole = await calls.post(path);
    expect(whole.status).toBe(202);
    const duplicate = await calls.post(path);
    expect([duplicate.status, duplicate.body.error.details]).toEqual([409, { task_id: whole.body.result.task_id }]);
    expect((await calls.post(path, { all: true })).status).toBe(400);
    expect((await calls.call('POST', path, '{}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await calls.post(path, { only_failed_items: ' '.repeat(2 ** 20) })).status).toBe(413);
    await manager.close();
    expect((await calls.post(path)).status).toBe(503);
  });

  test('answers 412 where it can not be, with the reason, and 404 for none', async () => {
    const { ann } = await start();
    const { body } = await ann.post('/tasks?wait=true', echo);
    const refused = await ann.post(`/tasks/${body.result.task_id}/rerun`);
    expect([refused.status, refused.body.error.code]).toEqual([412, 'FAILED_PRECONDITION']);
    expect(refused.body.error.message).toContain('keepInput');
    expect((await ann.post('/tasks/none/rerun')).status).toBe(404);
  });
});

describe('GET /tasks/stats', () => {
  test('counts tasks by status and type', async () => {
    const { ann, manager } = await start({}, { maxConcurrentTasks: 3 });
    await ann.post('/tasks?wait=true', echo);
    await ann.post('/tasks?wait=true', { task_type: 'fault', input: { action: 'throw' } });
    manager.pause();
    await ann.post('/tasks', { task_type: 'items', items: [1] });
    const { body } = await ann.get('/tasks/stats');
    expect(body.result).toMatchObject({
      total_tasks: 3,
      pending: 1,
      running: 0,
      cancelling: 0,
      completed: 1,
      failed: 1,
      cancelled: 0,
      max_concurrent: 3,
      paused: true,
      closing: null,
      types: {
        fault: { completed: 1, failed: 1, failures: { TASK_FAILED: 1 }, oldest_pending_at: null },
        items: { pending: 1, oldest_pending_at: expect.any(Number) },
      },
    });
  });

  test('says what close() waits for', async () => {
    const server = await start();
    const task = await running(server);
    const closed = server.manager.close({ timeoutMs: 60_000 });
    const { body } = await server.ann.get('/tasks/stats');
    expect(body.result.closing.waiting_for).toEqual([task.id]);
    expect(body.result.closing.deadline - body.result.closing.since).toBeCloseTo(60, 3);
    task.cancel();
    await closed;
  });
});

test('GET /threads tells what each thread works on', async () => {
  const server = await start();
  const task = await running(server);
  const { body } = await server.ann.get('/threads');
  expect(body.result).toHaveLength(2);
  expect(body.result).toContainEqual(
    expect.objectContaining({ state: 'busy', task_id: task.id, task_type: 'fault', overdue: false, packed: 1 }),
  );
  const { body: bens } = await server.ben.get('/threads');
  expect(bens.result).toContainEqual(expect.objectContaining({ state: 'busy', task_id: null, task_type: null }));
});

describe('GET /groups/{group}/results', () => {
  test('gives settled tasks until they are acknowledged; running ones stay', async () => {
    const server = await start();
    const group = 'a/b c';
    const path = `/groups/${encodeURIComponent(group)}/results`;
    const task = await running(server, { group });
    for (const value of [1, 2, 3]) {
      await server.ann.post('/tasks?wait=true', { task_type: 'fault', input: { action: 'echo', value }, group });
    }
    const values = (body: { result: { result: unknown }[] }) => body.result.map(({ result }) => result);
    const first = await server.ann.get(`${path}?limit=2`);
    expect(values(first.body)).toEqual([1, 2]);
    expect(first.body.in_progress).toBe(1);
    expect(values((await server.ann.get(path)).body)).toEqual([1, 2, 3]);
    const rest = await server.ann.get(`${path}?ack=${first.body.cursor}`);
    expect(values(rest.body)).toEqual([3]);
    task.cancel();
    await task.settled();
    const asked = `${server.url}${path}?ack=${rest.body.cursor}`;
    expect((await fetch(asked, { method: 'HEAD', headers: withKey(KEYS.ann) })).status).toBe(200);
    expect(values((await server.ann.get(path)).body).slice(0, 1)).toEqual([3]);
    const last = await server.ann.get(`${path}?ack=${rest.body.cursor}`);
    expect(last.body.result).toMatchObject([{ task_id: task.id, status: 'cancelled' }]);
    const none = await server.ann.get(`${path}?ack=${last.body.cursor}`);
    expect(none.body).toMatchObject({ result: [], cursor: null, in_progress: 0 });
  });

  test('refuses a cursor or a limit that is none with 400', async () => {
    const { ann } = await start();
    expect((await ann.get('/groups/g/results?ack=%20')).status).toBe(400);
    expect((await ann.get('/groups/g/results?limit=201')).status).toBe(400);
  });
});

describe('a page of large records', () => {
  const value = Float32Array.from({ length: 16_000 }, (_, at) => Math.fround(Math.sin(at)));

  /** Ten tasks of Ann's, with results of 300 KB each as JSON. */
  async function largeOnes({ tasks: manager }: ApiServer): Promise<string[]> {
    const input = { action: 'echo', value } as const;
    const submit = () => manager.submit('fault', { input, owner: 'ann', group: 'g' });
    const tasks = [await submit()];
    while (tasks.length < 10) tasks.push(await submit());
    for (const task of tasks) await task.settled();
    return tasks.map(({ id }) => id);
  }

  test('has fewer of them, and none is left out of the list', async () => {
    const server = await start();
    const ids = await largeOnes(server);
    const listed: string[] = [];
    let [pages, query] = [0, ''];
    for (let next: string | null = ''; next !== null; query = `?cursor=${next}`) {
      const { body } = await server.ann.get(`/tasks${query}`);
      for (const { task_id: id } of body.result) listed.push(id);
      expect(JSON.stringify(body).length).toBeLessThan(2 * 2 ** 20);
      pages++;
      next = body.next_cursor;
    }
    expect(pages).toBeGreaterThan(1);
    expect(listed).toEqual(ids.toReversed());
  });

  test('has fewer results of a group, and acknowledges no others', async () => {
    const server = await start();
    const ids = await largeOnes(server);
    const taken: string[] = [];
    let page = await server.ann.get('/groups/g/results');
    while (page.body.result.length > 0) {
      expect(page.body.result.length).toBeLessThan(10);
      for (const { task_id: id } of page.body.result) taken.push(id);
      page = await server.ann.get(`/groups/g/results?ack=${page.body.cursor}`);
    }
    expect(taken.toSorted()).toEqual(ids.toSorted());
  });
});

describe('owners', () => {
  test('another owner’s task is 404 on every route that names one', async () => {
    const server = await start();
    const task = await running(server);
    const named = Object.entries(server.ann.document.paths).filter(([path]) => path.includes('{task_id}'));
    expect(named.length).toBeGreaterThanOrEqual(3);
    for (const [path, methods] of named) {
      for (const method of Object.keys(methods)) {
        const at = path.replace('/api/v1', '').replace('{task_id}', task.id);
        const { status, body } = await server.ben.call(method.toUpperCase(), at);
        expect([path, method, status]).toEqual([path, method, 404]);
        expect(body.error.message).toBe('Task not found or expired');
      }
    }
    expect(task.record.status).toBe('running');
  });

  test('lists, counts and groups are one’s own', async () => {
    const server = await start();
    await server.ann.post('/tasks?wait=true', { ...echo, group: 'g' });
    const { ben, ann, operator } = server;
    expect((await ben.get('/tasks')).body.result).toEqual([]);
    expect((await ben.get('/tasks/stats')).body.result).toMatchObject({ total_tasks: 0, types: {} });
    expect((await ben.get('/groups/g/results')).body).toMatchObject({ result: [], in_progress: 0 });
    expect((await ann.get('/tasks')).body.result).toHaveLength(1);
    expect((await ann.get('/tasks/stats')).body.result.total_tasks).toBe(1);
    expect((await operator.get('/tasks')).body.result).toHaveLength(1);
    expect((await operator.get('/tasks?owner=ben')).body.result).toEqual([]);
    expect((await operator.get('/groups/g/results?owner=ann')).body.result).toHaveLength(1);
  });

  test('a group is the caller’s own, an operator’s too, where no owner is named', async () => {
    const { ann, operator } = await start();
    await ann.post('/tasks?wait=true', { ...echo, group: 'g' });
    expect((await operator.get('/groups/g/results')).body.result).toEqual([]);
    const { body } = await operator.post('/tasks?wait=true', { ...echo, group: 'g' });
    expect((await operator.get('/groups/g/results')).body.result).toEqual([body.result]);
  });

  test('a group of tasks without an owner is there where nobody has to say who they are', async () => {
    const { url, tasks: manager } = await startApiServer({ keys: false, api: { allowUnauthenticated: true } });
    await (await manager.submit('fault', { input: { action: 'echo' }, group: 'g' })).settled();
    const answer = await (await DocumentedCalls.open(url)).get('/groups/g/results');
    expect(answer.body.result).toHaveLength(1);
  });

  test('only operators may name another owner, pause and resume', async () => {
    const { ben, operator, manager } = await start();
    for (const path of ['/tasks', '/tasks/stats', '/threads', '/groups/g/results']) {
      expect((await ben.get(`${path}?owner=ann`)).status).toBe(403);
      expect((await ben.get(`${path}?owner=ben`)).status).toBe(200);
      expect((await ben.get(`${path}?owners=ben`)).status).toBe(400);
    }
    expect((await ben.post('/pause')).status).toBe(403);
    expect(manager.stats().paused).toBe(false);
    expect((await operator.post('/pause')).body.result.paused).toBe(true);
    expect((await ben.post('/resume')).status).toBe(403);
    expect((await operator.post('/resume')).body.result.paused).toBe(false);
  });

  test('who has no key, or a wrong one, is answered with 401 on every route', async () => {
    const { ann, url } = await start();
    for (const headers of [
      {},
      withKey('key-of-nobody-01234567'),
      { authorization: 'Basic YTpi' },
      { 'x-api-key': 'x' },
    ]) {
      const nobody = ann.as(headers);
      for (const [path, methods] of Object.entries(ann.document.paths)) {
        for (const method of Object.keys(methods)) {
          const {
            status,
            body,
            headers: answered,
          } = await nobody.call(method.toUpperCase(), path.replace('/api/v1', ''));
          expect([path, status, body.error.code]).toEqual([path, 401, 'UNAUTHENTICATED']);
          expect(answered.get('www-authenticate')).toBe('Bearer');
        }
      }
    }
    expect((await fetch(`${url}/openapi.json`)).status).toBe(401);
  });

  test('a key counts as X-API-Key too', async () => {
    const { ann } = await start();
    expect((await ann.as({ 'x-api-key': KEYS.ann }).get('/tasks')).status).toBe(200);
  });
});

describe('limits', () => {
  test('an owner’s rate is limited, and another’s is not touched by it', async () => {
    const { ann, ben } = await start({ rateLimit: { requests: 5, perMs: 60_000 } });
    // One was for the document.
    for (let at = 0; at < 4; at++) expect((await ann.get('/tasks')).status).toBe(200);
    const { status, body, headers } = await ann.get('/tasks');
    expect([status, body.error.code]).toEqual([429, 'RESOURCE_EXHAUSTED']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ben.get('/tasks')).status).toBe(200);
  });

  test('who has no known key has a limit too, and one who has gets through all the same', async () => {
    const { ann } = await start({ rateLimit: { requests: 3, perMs: 60_000 } });
    const guesser = ann.as(withKey('key-of-nobody-01234567'));
    for (let at = 0; at < 3; at++) expect((await guesser.get('/tasks')).status).toBe(401);
    expect((await guesser.get('/tasks')).status).toBe(429);
    expect((await ann.get('/tasks')).status).toBe(200);
  });

  test('an owner may hold only so many requests open, and gets back what is let go of', async () => {
    const { ann, ben, manager, url } = await start({ maxHeldPerOwner: 1 });
    manager.pause();
    const hold = () => {
      const { promise: submitted, resolve } = deferred<void>();
      manager.once('submitted', () => resolve());
      const abort = new AbortController();
      const answered = fetch(`${url}/tasks?wait=true`, {
        method: 'POST',
        headers: { ...withKey(KEYS.ann), 'content-type': 'application/json' },
        body: JSON.stringify(echo),
        signal: abort.signal,
      });
      return { submitted, abort, answered };
    };
    const first = hold();
    await first.submitted;
    const refused = await ann.post('/tasks?wait=true', echo);
    expect([refused.status, refused.body.error.details]).toEqual([429, { max_held: 1 }]);
    expect((await ann.get('/tasks')).status).toBe(200);
    expect((await ben.get('/tasks')).status).toBe(200);

    first.abort.abort();
    await expect(first.answered).rejects.toThrow();
    for (;;) {
      const next = hold();
      // It is let go of when the server has noticed that the caller went away.
      if ((await Promise.race([next.submitted, next.answered])) === undefined) {
        next.abort.abort();
        await expect(next.answered).rejects.toThrow();
        return;
      }
    }
  });
});

describe('streams of events', () => {
  test('that of a task is answered until its end, and then with 204', async () => {
    const server = await start();
    const { body } = await server.ann.post('/tasks?wait=true', echo);
    const path = `/tasks/${body.result.task_id}/events`;
    const stream = await server.ann.get(path);
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const last = /^id: (.+)$/m.exec(stream.body as string)?.[1] ?? '';
    expect((await server.ann.call('GET', path, undefined, { 'last-event-id': last })).status).toBe(204);
    expect((await server.ann.get('/tasks/none/events')).status).toBe(404);
    server.api.close();
    expect((await server.ann.get(path)).status).toBe(503);
  });

  test('that of all tasks is answered until the API closes', async () => {
    const opened = deferred<void>();
    const every: typeof systemClock.every = (...args) => {
      opened.resolve();
      return systemClock.every(...args);
    };
    const { ann, api } = await start({ clock: { ...systemClock, every } });
    expect((await ann.get('/events?task_type=')).status).toBe(400);
    const stream = ann.get('/events');
    await opened.promise;
    api.close();
    expect((await stream).status).toBe(200);
    expect((await ann.get('/events')).status).toBe(503);
  });
});

describe('what is not there', () => {
  test('another path is 404, another method 405 with Allow', async () => {
    const { ann } = await start();
    expect((await ann.get('/nothing')).status).toBe(404);
    expect((await ann.get('/tasks/')).status).toBe(404);
    const { status, headers } = await ann.call('PUT', '/tasks');
    expect(status).toBe(405);
    expect(headers.get('allow')?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'POST']);
  });

  test('metrics are there only where they were given', async () => {
    const { operator } = await start();
    expect((await operator.get('/metrics')).status).toBe(404);
  });
});

test('the document is OpenAPI 3.1, and has every path under the base path', async () => {
  const { operator } = await start({ basePath: '/jobs' });
  const checked = await new Validator().validate({ ...operator.document });
  expect(checked.errors ?? []).toEqual([]);
  expect(checked.valid).toBe(true);
  expect(operator.document).toMatchObject({ openapi: '3.1.0' });
  expect(Object.keys(operator.document.paths).every((path) => path.startsWith('/jobs/'))).toBe(true);
});

test('every answer says that it is not to be stored, nor taken for something else', async () => {
  const { ann } = await start();
  for (const path of ['/tasks', '/tasks/none', '/nothing', '/tasks?limit=0']) {
    const { headers } = await ann.get(path);
    expect([path, headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual([
      path,
      'no-store',
      'nosniff',
    ]);
  }
});

/** Calls every route, as it stands in the document; with a body, those that may have one. */
async function everyRoute(
  calls: DocumentedCalls,
  sent?: string,
): Promise<[route: string, status: number, code: string][]> {
  const answers: [string, number, string][] = [];
  for (const [path, methods] of Object.entries(calls.document.paths)) {
    for (const method of Object.keys(methods)) {
      if (sent !== undefined && method === 'get') continue;
      const { status, body } = await calls.call(method.toUpperCase(), path.replace('/api/v1', ''), sent);
      answers.push([`${method} ${path}`, status, body.error.code]);
    }
  }
  return answers;
}

describe('every route', () => {
  test('may be refused with 429', async () => {
    const { ann } = await start({ rateLimit: { requests: 1, perMs: 60_000 } });
    for (const [route, ...answer] of await everyRoute(ann)) {
      expect([route, ...answer]).toEqual([route, 429, 'RESOURCE_EXHAUSTED']);
    }
  });

  test('is refused with 403 where nobody has to say who they are, and the request is from elsewhere', async () => {
    const { url } = await start({ allowUnauthenticated: false });
    const calls = await DocumentedCalls.open(url);
    for (const [route, ...answer] of await everyRoute(calls.as({ via: '1.1 proxy' }))) {
      expect([route, ...answer]).toEqual([route, 403, 'PERMISSION_DENIED']);
    }
  });

  test('is refused with 503 once the API is closed', async () => {
    const { ann, api } = await start();
    api.close();
    for (const [route, ...answer] of await everyRoute(ann)) {
      expect([route, ...answer]).toEqual([route, 503, 'UNAVAILABLE']);
    }
  });

  test('that may have a body is refused with 413 where that is too large', async () => {
    const { ann } = await start({ maxBodyBytes: 10 });
    for (const [route, ...answer] of await everyRoute(ann, '"0123456789"')) {
      expect([route, ...answer]).toEqual([route, 413, 'INVALID_ARGUMENT']);
    }
  });

  test('answers a fault with 500, and tells onError of it', async () => {
    const errors: unknown[] = [];
    const fault = new Error('the key store is down');
    const server = await start({ onError: (error) => errors.push(error) });
    const api = createTaskApi(server.manager, {
      authenticate: () => Promise.reject(fault),
      onError: (error) => errors.push(error),
    });
    const { port } = await listen(api.fetch);
    const answers = await everyRoute(server.ann.at(`http://127.0.0.1:${port}/api/v1`));
    for (const [route, ...answer] of answers) expect([route, ...answer]).toEqual([route, 500, 'INTERNAL']);
    expect(errors).toEqual(answers.map(() => fault));
  });

  test('and all else that the document says was answered in this file', async () => {
    const { operator } = await start();
    expect(operator.documented().filter((answer) => !DocumentedCalls.seen.has(answer))).toEqual([]);
  });
});
