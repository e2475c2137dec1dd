import { setImmediate as turn } from 'node:timers/promises';
import type { SettledRecord } from 'treadle';
import { describe, expect, it } from 'vitest';
import { createPolicyManager, next, quiet } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo' } as const;
const MANY = 20;

/** A manager that is paused, with tasks that wait. */
async function waiting(count: number) {
  const { tasks, clock } = createPolicyManager({}, { threads: { max: 1 } });
  tasks.pause();
  const handles = await Promise.all(
    Array.from({ length: count }, (_, meta) => tasks.submit('fault', { input: echo, meta })),
  );
  return { tasks, clock, handles };
}

describe('hooks', () => {
  it('are called exactly once each, in the order in which tasks settle, however slow they are', async () => {
    const { tasks, clock } = createPolicyManager();
    const called: string[] = [];
    const note = (who: string) => (record: SettledRecord) => {
      called.push(`${who} ${record.status} ${String(record.meta)}`);
      clock.advance(7);
    };
    tasks.onSettled(note('first'));
    tasks.onSettled(note('second'));
    tasks.pause();
    const submit = (meta: number) => tasks.submit('fault', { input: echo, meta, onSettled: note('own') });
    for (const task of await Promise.all([0, 1, 2].map(submit))) task.cancel();
    // One call has used up the turn; the others come later, one in a turn.
    expect(called).toEqual(['own cancelled 0']);
    await tasks.close();
    expect(called).toEqual(
      [0, 1, 2].flatMap((meta) => ['own', 'first', 'second'].map((who) => `${who} cancelled ${meta}`)),
    );
  });

  it('that are slow do not keep chunks from being sent', async () => {
    const { tasks, clock, handles } = await waiting(MANY);
    await tasks.ready();
    let called = 0;
    tasks.onSettled(() => {
      called++;
      clock.advance(10);
    });
    for (const task of handles) task.cancel();
    tasks.resume();
    const calledThen = new Promise((resolve) => void tasks.once('running', () => resolve(called)));
    const task = await tasks.submit('fault', { input: echo });
    // Of all that were due, the one that used up the first turn.
    expect(await calledThen).toBe(1);
    await task.settled();
    await tasks.close();
    expect(called).toBe(MANY + 1);
  });

  it('that are slow give way after each few milliseconds: a batch goes on between them', async () => {
    const gate = new Gate();
    const { tasks, clock } = createPolicyManager({ parallelism: 1, chunk: { max: 1 } });
    const batch = await tasks.submit('each', {
      items: [{ gate: gate.buffer }, ...Array.from({ length: 30 }, () => 1)],
    });
    await gate.arrived();
    tasks.pause();
    const handles = await Promise.all(Array.from({ length: 100 }, () => tasks.submit('fault', { input: echo })));
    tasks.resume();
    let called = 0;
    let doneMeanwhile = 0;
    tasks.onSettled(() => {
      called++;
      if (called <= 100) doneMeanwhile = batch.record.progress.itemsDone;
      clock.advance(6);
      const until = performance.now() + 1;
      while (performance.now() < until);
    });
    gate.open();
    for (const task of handles) task.cancel();
    expect(called).toBe(1);
    await batch.settled();
    await tasks.close();
    expect(called).toBe(101);
    expect(doneMeanwhile).toBeGreaterThan(1);
  });

  it('are isolated from what the others throw, or reject with', async () => {
    const { tasks } = createPolicyManager();
    const errors: unknown[] = [];
    const called: string[] = [];
    tasks.on('listenerError', (error) => errors.push(error));
    tasks.onSettled(() => {
      called.push('throws');
      throw new RangeError('one');
    });
    tasks.onSettled(() => Promise.reject(new RangeError('two')));
    tasks.onSettled(() => {
      called.push('last');
      throw null;
    });
    tasks.onSettled(() => called.push('very last'));
    expect((await (await tasks.submit('fault', { input: echo })).settled()).status).toBe('completed');
    await turn();
    expect(called).toEqual(['throws', 'last', 'very last']);
    expect(errors).toEqual([new RangeError('one'), null, new RangeError('two')]);
  });

  it('that were taken back are not called for what had settled before', async () => {
    const { tasks, clock, handles } = await waiting(3);
    const called: unknown[] = [];
    tasks.onSettled(() => clock.advance(10));
    const takeBack = tasks.onSettled(({ meta }) => called.push(meta));
    for (const task of handles) task.cancel();
    takeBack();
    takeBack();
    await tasks.close();
    expect(called).toEqual([]);
  });

  it('that are added by a hook begin with the next task', async () => {
    const { tasks, handles } = await waiting(2);
    const called: unknown[] = [];
    tasks.onSettled(({ meta }) => {
      if (meta === 0) tasks.onSettled((record) => called.push(record.meta));
    });
    for (const task of handles) task.cancel();
    await tasks.close();
    expect(called).toEqual([1]);
  });

  it('given twice are called twice, and each is taken back alone', async () => {
    const { tasks, handles } = await waiting(2);
    let called = 0;
    const hook = (): void => void called++;
    const takeBack = tasks.onSettled(hook);
    tasks.onSettled(hook);
    handles[0]?.cancel();
    expect(called).toBe(2);
    takeBack();
    handles[1]?.cancel();
    expect(called).toBe(3);
  });

  it('may cancel and submit other tasks', async () => {
    const { tasks, handles } = await waiting(5);
    const settled: unknown[] = [];
    const more: Promise<unknown>[] = [];
    tasks.onSettled(({ meta }) => {
      settled.push(meta);
      // Each cancels the next, in the middle of its own call.
      if (typeof meta === 'number') handles[meta + 1]?.cancel();
      if (meta === 4) more.push(tasks.submit('fault', { input: echo, meta: 'more' }).then((task) => task.settled()));
    });
    tasks.resume();
    handles[0]?.cancel();
    expect(settled).toEqual([0, 1, 2, 3, 4]);
    await Promise.all(more);
    expect(settled).toEqual([0, 1, 2, 3, 4, 'more']);
  });

  it('of all who joined are called once each, and close waits for them', async () => {
    const { tasks, clock } = createPolicyManager();
    const called: string[] = [];
    tasks.pause();
    for (const who of ['ann', 'bob', 'cyd']) {
      await tasks.submit('fault', {
        input: echo,
        resourceId: 'r',
        onDuplicate: 'join',
        onSettled: () => {
          called.push(who);
          clock.advance(10);
        },
      });
    }
    expect(await tasks.close()).toMatchObject({ cancelled: [expect.any(String)] });
    expect(called).toEqual(['ann', 'bob', 'cyd']);
  });

  it('of a task that a listener of `submitted` cancels are called too', async () => {
    const { tasks } = createPolicyManager();
    const called: string[] = [];
    tasks.on('submitted', ({ id }) => tasks.cancel(id));
    const task = await tasks.submit('fault', { input: echo, onSettled: ({ status }) => called.push(status) });
    expect(task.record.status).toBe('cancelled');
    await turn();
    expect(called).toEqual(['cancelled']);
  });
});

describe('a listener of `running` that cancels the task', () => {
  it('keeps it from running', async () => {
    const attempts = new Gate();
    const { tasks } = createPolicyManager();
    tasks.on('running', ({ id }) => tasks.cancel(id));
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 0 } });
    expect((await task.settled()).status).toBe('cancelled');
    await quiet(tasks);
    expect(attempts.arrivals).toBe(0);
  });

  it('leaves no timer', async () => {
    const { tasks, clock } = createPolicyManager({ timeoutMs: 1_000 });
    await tasks.ready();
    const cancelled = next(tasks, 'cancelled');
    tasks.on('running', ({ id }) => tasks.cancel(id));
    await (await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 0 } })).settled();
    await cancelled;
    await quiet(tasks);
    await tasks.close();
    expect(clock.timers).toBe(0);
  });
});
