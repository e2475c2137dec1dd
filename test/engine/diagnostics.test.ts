import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  type ChunkDiagnostic,
  type ChunkEvent,
  type ChunkStartEvent,
  type TaskDiagnostic,
  type TaskRecord,
  TaskManager,
  taskModule,
  taskType,
} from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Announcer } from '../../dist/engine/announcer.js';
import type { Chunk } from '../../dist/engine/lanes.js';
import type { Task } from '../../dist/engine/task.js';
import { TaskEmitter } from '../../dist/engine/task-emitter.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

const STATES = ['submitted', 'running', 'retrying', 'cancelling', 'completed', 'failed', 'cancelled'] as const;

/** Subscribes until the test ends. */
function on(channel: string, listener: (message: unknown) => void): void {
  subscribe(channel, listener);
  onTestFinished(() => void unsubscribe(channel, listener));
}

/** What comes over all channels of tasks, by the names of the states. */
function transitions(): { state: string; message: TaskDiagnostic }[] {
  const heard: { state: string; message: TaskDiagnostic }[] = [];
  for (const state of STATES) {
    on(`treadle:task:${state}`, (message) => heard.push({ state, message: message as TaskDiagnostic }));
  }
  return heard;
}

describe('the channels of tasks', () => {
  it('tell each state of each task once, with its record and its manager', async () => {
    const heard = transitions();
    const [tasks, other] = [createTestManager({ threads: { max: 1 } }), createTestManager({ threads: { max: 1 } })];
    const done = await tasks.submit('fault', { input: { action: 'echo' } });
    await done.settled();
    const failed = await other.submit('fault', { input: { action: 'throw' } });
    await failed.settled();
    const gate = new Gate();
    const stopped = await tasks.submit('fault', { input: { action: 'spin', gate: gate.buffer } });
    await gate.arrived();
    stopped.cancel();
    await stopped.settled();
    const of = (id: string) => heard.filter(({ message }) => message.record.id === id).map(({ state }) => state);
    expect(of(done.id)).toEqual(['submitted', 'running', 'completed']);
    expect(of(failed.id)).toEqual(['submitted', 'running', 'failed']);
    expect(of(stopped.id)).toEqual(['submitted', 'running', 'cancelling', 'cancelled']);
    for (const { state, message } of heard) {
      expect(message.manager).toBe(message.record.id === failed.id ? other : tasks);
      expect(message.record.status).toBe(state === 'submitted' ? 'pending' : state);
    }
  });

  it('tell of another attempt', async () => {
    const heard = transitions();
    const tasks = closedAtEnd(
      new TaskManager({
        types: { fault: taskType(taskModule<typeof fault>(builtTask('fault')), { retries: 1, backoff: () => 0 }) },
        threads: { max: 1 },
      }),
    );
    await (await tasks.submit('fault', { input: { action: 'throw' } })).settled();
    expect(heard.map(({ state }) => state)).toEqual(['submitted', 'running', 'retrying', 'running', 'failed']);
  });

  it('tell of a submission within the async context of who submits', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    on('treadle:task:submitted', () => seen.push(context.getStore()));
    const schema: StandardSchemaV1<{ action: 'echo' }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => ({ value: await Promise.resolve(value as { action: 'echo' }) }),
      },
    };
    const module = taskModule<typeof fault>(builtTask('fault'));
    const tasks = closedAtEnd(
      new TaskManager({ types: { fault: taskType(module), checked: taskType(module, { input: schema }) } }),
    );
    const input = { action: 'echo' } as const;
    await Promise.all([
      context.run('a', () => tasks.submit('fault', { input })),
      context.run('b', () => tasks.submit('fault', { input })),
      context.run('c', () => tasks.submit('checked', { input })),
      tasks.submit('fault', { input }),
    ]);
    expect(seen.length).toBe(4);
    expect(new Set(seen)).toEqual(new Set(['a', 'b', 'c', undefined]));
  });

  it('come before the listeners of the manager, of which one may change the state', async () => {
    const heard = transitions();
    const tasks = createTestManager();
    tasks.on('submitted', ({ id }) => void tasks.cancel(id));
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    expect(heard.map(({ state }) => state)).toEqual(['submitted', 'cancelled']);
  });
});

