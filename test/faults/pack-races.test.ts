import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import type { TaskRecord } from 'treadle';
import { describe, expect, it } from 'vitest';
import {
  type PackManager,
  packManager,
  settledRecords,
  statusesOf,
  submitTogether,
  timedPackManager,
} from '../support/pack-manager.js';
import { Gate } from '../tasks/gate.js';
import { type Packed, Tally } from '../tasks/packed.task.js';

const TERMINAL = ['completed', 'failed', 'cancelled'] as const;

/** Counts how often each task is said to have settled. */
function endsOf(tasks: PackManager): Map<string, number> {
  const ends = new Map<string, number>();
  const count = ({ id }: TaskRecord): void => void ends.set(id, (ends.get(id) ?? 0) + 1);
  for (const event of TERMINAL) tasks.on(event, count);
  return ends;
}

describe('who hears of a task that shares a chunk', () => {
  it.each(['running', 'completed'] as const)('may cancel the next one (%s)', async (event) => {
    const { tasks } = await packManager();
    const ids: string[] = [];
    tasks.on(event, ({ id }) => void tasks.cancel(ids[ids.indexOf(id) + 1] ?? ''));
    const { handles } = await submitTogether(tasks, 40);
    ids.push(...handles.map(({ id }) => id));
    const { completed = 0, cancelled = 0, failed = 0 } = statusesOf(await settledRecords(handles));
    expect([completed + cancelled, failed]).toEqual([40, 0]);
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, cancelling: 0 });
  });

  it.each(['running', 'completed', 'failed', 'retrying'] as const)('may cancel all (%s)', async (event) => {
    const { tasks, clock } = await packManager({ retries: 1, backoff: () => 0 });
    const ends = endsOf(tasks);
    tasks.on(event, () => tasks.list({ limit: 200 }).records.forEach(({ id }) => void tasks.cancel(id)));
    const { handles } = await submitTogether(tasks, 40, (at) => (at === 20 ? { act: 'throw' } : {}));
    const all = settledRecords(handles);
    await turn();
    clock.advance(50);
    await all;
    expect([...ends.values()]).toEqual(handles.map(() => 1));
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, cancelling: 0 });
  });

  it.each(['running', 'completed'] as const)('may close the manager, which ends in order (%s)', async (event) => {
    const { tasks } = await packManager();
    let report: unknown;
    tasks.once(event, () => void (report = tasks.close()));
    const { handles } = await submitTogether(tasks, 40);
    await settledRecords(handles);
    expect(await report).toMatchObject({ interrupted: [], alive: [] });
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, threads: { live: 0 } });
  });

  it('may submit more', async () => {
    const { tasks } = await packManager();
    const tally = new Tally(1);
    const more: Promise<{ settled(): Promise<TaskRecord> }>[] = [];
    tasks.on('completed', () => {
      if (more.length < 60) more.push(tasks.submit('packed', { input: { at: 0, tally: tally.buffer } }));
    });
    const { handles } = await submitTogether(tasks, 40);
    await settledRecords(handles);
    while (tasks.stats().completed < 100) await turn();
    expect(statusesOf(await settledRecords(await Promise.all(more)))).toEqual({ completed: 60 });
    expect(tally.counts).toEqual([60]);
  });

  it('of one that goes back may cancel the one that takes long', async () => {
    const { tasks, clock } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 2 });
    const [first, second] = [new Gate(), new Gate()];
    const { handles } = await submitTogether(tasks, 10, (at) =>
      at === 0 ? { gate: first.buffer } : at === 1 ? { act: 'spin', gate: second.buffer } : {},
    );
    await first.arrived();
    expect(tasks.stats().running).toBe(1);
    tasks.on('retrying', () => void handles[1]?.cancel());
    // The host hears nothing of the first one while the thread has gone on to the second.
    first.open();
    while (second.arrivals === 0);
    handles[1]?.cancel();
    clock.advance(50);
    const { completed, cancelled } = statusesOf(await settledRecords(handles));
    expect([completed, cancelled]).toEqual([9, 1]);
  });
});

