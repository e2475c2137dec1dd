import { spawnSync } from 'node:child_process';
import { taskMetrics } from 'treadle/metrics';
import { apiKeys, createTaskApi } from 'treadle/http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ANN_KEY, OPERATOR_KEY, listen, startApi, withKey } from '../http/api-server.js';
import { PrometheusText } from '../support/prometheus-text.js';
import { hasProgram } from '../support/system-part.js';
import { createTestManager } from '../support/test-manager.js';

/** A manager with metrics that some tasks have been through, and where its API answers. */
async function served() {
  const manager = createTestManager();
  const metrics = taskMetrics(manager);
  const authenticate = apiKeys({ [ANN_KEY]: 'ann', [OPERATOR_KEY]: { owner: 'operator', operator: true } });
  const api = createTaskApi(manager, { types: ['fault'], authenticate, metrics });
  onTestFinished(() => {
    api.close();
    metrics.close();
  });
  const { port } = await listen(api.fetch);
  const read = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/api/v1/metrics`, { headers });
  const handles = await Promise.all([
    manager.submit('fault', { input: { action: 'echo' } }),
    manager.submit('fault', { input: { action: 'throw' } }),
    manager.submit('items', { items: [1, 2, 3] }),
  ]);
  await Promise.all(handles.map((handle) => handle.settled()));
  return { manager, read };
}

describe('GET /metrics', () => {
  it('answers an operator with what another program can read', async () => {
    const { read } = await served();
    const response = await read(withKey(OPERATOR_KEY));
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
      treadle_event_loop_delay_p50_seconds: 'GAUGE',
      treadle_event_loop_delay_p99_seconds: 'GAUGE',
      treadle_event_loop_delay_max_seconds: 'GAUGE',
    });
    expect(text.value('treadle_tasks_settled_total', { type: 'fault', status: 'failed' })).toBe(1);
    expect(text.value('treadle_task_failures_total', { type: 'fault', code: 'TASK_FAILED' })).toBe(1);
  });

  it('refuses who is no operator with 403, and whom nobody knows with 401', async () => {
    const { read } = await served();
    const codes = await Promise.all([read(withKey(ANN_KEY)), read({})]);
    expect(codes.map(({ status }) => status)).toEqual([403, 401]);
    expect(await codes[0]?.text()).not.toContain('treadle_');
  });

  it('is not there without metrics', async () => {
    const { url } = await startApi();
    expect((await fetch(`${url}/metrics`, { headers: withKey(OPERATOR_KEY) })).status).toBe(404);
  });

  it.skipIf(!hasProgram('promtool', 'apt-get install --no-install-recommends prometheus'))(
    'is as promtool wants metrics to be',
    async () => {
      const { read } = await served();
      const input = await (await read(withKey(OPERATOR_KEY))).text();
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
