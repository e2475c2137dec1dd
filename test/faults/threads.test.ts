import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo', value: 'alive' } as const;

describe('a thread that dies', () => {
  it.each([0, 3])(
    'by process.exit(%i) fails the task with WORKER_EXITED and the code, and the next task runs',
    async (code) => {
      const tasks = createTestManager({ threads: { max: 1 } });
      const task = await tasks.submit('fault', { input: { action: 'exit', code } });
      await expect(task.result()).rejects.toMatchObject({ code: 'WORKER_EXITED', details: { exitCode: code } });
      expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
    },
  );

  it.each([
    ['crash', 'nobody caught this'],
    ['reject', 'nobody awaited this'],
  ] as const)('by an uncaught error (%s) fails the task with WORKER_EXITED and that error', async (action, message) => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const task = await tasks.submit('fault', { input: { action } });
    await expect(task.result()).rejects.toMatchObject({
      code: 'WORKER_EXITED',
      cause: { name: 'RangeError', message },
    });
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });

  it('for lack of memory fails the task with WORKER_OUT_OF_MEMORY', async () => {
    const tasks = createTestManager({ threads: { max: 1, resourceLimits: { maxOldGenerationSizeMb: 24 } } });
    const task = await tasks.submit('fault', { input: { action: 'oom' } });
    expect((await task.settled()).error?.code).toBe('WORKER_OUT_OF_MEMORY');
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });

  it('under one task leaves the tasks on other threads alone', async () => {
    const tasks = createTestManager({ threads: { max: 2 } });
    const gate = new Gate();
    const bystander = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    for (let round = 0; round < 5; round++) {
      expect((await (await tasks.submit('fault', { input: { action: 'exit', code: 1 } })).settled()).status).toBe(
        'failed',
      );
    }
    gate.open();
    expect(await bystander.settled()).toMatchObject({ status: 'completed', attempt: 1 });
  });

  it('between tasks, by what an earlier one left behind, hits nobody', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'stray', gate: gate.buffer } });
    expect(await task.result()).toBe('returned');
    const strayed = new Promise((resolve) => tasks.once('strayError', resolve));
    gate.open();
    expect(await strayed).toMatchObject({ taskId: task.id, type: 'fault' });
    // Sent while the only thread is being replaced.
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
    expect(task.record.status).toBe('completed');
  });
});

describe('a thread that can not start', () => {
  it('fails tasks instead of letting them wait for ever', async () => {
    const tasks = closedAtEnd(
      new TaskManager({
        types: { fault: taskType(taskModule<typeof fault>(builtTask('fault'))) },
        threads: { max: 1, resourceLimits: { maxOldGenerationSizeMb: 1 } },
      }),
    );
    const task = await tasks.submit('fault', { input: echo });
    expect((await task.settled()).error?.code).toMatch(/^WORKER_/);
  });
});

describe('a task module', () => {
  const broken = [
    ['has a syntax error', 'export default ]'],
    ['throws on import', "throw new Error('on import')"],
    ['exits on import', 'process.exit(4)'],
    ['has no default export', 'export const nothing = 1'],
    ['exports something else', 'export default 7'],
    ['imports what is missing', "import './no-such-file.js'; export default 1"],
  ] as const;

  it.each(broken)(
    'that %s fails every task with TASK_MODULE_FAILED, and works once it is repaired',
    async (_, source) => {
      const folder = await mkdtemp(join(tmpdir(), 'treadle-module-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const file = join(folder, 'broken.mjs');
      await writeFile(file, source);
      const tasks = closedAtEnd(
        new TaskManager({
          types: {
            broken: taskType(taskModule<typeof fault>(file)),
            fine: taskType(taskModule<typeof fault>(builtTask('fault'))),
          },
          threads: { max: 1 },
        }),
      );
      for (let round = 0; round < 2; round++) {
        const task = await tasks.submit('broken', { input: echo });
        expect((await task.settled()).error?.code).toBe('TASK_MODULE_FAILED');
      }
      await expect(tasks.ready()).rejects.toMatchObject({ code: 'TASK_MODULE_FAILED' });
      expect(await (await tasks.submit('fine', { input: echo })).result()).toBe('alive');
      await writeFile(
        file,
        `import { defineTask } from ${JSON.stringify(import.meta.resolve('treadle/task'))}; export default defineTask(() => 'repaired');`,
      );
      expect(await (await tasks.submit('broken', { input: echo })).result()).toBe('repaired');
    },
  );

  it('that never finishes loading is ended by a cancel', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'treadle-module-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'endless.mjs');
    await writeFile(file, 'setInterval(() => {}, 1000); await new Promise(() => {}); export default 1;');
    const tasks = closedAtEnd(
      new TaskManager({
        types: { endless: taskType(taskModule<typeof fault>(pathToFileURL(file))) },
        threads: { max: 1 },
        cancelGraceMs: 20,
      }),
    );
    const started = new Promise((resolve) => tasks.once('running', resolve));
    const task = await tasks.submit('endless', { input: echo });
    await started;
    task.cancel();
    expect((await task.settled()).status).toBe('cancelled');
  });

  it('that is not there is refused by the constructor with the paths tried', () => {
    expect(() => new TaskManager({ types: { gone: taskType(taskModule<typeof fault>('/no/such/place.js')) } })).toThrow(
      /\/no\/such\/place\.js and \/no\/such\/place\.ts/,
    );
  });
});