describe('close() with tasks that share a chunk', () => {
  it('lets those in the chunk come through before the deadline, and cancels those that wait', async () => {
    const { tasks } = await packManager({ chunk: { min: 10, max: 10 } });
    const gate = new Gate();
    const { handles } = await submitTogether(tasks, 30, (at) => (at === 0 ? { gate: gate.buffer } : {}));
    await gate.arrived();
    const closed = tasks.close({ timeoutMs: 1_000 });
    gate.open();
    const waited = handles.slice(10).map(({ id }) => id);
    expect(await closed).toEqual({ cancelled: waited, interrupted: [], alive: [] });
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 10, cancelled: 20 });
    expect(tasks.stats().threads.live).toBe(0);
  });

  it('lets those run, too, that had to go back from one that takes long', async () => {
    const { tasks, clock } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 2 });
    const gate = new Gate();
    const { handles } = await submitTogether(tasks, 30, (at) => (at === 0 ? { gate: gate.buffer } : {}));
    await gate.arrived();
    const closed = tasks.close({ timeoutMs: 1_000 });
    clock.advance(51);
    clock.advance(1);
    expect(statusesOf(await settledRecords(handles.slice(1)))).toEqual({ completed: 29 });
    gate.open();
    expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
  });

  it('ends all of them at the deadline, and names each once', async () => {
    const { tasks, clock } = await packManager();
    const ends = endsOf(tasks);
    const gate = new Gate();
    const { handles, tally } = await submitTogether(tasks, 30, (at) => (at === 0 ? { gate: gate.buffer } : {}));
    await gate.arrived();
    const closed = tasks.close({ timeoutMs: 1 });
    clock.advance(1);
    const report = await closed;
    expect([...report.interrupted].sort()).toEqual(handles.map(({ id }) => id).sort());
    expect(report).toMatchObject({ cancelled: [], alive: [] });
    expect(statusesOf(await settledRecords(handles))).toEqual({ cancelled: 30 });
    expect([...ends.values()]).toEqual(handles.map(() => 1));
    expect(tally.counts).toEqual([1, ...Array.from({ length: 29 }, () => 0)]);
    expect(tasks.stats().threads.live).toBe(0);
  });
});

describe('close() that is called again', () => {
  it('leaves no timer where the first one is about to end', async () => {
    const { tasks, clock } = await packManager();
    const first = tasks.close();
    // Nothing is in progress, so the deadline is none any more.
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
    void tasks.close({ timeoutMs: 1_000 });
    await first;
    expect(clock.timers).toBe(0);
  });
});

describe('tasks that share chunks', () => {
  it('begin no more while paused, but for those whose chunk is on its way', async () => {
    const { tasks } = await packManager({ chunk: { min: 10, max: 10 } });
    const gate = new Gate();
    const { handles, tally } = await submitTogether(tasks, 30, (at) => (at === 0 ? { gate: gate.buffer } : {}));
    await gate.arrived();
    tasks.pause();
    gate.open();
    await settledRecords(handles.slice(0, 10));
    // What they returned is told a moment before the thread has left them.
    while (tasks.stats().threads.busy > 0) await turn();
    expect(tasks.stats()).toMatchObject({ completed: 10, pending: 20, running: 0, threads: { busy: 0 } });
    tasks.resume();
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 30 });
    expect(tally.counts).toEqual(handles.map(() => 1));
  });

  it('come through while threads come and go', async () => {
    const { tasks } = await packManager({ chunk: { min: 20, max: 20 } }, { maxConcurrentTasks: 8 });
    const { handles } = await submitTogether(tasks, 400);
    let at = 0;
    tasks.on('completed', () => {
      if (at++ % 50 === 0) tasks.setThreads(1 + (((at / 50) % 3) | 0));
    });
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 400 });
  });

  it('count one by one for the end of their thread, which comes after their chunk', async () => {
    const { tasks } = await packManager(
      { chunk: { min: 8, max: 8 } },
      { threads: { max: 1, recycle: { afterTasks: 10 } } },
    );
    const { handles, tally } = await submitTogether(tasks, 32);
    const results = await Promise.all(handles.map((handle) => handle.result()));
    const ids = results.map(({ threadId }) => threadId);
    expect(new Set(ids.slice(0, 16)).size).toBe(1);
    expect(new Set(ids.slice(16)).size).toBe(1);
    expect(ids[16]).not.toBe(ids[0]);
    expect(tally.counts).toEqual(handles.map(() => 1));
  });

  it('do not keep to themselves a thread that other tasks wait for', async () => {
    const { tasks } = await packManager({ chunk: { min: 4, max: 4 } }, { maxConcurrentTasks: 4 });
    const { handles } = await submitTogether(tasks, 200);
    const other = await tasks.submit('fault', { input: { action: 'echo', value: 'hello' }, priority: 1 });
    expect(await other.result()).toBe('hello');
    expect(handles.some(({ record }) => record.status === 'pending')).toBe(true);
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 200 });
  });
});

