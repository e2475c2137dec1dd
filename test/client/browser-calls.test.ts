import { describe, expect, it } from 'vitest';
import { startApiServer } from '../http/live-server.js';
import { Gate } from '../tasks/gate.js';
import { clientIn, hasBrowser, refusedWith, serverOfPage, useBrowser } from './browser-page.js';

describe.skipIf(!hasBrowser())('in a browser, the client', () => {
  const open = useBrowser();

  /** A page, the API at the same origin, and a client with a key. */
  async function startWithPage(...expected: RegExp[]) {
    const { tasks, origin } = await startApiServer({ mount: serverOfPage });
    const page = await open(origin, ...expected);
    return { tasks, page, client: await clientIn(page) };
  }

  it('submits a task, waits for it, and has the result with its type', async () => {
    const { client, tasks } = await startWithPage();
    const { id, sum } = await client.evaluate(async (ann) => {
      const task = await ann.submit('items', { items: [1, 2, 3], meta: { from: 'a page' } });
      const record = await task.wait({ timeoutMs: 20_000 });
      if (record.status !== 'completed' || record.result === null) throw new Error(`It is ${record.status}`);
      const doubled: readonly number[] = record.result;
      return { id: task.id, sum: doubled.reduce((total, each) => total + each, 0) };
    });
    expect(sum).toBe(12);
    expect(tasks.get(id)).toMatchObject({ owner: 'ann', status: 'completed', meta: { from: 'a page' } });
  });

  it('watches a task with its progress to the end', async () => {
    const { tasks, page, client } = await startWithPage();
    tasks.pause();
    const gate = new Gate();
    const { id } = await tasks.submit('fault', {
      input: { action: 'progress', steps: [[1, 4]], gate: gate.buffer },
      owner: 'ann',
    });
    await page.exposeFunction('onSeen', (seen: string) => {
      if (seen === 'pending null') tasks.resume();
      if (seen === 'running 0.25') gate.open();
    });
    const seen = await client.evaluate(async (ann, task) => {
      const { onSeen } = globalThis as unknown as { onSeen: (one: string) => Promise<void> };
      const all: string[] = [];
      for await (const { status, progress } of ann.watch(task)) {
        all.push(`${status} ${progress}`);
        await onSeen(`${status} ${progress}`);
      }
      return all;
    }, id);
    expect(seen[0]).toBe('pending null');
    expect(seen).toContain('running 0.25');
    expect(seen.at(-1)).toBe('completed 1');
  });

  it('lists tasks and cancels them', async () => {
    const { client, tasks } = await startWithPage();
    tasks.pause();
    const { submitted, ...answer } = await client.evaluate(async (ann) => {
      const ids: string[] = [];
      for (let at = 0; at < 5; at++) ids.unshift((await ann.submit('items', { items: [at], group: 'g' })).id);
      const page = await ann.list({ limit: 2 });
      const all: string[] = [];
      for await (const { task_id: id } of ann.listAll({ limit: 2, group: 'g' })) all.push(id);
      const { task_id: cancelled, status } = await ann.cancel(ids[0] as string);
      const { pending } = await ann.stats();
      return { submitted: ids, page: page.records.map(({ task_id: id }) => id), all, cancelled, status, pending };
    });
    expect(submitted).toHaveLength(5);
    expect(answer).toEqual({
      page: submitted.slice(0, 2),
      all: submitted,
      cancelled: submitted[0],
      status: 'cancelled',
      pending: 4,
    });
    expect(tasks.get(submitted[0] as string)).toMatchObject({ status: 'cancelled' });
  });

  it('fails with the code of the server', async () => {
    const { tasks, page, client } = await startWithPage(...[401, 403, 404, 409, 412].map(refusedWith));
    tasks.pause();
    const stranger = await clientIn(page, '/', 'a-key-that-nobody-has');
    const { ids, errors } = await page.evaluate(
      async ({ ann, nobody }) => {
        const first = await ann.submit('items', { items: [1], resourceId: 'book' });
        const cancelled = await ann.submit('items', { items: [1] });
        await cancelled.cancel();
        const calls = [
          () => nobody.list(),
          () => ann.pause(),
          () => ann.get('nope'),
          () => ann.wait('nope'),
          () => ann.submit('items', { items: [2], resourceId: 'book' }),
          () => cancelled.rerun(),
        ];
        const failures: unknown[] = [];
        for (const call of calls) {
          try {
            failures.push(await call());
          } catch (error) {
            if (!(error instanceof globalThis.treadle.TaskClientError)) throw error;
            failures.push([error.code, error.status, error.details['task_id'] ?? null]);
          }
        }
        return { ids: [first.id, cancelled.id], errors: failures };
      },
      { ann: client, nobody: stranger },
    );
    expect(errors).toEqual([
      ['UNAUTHENTICATED', 401, null],
      ['PERMISSION_DENIED', 403, null],
      ['NOT_FOUND', 404, null],
      ['NOT_FOUND', 404, null],
      ['CONFLICT', 409, ids[0]],
      ['FAILED_PRECONDITION', 412, ids[1]],
    ]);
  });
});
