import { setImmediate as turn } from 'node:timers/promises';
import { type ChunkEvent, type SettledRecord, TaskManager, taskModule, taskType } from 'treadle';
import { taskMetrics } from 'treadle/metrics';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { packManager, packTypes, settledRecords, submitTogether } from '../support/pack-manager.js';
import { closedOnClock, next, policyTypes, quiet } from '../support/policy-manager.js';
import { PrometheusText } from '../support/prometheus-text.js';
import { builtTask, closedAtEnd, createTestManager, testTypes } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';
import { Tally } from '../tasks/packed.task.js';

/** The metrics of a manager, as a scrape of them is read. */
function scraped(...args: Parameters<typeof taskMetrics>): () => Promise<PrometheusText> {
  const metrics = taskMetrics(...args);
  onTestFinished(() => metrics.close());
  return async () => new PrometheusText(await metrics.text());
}

/** One thread, on a clock that only the test moves. */
function faultManager(policy: { retries?: number; killable?: boolean } = {}) {
  const clock = new ManualClock();
  const types = { fault: taskType(taskModule<typeof fault>(builtTask('fault')), policy) };
  const tasks = closedOnClock(new TaskManager({ types, threads: { max: 1 }, cancelGraceMs: 500, clock }), clock);
  return { tasks, clock, read: scraped(tasks, { clock }) };
}

describe('after a storm of tasks of all fates', () => {
  it('counters are what stats() says, and times are what the records and the chunks say', async () => {
    const { flaky } = policyTypes({ retries: 3, backoff: { baseMs: 0 } });
    const types = { ...testTypes(), flaky, packed: packTypes().packed };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 2 }, cancelGraceMs: 50 }));
    const read = scraped(tasks);
    const chunks: ChunkEvent[] = [];
    const records: SettledRecord[] = [];
    tasks.on('chunk', (chunk) => chunks.push(chunk));
    tasks.onSettled((record) => records.push(record));

    const tally = new Tally(200);
    const ids = { owner: 'somebody', resourceId: 'something', group: 'some-group', onDuplicate: 'allow' } as const;
    tasks.pause();
    const submitted = [];
    for (let at = 0; at < 200; at++) {
      const act = at % 50 === 7 ? 'exit' : at % 10 === 3 ? 'throw' : undefined;
      submitted.push(tasks.submit('packed', { input: { at, tally: tally.buffer, act }, ...ids }));
      if (at % 2 === 0)
        submitted.push(tasks.submit('fault', { input: { action: at % 4 === 0 ? 'echo' : 'throw' }, ...ids }));
      if (at % 10 === 0) {
        const attempts = new Gate().buffer;
        submitted.push(tasks.submit('flaky', { input: { attempts, failures: (at / 10) % 5 }, ...ids }));
        submitted.push(tasks.submit('steps', { input: { counters: new SharedArrayBuffer(16), items: at }, ...ids }));
        submitted.push(
          tasks.submit('items', { items: [at, { throw: 'at an item' }].slice(0, 1 + ((at / 10) % 2)), ...ids }),
        );
      }
    }
    const spinning = new Gate();
    submitted.push(tasks.submit('fault', { input: { action: 'spin', gate: spinning.buffer }, priority: 5 }));
    submitted.push(tasks.submit('fault', { input: { action: 'unclonable' } }));
    const handles = await Promise.all(submitted);
    // Some are cancelled before they start, and one while it runs.
    for (const handle of handles.slice(0, 20)) handle.cancel();
    tasks.resume();
    await spinning.arrived();
    const reading = read();
    const { running } = tasks.stats().types.fault ?? {};
    expect((await reading).value('treadle_tasks', { type: 'fault', status: 'running' })).toBe(running);
    expect(running).toBeGreaterThan(0);
    tasks.cancel(handles.at(-2)?.id ?? '');
    await Promise.all(handles.map((handle) => handle.settled()));
    await quiet(tasks);
    while (records.length < handles.length) await turn();

    const text = await read();
    const stats = tasks.stats();
    expect(stats.total).toBe(handles.length);
    for (const [type, counts] of Object.entries(stats.types)) {
      const total =
        counts.pending + counts.running + counts.cancelling + counts.completed + counts.failed + counts.cancelled;
      expect([type, text.value('treadle_tasks_submitted_total', { type })]).toEqual([type, total]);
      const ofType = records.filter((record) => record.type === type);
      for (const status of ['completed', 'failed', 'cancelled'] as const) {
        const labels = { type, status };
        expect([labels, text.value('treadle_tasks_settled_total', labels)]).toEqual([labels, counts[status]]);
        const started = ofType.filter((record) => record.status === status && record.startedAt !== null);
        const times = text.histogram('treadle_task_run_seconds', labels);
        expect([labels, times.count]).toEqual([labels, started.length]);
        expect(times.sum).toBeCloseTo(sumOf(started, ({ startedAt, completedAt }) => completedAt - Number(startedAt)));
      }
      for (const status of ['pending', 'running', 'cancelling']) {
        expect(text.value('treadle_tasks', { type, status })).toBe(0);
      }
      for (const [code, count] of Object.entries(counts.failures)) {
        expect([type, code, text.value('treadle_task_failures_total', { type, code })]).toEqual([type, code, count]);
      }
      const started = ofType.filter((record) => record.startedAt !== null);
      const waits = text.histogram('treadle_task_queue_wait_seconds', { type });
      expect([type, waits.count]).toEqual([type, started.length]);
      expect(waits.sum).toBeCloseTo(sumOf(started, ({ createdAt, startedAt }) => Number(startedAt) - createdAt));
      const retries = ofType.reduce((sum, { attempt }) => sum + attempt - 1, 0);
      expect([type, text.value('treadle_task_retries_total', { type })]).toEqual([type, retries]);
      for (const phase of ['plan', 'run', 'finish', 'cleanup']) {
        const ofPhase = chunks.filter((chunk) => chunk.type === type && chunk.phase === phase);
        const lived = ofPhase.filter(({ ms }) => ms > 0);
        const chunkTimes = text.histogram('treadle_chunk_seconds', { type, phase });
        expect([type, phase, chunkTimes.count]).toEqual([type, phase, lived.length]);
        expect(chunkTimes.sum).toBeCloseTo(lived.reduce((sum, { ms }) => sum + ms / 1_000, 0));
        for (const outcome of ['returned', 'planned', 'threw', 'lost', 'stopped', 'unsendable']) {
          const labels = { type, phase, outcome };
          const count = ofPhase.filter((chunk) => chunk.outcome === outcome).length;
          expect([labels, text.value('treadle_chunks_total', labels) || 0]).toEqual([labels, count]);
        }
      }
    }
    // The storm had all that is counted.
    expect(stats.cancelled).toBeGreaterThan(10);
    expect(text.value('treadle_task_retries_total', { type: 'flaky' })).toBeGreaterThan(10);
    expect(text.value('treadle_chunks_total', { type: 'packed', phase: 'run', outcome: 'lost' })).toBeGreaterThan(0);

    // Labels are few and known: nothing that a submitter chooses is among them.
    const { type: found, thread, ...others } = text.labels();
    expect(found).toEqual(Object.keys(types).toSorted());
    expect(thread?.every((id) => ['0', '1'].includes(id))).toBe(true);
    expect(others).toEqual({
      status: ['cancelled', 'cancelling', 'completed', 'failed', 'pending', 'running'],
      phase: ['cleanup', 'finish', 'plan', 'run'],
      outcome: expect.arrayContaining(['lost', 'planned', 'returned', 'threw']) as string[],
      code: ['TASK_FAILED', 'UNSERIALIZABLE', 'WORKER_EXITED'],
      state: ['busy', 'live', 'max', 'overdue'],
    });
  });

  function sumOf(records: readonly SettledRecord[], ms: (record: SettledRecord) => number): number {
    return records.reduce((sum, record) => sum + ms(record) / 1_000, 0);
  }
});