const act = fc.constantFrom<Packed['act']>(
  ...Array.from({ length: 12 }, () => undefined),
  'throw',
  'permanent',
  'unclonable',
  'chat',
  'awaits',
  'awaits',
  'busy',
  'exit',
  'crash',
);
const meddling = fc.record({
  /** After so many events. */
  after: fc.integer({ min: 0, max: 120 }),
  what: fc.constantFrom('cancel', 'cancel', 'cancel several', 'look', 'threads', 'slots', 'pause', 'hold up'),
  which: fc.nat(),
});

describe('whatever is done to tasks that share chunks', () => {
  it('each settles exactly once, as it was told to, and nothing is left', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(act, fc.boolean()), { minLength: 1, maxLength: 80 }),
        fc.array(meddling, { maxLength: 12 }),
        fc.record({
          max: fc.integer({ min: 1, max: 64 }),
          retries: fc.nat(2),
          threads: fc.integer({ min: 1, max: 3 }),
        }),
        async (acts, meddlings, { max, retries, threads }) => {
          const tasks = await timedPackManager(
            { chunk: { min: max, max }, retries, backoff: () => 0 },
            { threads: { max: threads }, maxConcurrentTasks: 1 + (max % 5) },
          );
          const ends = endsOf(tasks);
          const ids: string[] = [];
          const cancelled = new Set<string>();
          const cancel = (which: number): void => {
            const id = ids[which % ids.length] as string;
            if (tasks.get(id)?.completedAt !== null) return;
            cancelled.add(id);
            tasks.cancel(id);
          };
          const meddle = {
            cancel,
            'cancel several': (which: number) => [0, 1, 2, 3, 4].forEach((more) => cancel(which + more)),
            look: () => void tasks.stats(),
            threads: (which: number) => tasks.setThreads(1 + (which % 3)),
            slots: (which: number) => tasks.setMaxConcurrentTasks(1 + (which % 6)),
            pause: () => {
              tasks.pause();
              setImmediate(() => tasks.resume());
            },
            'hold up': () => {
              const until = performance.now() + 70;
              while (performance.now() < until);
            },
          };
          let events = 0;
          const onEvent = (): void => {
            const now = events++;
            for (const { after, what, which } of meddlings) if (after === now) meddle[what](which);
          };
          for (const event of ['running', 'retrying', 'cancelling', ...TERMINAL] as const) tasks.on(event, onEvent);
          const { handles, tally } = await submitTogether(
            tasks,
            acts.length,
            (at) => ({ act: acts[at]?.[0], once: acts[at]?.[1] }),
            (at) => ({ priority: at % 2 }),
          );
          ids.push(...handles.map(({ id }) => id));
          const records = await settledRecords(handles);
          expect([...ends.values()]).toEqual(records.map(() => 1));
          expect(ends.size).toBe(records.length);
          for (const [at, { id, status, startedAt, completedAt, result }] of records.entries()) {
            const [does, once] = acts[at] as [Packed['act'], boolean];
            const fails = ['throw', 'permanent', 'unclonable', 'exit', 'crash'].includes(does ?? '');
            if (status === 'cancelled') expect(cancelled).toContain(id);
            // What dies often may be kept from threads for a while.
            if (status === 'completed') expect(result).toMatchObject({ at });
            if (status === 'completed' && fails) expect(once).toBe(true);
            if (status === 'failed' && !fails)
              expect(records.some(({ error }) => error?.code === 'WORKER_EXITED')).toBe(true);
            if (startedAt !== null) expect(completedAt).toBeGreaterThanOrEqual(startedAt);
            if (status !== 'cancelled' && !records.some(({ error }) => error !== null))
              expect(tally.counts[at]).toBeGreaterThanOrEqual(1);
          }
          expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, cancelling: 0 });
          const { alive, interrupted, leftBehind } = await tasks.close({ timeoutMs: 5_000 });
          expect([alive, interrupted, leftBehind]).toEqual([[], [], undefined]);
        },
      ),
      { numRuns: 40, timeout: 20_000 },
    );
  });
});
