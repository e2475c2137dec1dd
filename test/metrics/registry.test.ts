import { Counter, type OpenMetricsContentType, Registry, collectDefaultMetrics } from 'prom-client';
import { systemClock } from 'treadle';
import { type TaskMetricsOptions, taskMetrics } from 'treadle/metrics';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { type BadValue, NO_OBJECT, expectRefused, rows } from '../support/bad-values.js';
import { PrometheusText } from '../support/prometheus-text.js';
import { createTestManager } from '../support/test-manager.js';
import { untyped } from '../support/waiting-task.js';

describe('a registry of the user', () => {
  it('keeps what else is in it, also when the metrics leave', async () => {
    const register = new Registry();
    collectDefaultMetrics({ register });
    const visits = new Counter({ name: 'visits_total', help: 'Visits.', registers: [register] });
    visits.inc(3);
    const before = register.getMetricsAsArray().length;
    const metrics = taskMetrics(createTestManager(), { register });
    expect(metrics.register).toBe(register);
    const text = new PrometheusText(await metrics.text());
    expect(text.value('visits_total')).toBe(3);
    expect(text.value('treadle_threads', { state: 'max' })).toBe(2);
    expect(text.types.get('nodejs_eventloop_lag_p99_seconds')).toBe('GAUGE');
    metrics.close();
    expect(register.getMetricsAsArray()).toHaveLength(before);
    expect(new PrometheusText(await metrics.text()).value('visits_total')).toBe(3);
  });

  it('loses nothing of somebody else who took the names after it had been cleared', () => {
    const register = new Registry();
    const metrics = taskMetrics(createTestManager(), { register });
    register.clear();
    const theirs = new Counter({ name: 'treadle_tasks', help: 'Theirs.', registers: [register] });
    metrics.close();
    expect(register.getMetricsAsArray()).toEqual([theirs]);
  });

  it('has several managers by a prefix for each', async () => {
    const register = new Registry();
    const [one, two] = [createTestManager({ threads: { max: 1 } }), createTestManager({ threads: { max: 3 } })];
    taskMetrics(one, { register });
    const second = taskMetrics(two, { register, prefix: 'second_' });
    const text = new PrometheusText(await second.text());
    expect(text.value('treadle_threads', { state: 'max' })).toBe(1);
    expect(text.value('second_threads', { state: 'max' })).toBe(3);
    second.close();
    expect(register.getSingleMetric('treadle_threads')).toBeDefined();
    expect(register.getSingleMetric('second_threads')).toBeUndefined();
  });

  it('refuses a second manager with the same prefix, and is left as it was', () => {
    const register = new Registry();
    const theirs = new Counter({ name: 'treadle_chunks_total', help: 'Theirs.', registers: [register] });
    const manager = createTestManager();
    const code = 'INVALID_ARGUMENT';
    const add = (): unknown => taskMetrics(manager, { register });
    expect(add).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('`treadle_chunks_total`') as string }),
    );
    expect(register.getMetricsAsArray()).toEqual([theirs]);
    expect([manager.listenerCount('chunk'), manager.listenerCount('retrying')]).toEqual([0, 0]);
    register.clear();
    taskMetrics(manager, { register });
    expect(add).toThrow('Expected `prefix` to be one for these metrics alone');
  });

  it('may be of OpenMetrics', async () => {
    const register = new Registry<OpenMetricsContentType>();
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const manager = createTestManager();
    const metrics = taskMetrics(manager, { register });
    await (await manager.submit('fault', { input: { action: 'echo' } })).result();
    expect(metrics.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const text = await metrics.text();
    expect(text).toContain('\ntreadle_tasks_submitted_total{type="fault"} 1\n');
    expect(text.endsWith('# EOF\n')).toBe(true);
    metrics.close();
    expect(register.getMetricsAsArray()).toEqual([]);
  });
});

test('metrics in a registry of their own are in no other, and after close() nobody listens', async () => {
  const manager = createTestManager();
  const metrics = taskMetrics(manager);
  const other = taskMetrics(manager);
  expect(other.register).not.toBe(metrics.register);
  await (await manager.submit('fault', { input: { action: 'echo' } })).result();
  const labels = { type: 'fault', status: 'completed' };
  const runs = async (): Promise<number> =>
    new PrometheusText(await metrics.text()).histogram('treadle_task_run_seconds', labels).count;
  expect(await runs()).toBe(1);
  metrics.close();
  metrics.close();
  expect((await metrics.text()).trim()).toBe('');
  expect([manager.listenerCount('chunk'), manager.listenerCount('retrying')]).toEqual([1, 1]);
  other.close();
  expect([manager.listenerCount('chunk'), manager.listenerCount('retrying')]).toEqual([0, 0]);
});

test('metrics are there after the manager is closed', async () => {
  const manager = createTestManager();
  const metrics = taskMetrics(manager);
  onTestFinished(() => metrics.close());
  const running = await manager.submit('fault', { input: { action: 'listen', gate: new SharedArrayBuffer(8) } });
  await manager.close({ timeoutMs: 0 });
  await running.settled();
  const text = new PrometheusText(await metrics.text());
  expect(text.value('treadle_tasks_settled_total', { type: 'fault', status: 'cancelled' })).toBe(1);
  expect(text.value('treadle_threads', { state: 'live' })).toBe(0);
});

describe('taskMetrics refuses', () => {
  const notEmpty: BadValue = ['"" (string)', ''];
  it.each(
    rows({
      options: NO_OBJECT,
      register: [
        ['null', null],
        ['an object (Object)', {}],
        ['5 (number)', 5],
      ],
      prefix: [notEmpty, ['"9_" (string)', '9_'], ['"a-b" (string)', 'a-b'], ['"a b" (string)', 'a b'], ['null', null]],
      clock: [
        ['an object (Object)', {}],
        ['null', null],
      ],
    }),
  )('%s: %s', async (name, _, value) => {
    const manager = createTestManager();
    const options: TaskMetricsOptions = untyped(name === 'options' ? value : { [name]: value });
    await expectRefused(() => taskMetrics(manager, options), name, _);
  });

  it('an unknown option', () => {
    const add = (): unknown => taskMetrics(createTestManager(), untyped({ registry: new Registry() }));
    expect(add).toThrow('Expected `options` to have only register, prefix, clock, got `registry`');
  });
});

test('all options at once are taken', () => {
  const metrics = taskMetrics(createTestManager(), { register: new Registry(), prefix: 'jobs_', clock: systemClock });
  expect(metrics.register.getSingleMetric('jobs_tasks')).toBeDefined();
  metrics.close();
});