describe('times', () => {
  it('are of the queue up to the first start, and from there to the end, in seconds', async () => {
    const { tasks, clock, read } = faultManager();
    tasks.pause();
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    clock.advance(4_000);
    expect((await read()).value('treadle_oldest_pending_age_seconds', { type: 'fault' })).toBe(4);
    tasks.resume();
    await gate.arrived();
    clock.advance(90_000);
    expect((await read()).value('treadle_oldest_pending_age_seconds', { type: 'fault' })).toBe(0);
    gate.open();
    await task.settled();

    const text = await read();
    const wait = text.histogram('treadle_task_queue_wait_seconds', { type: 'fault' });
    expect(wait).toMatchObject({ count: 1, sum: 4 });
    expect([2.5, 5, 3_600].map(wait.below)).toEqual([0, 1, 1]);
    const run = text.histogram('treadle_task_run_seconds', { type: 'fault', status: 'completed' });
    expect(run).toMatchObject({ count: 1, sum: 90 });
    expect([0.001, 60, 300].map(run.below)).toEqual([0, 0, 1]);
  });

  it('of a task that is retried are those from its first start, counted once', async () => {
    const clock = new ManualClock();
    const types = policyTypes({ retries: 2, backoff: () => 10_000 });
    const tasks = closedOnClock(new TaskManager({ types, threads: { max: 1 }, clock }), clock);
    const read = scraped(tasks, { clock });
    const gate = new Gate();
    const input = { attempts: new Gate().buffer, failures: 2, gate: gate.buffer };
    const task = await tasks.submit('flaky', { input });
    await gate.arrived();
    clock.advance(3_000);
    gate.open();
    for (const _ of [1, 2]) {
      await next(tasks, 'retrying');
      await quiet(tasks);
      clock.advance(10_000);
    }
    await task.settled();
    const text = await read();
    const labels = { type: 'flaky', status: 'completed' };
    expect(text.histogram('treadle_task_run_seconds', labels)).toMatchObject({ count: 1, sum: 23 });
    expect(text.histogram('treadle_task_queue_wait_seconds', { type: 'flaky' })).toMatchObject({ count: 1, sum: 0 });
    expect(text.value('treadle_task_retries_total', { type: 'flaky' })).toBe(2);
    expect(text.value('treadle_chunks_total', { type: 'flaky', phase: 'run', outcome: 'threw' })).toBe(2);
  });

  it('of a task that a pack gives back are those from its first start, and that is no retry', async () => {
    const { tasks, clock } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 2 });
    const read = scraped(tasks, { clock });
    const heard: number[] = [];
    tasks.on('retrying', ({ attempt }) => heard.push(attempt));
    const [first, second] = [new Gate(), new Gate()];
    const { handles } = await submitTogether(tasks, 10, (at) =>
      at === 0 ? { gate: first.buffer } : at === 1 ? { act: 'spin', gate: second.buffer } : {},
    );
    await first.arrived();
    expect(tasks.stats().running).toBe(1);
    // The host hears nothing of the first one while the thread has gone on to the second.
    first.open();
    while (second.arrivals === 0);
    handles[1]?.cancel();
    clock.advance(50);
    await settledRecords(handles);
    expect(heard).toEqual([1]);
    const text = await read();
    expect(text.value('treadle_task_retries_total', { type: 'packed' })).toBe(0);
    expect(text.histogram('treadle_task_queue_wait_seconds', { type: 'packed' }).count).toBe(10);
  });

  it('are never below 0, even where the clock of the machine was set back', async () => {
    const { tasks, clock, read } = faultManager();
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const before = clock.now();
    clock.now = () => before - 60_000;
    gate.open();
    await task.settled();
    const labels = { type: 'fault', status: 'completed' };
    expect((await read()).histogram('treadle_task_run_seconds', labels)).toMatchObject({ count: 1, sum: 0 });
  });

  it('of tasks that a listener of somebody else throws at are counted too', async () => {
    const tasks = createTestManager();
    tasks.on('listenerError', () => {});
    tasks.on('completed', () => {
      throw new Error('not ours');
    });
    const read = scraped(tasks);
    await (await tasks.submit('fault', { input: { action: 'echo' } })).result();
    const labels = { type: 'fault', status: 'completed' };
    expect((await read()).histogram('treadle_task_run_seconds', labels).count).toBe(1);
  });
});