describe('the channels of chunks', () => {
  it('tell the start and the end of each, on which thread, and nothing of modules that are loaded', async () => {
    const heard: (ChunkStartEvent | ChunkEvent)[] = [];
    const managers: object[] = [];
    for (const channel of ['treadle:chunk:start', 'treadle:chunk:end']) {
      on(channel, (message) => {
        const { manager, chunk } = message as ChunkDiagnostic;
        heard.push(chunk);
        managers.push(manager);
      });
    }
    const tasks = createTestManager({ threads: { max: 1 } });
    await tasks.ready();
    expect(heard).toEqual([]);
    const task = await tasks.submit('items', { items: [1] });
    await task.settled();
    const run = { thread: 0, taskIds: [task.id], type: 'items', phase: 'run', from: 0, to: 1 };
    expect(heard).toEqual([run, { ...run, ms: expect.any(Number) as number, outcome: 'returned' }]);
    expect(new Set(managers)).toEqual(new Set([tasks]));
  });

  it('may be used to cancel the task whose chunk it is', async () => {
    const tasks = createTestManager({ cancelGraceMs: Infinity });
    on('treadle:chunk:start', (message) => void tasks.cancel((message as ChunkDiagnostic).chunk.taskIds[0] as string));
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'spin', gate: gate.buffer } });
    expect((await task.settled()).status).toBe('cancelled');
  });
});

describe('what nobody hears', () => {
  it('is not made', () => {
    let [records, chunks] = [0, 0];
    const emitter = new TaskEmitter(() => {});
    const announcer = new Announcer(emitter, () => {
      records++;
      return {} as TaskRecord;
    });
    const chunk = {
      get taskIds(): string[] {
        chunks++;
        return ['one'];
      },
    } as unknown as Chunk;
    const tell = (): void => {
      announcer.task('running', {} as Task);
      announcer.chunkSent('fault', 0, chunk);
      announcer.chunkOver('fault', 0, chunk, 1, 'returned');
    };
    tell();
    expect([records, chunks]).toEqual([0, 0]);
    on('treadle:task:running', () => {});
    on('treadle:chunk:end', () => {});
    tell();
    expect([records, chunks]).toEqual([1, 1]);
    emitter.on('running', () => {}).on('chunk', () => {});
    on('treadle:chunk:start', () => {});
    tell();
    // One for all who listen to the same.
    expect([records, chunks]).toEqual([2, 3]);
  });
});

describe('a subscriber that throws', () => {
  it('is an uncaught exception of its own, as on every channel: tasks and other subscribers go on', async () => {
    const uncaught: unknown[] = [];
    // The test runner's own listeners would make it a failure.
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => uncaught.push(error));
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    });
    const faults = STATES.map((state) => new Error(`a subscriber of ${state}`));
    for (const [at, state] of STATES.entries()) {
      on(`treadle:task:${state}`, () => {
        throw faults[at];
      });
    }
    for (const channel of ['treadle:chunk:start', 'treadle:chunk:end']) {
      on(channel, () => {
        throw new Error(channel);
      });
    }
    const heard = transitions();
    const tasks = createTestManager();
    const [done, failed] = [
      await tasks.submit('fault', { input: { action: 'echo', value: 5 } }),
      await tasks.submit('fault', { input: { action: 'throw' } }),
    ];
    expect(await done.result()).toBe(5);
    expect((await failed.settled()).error?.code).toBe('TASK_FAILED');
    expect(heard.length).toBe(6);
    expect(tasks.stats()).toMatchObject({ completed: 1, failed: 1, running: 0, threads: { busy: 0 } });
    await new Promise((resolve) => void setImmediate(resolve));
    // Six of tasks, and two for each chunk.
    expect(uncaught.length).toBe(10);
  });
});
