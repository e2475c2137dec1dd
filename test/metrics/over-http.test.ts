import { spawnSync } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import type { TaskApiOptions } from 'treadle/http';
import { taskMetrics } from 'treadle/metrics';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readEvents } from '../http/event-reader.js';
import { KEYS, startApiServer } from '../http/live-server.js';
import { PrometheusText } from '../support/prometheus-text.js';
import { hasProgram } from '../support/system-part.js';
import { createTestManager } from '../support/test-manager.js';

/** A manager with metrics that some tasks have been through, and where its API answers. */
async function served(api: TaskApiOptions<'fault'> = {}) {
  const tasks = createTestManager();
  const metrics = taskMetrics(tasks);
  onTestFinished(() => metrics.close());
  const server = await startApiServer({ tasks, api: { ...api, metrics } });
  const handles = await Promise.all([
    tasks.submit('fault', { input: { action: 'echo' } }),
    tasks.submit('fault', { input: { action: 'throw' } }),
    tasks.submit('items', { items: [1, 2, 3] }),
  ]);
  await Promise.all(handles.map((handle) => handle.settled()));
  const read = async () => new PrometheusText(await (await server.request('/metrics', { as: 'ops' })).text());
  return { ...server, metrics, read };
}

describe('GET /metrics', () => {
  it('answers an operator with what another program can read', async () => {
    const { request } = await served();
    const response = await request('/metrics', { as: 'ops' });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    const text = new PrometheusText(await response.text());
    expect(Object.fromEntries(text.types)).toEqual({
      treadle_tasks: 'GAUGE',
      treadle_tasks_submitted_total: 'COUNTER',
      treadle_tasks_settled_total: 'COUNTER',
      treadle_task_failures_total: 'COUNTER',
      treadle_task_retries_total: 'COUNTER',
      treadle_task_queue_wait_seconds: 'HISTOGRAM',
      treadle_task_run_seconds: 'HISTOGRAM',
      treadle_oldest_pending_age_seconds: 'GAUGE',
      treadle_chunks_total: 'COUNTER',
      treadle_chunk_seconds: 'HISTOGRAM',
      treadle_threads: 'GAUGE',
      treadle_thread_heap_used_bytes: 'GAUGE',
      treadle_event_streams: 'GAUGE',
      treadle_event_streams_dropped_total: 'COUNTER',
      treadle_event_replay_bytes: 'GAUGE',
      treadle_event_loop_delay_p50_seconds: 'GAUGE',
      treadle_event_loop_delay_p99_seconds: 'GAUGE',
      treadle_event_loop_delay_max_seconds: 'GAUGE',
    });
    expect(text.value('treadle_tasks_settled_total', { type: 'fault', status: 'failed' })).toBe(1);
    expect(text.value('treadle_task_failures_total', { type: 'fault', code: 'TASK_FAILED' })).toBe(1);
  });

  it('refuses who is no operator with 403, and whom nobody knows with 401', async () => {
    const { request } = await served();
    const codes = await Promise.all([request('/metrics', { as: 'ann' }), request('/metrics', { as: null })]);
    expect(codes.map(({ status }) => status)).toEqual([403, 401]);
    expect(await codes[0]?.text()).not.toContain('treadle_');
  });

  it('is not there without metrics', async () => {
    const { request } = await startApiServer();
    expect((await request('/metrics', { as: 'ops' })).status).toBe(404);
  });

  it.skipIf(!hasProgram('promtool', 'apt-get install --no-install-recommends prometheus'))(
    'is as promtool wants metrics to be',
    async () => {
      const { request } = await served();
      const input = await (await request('/metrics', { as: 'ops' })).text();
      const check = (text: string) => {
        const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
          input: text,
          encoding: 'utf8',
        });
        return { status, told: stdout + stderr };
      };
      expect(check(input)).toEqual({ status: 0, told: '' });
      expect(check(input.replaceAll('treadle_tasks_settled_total', 'treadle_tasks_settled')).status).not.toBe(0);
    },
  );
});

describe('event streams', () => {
  it('are counted while they are open, and what is kept for their readers', async () => {
    const server = await served();
    const { tasks, read } = server;
    expect((await read()).value('treadle_event_streams')).toBe(0);
    const readers = [await readEvents(server, '/events'), await readEvents(server, '/events', { as: 'ops' })];
    await Promise.all(readers.map((reader) => reader.until('ready')));
    await (await tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' })).settled();
    const text = await read();
    expect([text.value('treadle_event_streams'), text.value('treadle_event_streams_dropped_total')]).toEqual([2, 0]);
    expect(text.value('treadle_event_replay_bytes')).toBeGreaterThan(100);
    for (const reader of readers) reader.leave();
    while ((await read()).value('treadle_event_streams') > 0) await turn();
  });

  it('of slow readers are counted when they are dropped, also those of an API that has closed', async () => {
    const { tasks, api, metrics, read } = await served({ events: { maxBehindBytes: 5_000 } });
    // Nobody takes anything of its body.
    const headers = { authorization: `Bearer ${KEYS.ops}` };
    const slow = await api.fetch(new Request('http://127.0.0.1/api/v1/events', { headers }));
    expect(slow.status).toBe(200);
    expect((await read()).value('treadle_event_streams')).toBe(1);
    // One after another, because what comes all at once is excused.
    for (let at = 0; at < 10; at++) await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    const text = await read();
    expect([text.value('treadle_event_streams'), text.value('treadle_event_streams_dropped_total')]).toEqual([0, 1]);
    api.close();
    expect(new PrometheusText(await metrics.text()).value('treadle_event_streams_dropped_total')).toBe(1);
  });
});