describe('gauges', () => {
  it('of threads: how many may be, are, work, and are overdue', async () => {
    const { tasks, clock, read } = faultManager({ killable: false });
    const states = async (): Promise<number[]> => {
      const text = await read();
      return ['max', 'live', 'busy', 'overdue'].map((state) => text.value('treadle_threads', { state }));
    };
    expect(await states()).toEqual([1, 0, 0, 0]);
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'ignore-cancel', gate: gate.buffer } });
    await gate.arrived();
    expect(await states()).toEqual([1, 1, 1, 0]);
    task.cancel();
    clock.advance(501);
    expect(await states()).toEqual([1, 1, 1, 1]);
    expect((await read()).value('treadle_tasks', { type: 'fault', status: 'cancelling' })).toBe(1);
    gate.open();
    await task.settled();
    await quiet(tasks);
    expect(await states()).toEqual([1, 1, 0, 0]);
    tasks.setThreads(3);
    expect(await states()).toEqual([3, 1, 0, 0]);
  });

  it('of the heap of each thread that has measured it, and no more of one that is gone', async () => {
    const { tasks, read } = faultManager();
    expect((await read()).labels('treadle_thread_heap_used_bytes')).toEqual({});
    await (await tasks.submit('fault', { input: { action: 'echo' } })).result();
    await quiet(tasks);
    const used = (await read()).value('treadle_thread_heap_used_bytes', { thread: '0' });
    expect(used).toBe(tasks.threads()[0]?.heapUsedBytes);
    expect(used).toBeGreaterThan(2 ** 20);
    await (await tasks.submit('fault', { input: { action: 'exit', code: 3 } })).settled();
    await quiet(tasks);
    expect((await read()).labels('treadle_thread_heap_used_bytes')).toEqual({});
  });

  it('of the delay of the event loop since they were read last', async () => {
    const read = scraped(createTestManager());
    // The first tick after a reading only starts the measuring.
    for (const _ of [1, 2]) await blockLoop(200);
    const text = await read();
    // It begins to measure at a tick, up to 10 ms after the last one.
    expect(text.value('treadle_event_loop_delay_max_seconds')).toBeGreaterThanOrEqual(0.19);
    expect(text.value('treadle_event_loop_delay_p99_seconds')).toBeGreaterThanOrEqual(0.19);
    expect(text.value('treadle_event_loop_delay_p50_seconds')).toBeGreaterThanOrEqual(0);
    // It was read: two readings in one turn have nothing between them.
    expect((await read()).value('treadle_event_loop_delay_max_seconds')).toBe(0);
  });
});

/** Blocks the loop, and then lets its timers have their turn. */
async function blockLoop(ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until);
  for (const _ of [1, 2, 3]) await turn();
}
