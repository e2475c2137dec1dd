import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo', value: 'alive' } as const;

async function moduleFile(source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'treadle-race-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'task.mjs');
  await writeFile(file, source);
  return file;
}

describe('a null that nobody catches', () => {
  it('fails the task that threw it from a timer, and the next task runs', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const task = await tasks.submit('fault', { input: { action: 'crash', with: 'null' } });
    expect((await task.settled()).error).toMatchObject({ code: 'WORKER_EXITED' });
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });

  it('fails the task whose input throws it while it is copied, and the thread lives', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const input = {
      action: 'echo',
      get value(): unknown {
        throw null;
      },
    } as const;
    const task = await tasks.submit('fault', { input });
    expect((await task.settled()).error).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });
});

describe('a thread that dies of what an earlier task left behind', () => {
  it('while it loads the module of the next task does not fail that one', async () => {
    const gates = JSON.stringify('treadle-race-gates');
    // Where the stray error waits, the module sets it off and loads no further; on a fresh thread it loads at once.
    const slow = await moduleFile(`
      import { defineTask } from ${JSON.stringify(import.meta.resolve('treadle/task'))};
      const open = globalThis[${gates}];
      if (open !== undefined) { open(); await new Promise(() => {}); }
      export default defineTask(() => 'loaded');
    `);
    const stray = await moduleFile(`
      import { defineTask } from ${JSON.stringify(import.meta.resolve('treadle/task'))};
      export default defineTask(() => {
        globalThis[${gates}] = () => setImmediate(() => { throw new Error('stray'); });
      });
    `);
    const tasks = closedAtEnd(
      new TaskManager({
        types: {
          slow: taskType(taskModule<typeof fault>(slow)),
          stray: taskType(taskModule<typeof fault>(stray)),
        },
        threads: { max: 1 },
      }),
    );
    await (await tasks.submit('stray', { input: echo })).settled();
    expect(await (await tasks.submit('slow', { input: echo })).result()).toBe('loaded');
  });
});

describe('closing', () => {
  it('settles a task that outlives it as soon as its thread has left, though nobody can clean up any more', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'native', gate: gate.buffer, iterations: 3_000_000 } });
    await gate.arrived();
    const report = await tasks.close({ timeoutMs: 0 });
    expect(report.interrupted).toEqual([task.id]);
    expect((await task.settled()).status).toBe('cancelled');
    // Piscina has started another thread in its place, which ends at once.
    while (tasks.stats().threads.live > 0) await new Promise((resolve) => void setImmediate(resolve));
  });

  it('ends ready() with CLOSED, and leaves no thread that still loads a module', async () => {
    const endless = await moduleFile('setInterval(() => {}, 1000); await new Promise(() => {}); export default 1;');
    const tasks = new TaskManager({
      types: { endless: taskType(taskModule<typeof fault>(endless)) },
      threads: { max: 2 },
    });
    const ready = expect(tasks.ready()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await tasks.close({ timeoutMs: 0 })).toEqual({ cancelled: [], interrupted: [], alive: [] });
    await ready;
    expect(tasks.stats().threads.live).toBe(0);
  });

  it('refuses what a hook of a cancelled task submits', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1 });
    const gate = new Gate();
    const refused: unknown[] = [];
    await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await tasks.submit('fault', {
      input: echo,
      onSettled: () => tasks.submit('fault', { input: echo }).catch((error: unknown) => refused.push(error)),
    });
    await gate.arrived();
    const closed = tasks.close();
    gate.open();
    await closed;
    expect(refused).toEqual([expect.objectContaining({ code: 'CLOSED' })]);
    expect(tasks.stats().total).toBe(2);
  });

  it('is not held up by a pause', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    const batch = await tasks.submit('items', { items: [{ gate: gate.buffer }, 1, 2] });
    await gate.arrived();
    const closed = tasks.close();
    tasks.pause();
    gate.open();
    expect((await closed).interrupted).toEqual([]);
    expect(batch.record.status).toBe('completed');
  });
});

describe('changing the number of threads', () => {
  it('while they warm up ends ready() all the same', async () => {
    const tasks = createTestManager({ threads: { max: 3 } });
    const ready = tasks.ready();
    tasks.setThreads(1);
    await ready;
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });

  it('down and up again never makes more than were asked for', async () => {
    const tasks = createTestManager({ threads: { max: 3 } });
    const gate = new Gate();
    const handles = await Promise.all(
      Array.from({ length: 3 }, () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } })),
    );
    await gate.arrived(3);
    tasks.setThreads(1);
    tasks.setThreads(3);
    const ready = tasks.ready();
    expect(tasks.stats().threads.live).toBe(3);
    gate.open();
    await Promise.all([ready, ...handles.map((handle) => handle.settled())]);
    expect(tasks.stats().threads).toEqual({ max: 3, live: 3, busy: 0, overdue: 0 });
  });
});

describe('what users might trip over', () => {
  it('a listener that throws something that can not be printed stops nothing', async () => {
    const tasks = createTestManager();
    const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve));
    tasks.on('completed', () => {
      throw Object.create(null) as Error;
    });
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
    expect((await warned).code).toBe('TREADLE_LISTENER_ERROR');
  });

  it('an owner that is undefined is refused, and shows nobody else', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('fault', { input: echo, owner: 'ann' });
    const scope = { owner: undefined } as unknown as { owner: string };
    expect(() => tasks.get(task.id, scope)).toThrow(/owner/);
    expect(() => tasks.cancel(task.id, scope)).toThrow(/owner/);
    expect(() => tasks.list(scope)).toThrow(/owner/);
    await task.settled();
  });

  it.each([100, 50_000])('a Buffer of %d bytes in the input arrives as a Uint8Array', async (bytes) => {
    const tasks = createTestManager();
    const value = await (
      await tasks.submit('fault', { input: { action: 'echo', value: Buffer.alloc(bytes, 7) } })
    ).result();
    expect(Buffer.isBuffer(value)).toBe(false);
    expect(value).toEqual(new Uint8Array(bytes).fill(7));
  });

  it('a negative exit code is kept', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('fault', { input: { action: 'exit', code: -1 } });
    await expect(task.result()).rejects.toMatchObject({ code: 'WORKER_EXITED', details: { exitCode: -1 } });
  });

  it('items that were done when a batch failed are counted exactly', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const task = await tasks.submit('items', {
      items: [...Array.from({ length: 100 }, () => 1), { throw: 'the end' }],
    });
    const { progress } = await task.settled();
    expect(progress.itemsDone).toBeLessThanOrEqual(100);
    expect(progress.etaMs).toBeNull();
  });
});
