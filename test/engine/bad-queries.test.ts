import { TaskManager } from 'treadle';
import { describe, expect, it } from 'vitest';
import {
  type BadValue,
  NEGATIVE,
  NO_DURATION,
  NO_FUNCTION,
  NO_INTEGER,
  NO_KEY,
  NO_NAME,
  NO_OBJECT,
  ZERO,
  expectRefused,
  rows,
} from '../support/bad-values.js';
import { closedAtEnd, testTypes } from '../support/test-manager.js';
import { oneWaiting, untyped } from '../support/waiting-task.js';

describe.each(['get', 'cancel'] as const)('%s refuses', (method) => {
  it.each([['undefined', undefined], ...NO_NAME] as BadValue[])('an id that is no string: %s', async (shown, id) => {
    const { tasks, unchanged } = await oneWaiting();
    await expectRefused(() => tasks[method](untyped(id)), 'id', shown);
    unchanged();
  });

  it.each(NO_OBJECT)('a scope that is none: %s', async (shown, scope) => {
    const { tasks, waiting, unchanged } = await oneWaiting();
    await expectRefused(() => tasks[method](waiting.id, untyped(scope)), 'scope', shown);
    unchanged();
  });

  it.each(NO_KEY)('an owner that can be none: %s', async (shown, owner) => {
    const { tasks, waiting, unchanged } = await oneWaiting();
    await expectRefused(() => tasks[method](waiting.id, { owner: untyped(owner) }), 'owner', shown);
    unchanged();
  });

  it('a scope with a key that it does not know, or a slip would show the tasks of everybody', async () => {
    const { tasks, waiting, unchanged } = await oneWaiting();
    await expectRefused(() => tasks[method](waiting.id, untyped({ ownr: 'you' })), 'scope', '`ownr`');
    unchanged();
  });
});

describe('list refuses', () => {
  it.each(
    rows({
      type: NO_NAME,
      status: [['"done" (string)', 'done'], ...NO_NAME],
      resourceId: NO_NAME,
      group: NO_NAME,
      owner: NO_NAME,
      limit: [ZERO, NEGATIVE, ['201 (number)', 201], ...NO_INTEGER],
      cursor: [['"" (string)', ''], ['"!" (string)', '!'], ['"abcdefghijkl" (string)', 'abcdefghijkl'], ...NO_NAME],
    }),
  )('%s: %s', async (key, shown, value) => {
    const { tasks, unchanged } = await oneWaiting();
    await expectRefused(() => tasks.list(untyped({ [key]: value })), key, shown);
    unchanged();
  });

  it('a key that it does not know, and options that are none', async () => {
    const { tasks } = await oneWaiting();
    await expectRefused(() => tasks.list(untyped({ state: 'pending' })), 'list options', '`state`');
    for (const [shown, options] of NO_OBJECT)
      await expectRefused(() => tasks.list(untyped(options)), 'list options', shown);
  });
});

describe('takeResults refuses', () => {
  it.each([['undefined', undefined], ...NO_KEY] as BadValue[])('a group that is no name: %s', async (shown, group) => {
    const { tasks } = await oneWaiting();
    await expectRefused(() => tasks.takeResults(untyped(group)), 'group', shown);
  });

  it('a scope that is none, and takes nothing then', async () => {
    const { tasks, waiting } = await oneWaiting();
    waiting.cancel();
    for (const [shown, owner] of NO_KEY)
      await expectRefused(() => tasks.takeResults('g', { owner: untyped(owner) }), 'owner', shown);
    for (const [shown, scope] of NO_OBJECT)
      await expectRefused(() => tasks.takeResults('g', untyped(scope)), 'scope', shown);
    await expectRefused(() => tasks.takeResults('g', untyped({ ownr: 'me' })), 'scope', '`ownr`');
    expect(tasks.takeResults('g', { owner: 'me' }).map(({ id }) => id)).toEqual([waiting.id]);
  });
});

describe('results refuses', () => {
  it.each([['undefined', undefined], ...NO_KEY] as BadValue[])('a group that is no name: %s', async (shown, group) => {
    const { tasks } = await oneWaiting();
    await expectRefused(() => tasks.results(untyped(group)), 'group', shown);
  });

  it.each(
    rows({
      limit: [ZERO, NEGATIVE, ['201 (number)', 201], ...NO_INTEGER],
      owner: NO_NAME,
      ack: [
        ['"" (string)', ''],
        ['"1" (string)', '1'],
        ['"abcdefghijk.1" (string)', 'abcdefghijk.1'],
        ['"abcdefghijkl.!" (string)', 'abcdefghijkl.!'],
        ['"abcdefghijkl.1 " (string)', 'abcdefghijkl.1 '],
        ['an array of 1', ['abcdefghijkl.1']],
        ['1 (number)', 1],
      ],
    }),
  )('%s: %s', async (key, shown, value) => {
    const { tasks, waiting } = await oneWaiting();
    waiting.cancel();
    await expectRefused(() => tasks.results('g', untyped({ owner: 'me', [key]: value })), key, shown);
    expect(tasks.results('g', { owner: 'me' }).records.map(({ id }) => id)).toEqual([waiting.id]);
  });

  it('a key that it does not know, and options that are none', async () => {
    const { tasks } = await oneWaiting();
    await expectRefused(() => tasks.results('g', untyped({ cursor: 'a' })), 'results options', '`cursor`');
    for (const [shown, options] of NO_OBJECT)
      await expectRefused(() => tasks.results('g', untyped(options)), 'results options', shown);
  });
});

describe('stats refuses', () => {
  it('a scope that is none, or a slip would show the counts of everybody', async () => {
    const { tasks } = await oneWaiting();
    for (const [shown, owner] of NO_KEY)
      await expectRefused(() => tasks.stats({ owner: untyped(owner) }), 'owner', shown);
    for (const [shown, scope] of NO_OBJECT) await expectRefused(() => tasks.stats(untyped(scope)), 'scope', shown);
    await expectRefused(() => tasks.stats(untyped({ ownr: 'me' })), 'scope', '`ownr`');
    await expectRefused(() => tasks.stats(untyped({ owner: undefined })), 'owner', 'undefined');
  });
});

describe('the other calls refuse', () => {
  it.each(
    rows({
      setMaxConcurrentTasks: [ZERO, NEGATIVE, ['undefined', undefined], ...NO_INTEGER],
      setThreads: [ZERO, NEGATIVE, ['undefined', undefined], ...NO_INTEGER],
    }),
  )('%s: %s', async (method, shown, value) => {
    const { tasks, unchanged } = await oneWaiting();
    const name = method === 'setThreads' ? 'threads' : 'maxConcurrentTasks';
    await expectRefused(() => tasks[method as 'setThreads'](untyped(value)), name, shown);
    unchanged();
  });

  it.each([['undefined', undefined], ...NO_FUNCTION] as BadValue[])('onSettled: %s', async (shown, hook) => {
    const tasks = closedAtEnd(new TaskManager({ types: testTypes() }));
    await expectRefused(() => tasks.onSettled(untyped(hook)), 'hook', shown);
  });

  it.each(rows({ timeoutMs: NO_DURATION }))('close with a bad %s, and stay open: %s', async (key, shown, value) => {
    const { tasks, unchanged } = await oneWaiting();
    await expectRefused(() => tasks.close(untyped({ [key]: value })), key, shown);
    unchanged();
    tasks.resume();
    expect(await (await tasks.submit('fault', { input: { action: 'echo', value: 1 } })).result()).toBe(1);
  });

  it('close with options that are none', async () => {
    const { tasks, unchanged } = await oneWaiting();
    for (const [shown, options] of NO_OBJECT)
      await expectRefused(() => tasks.close(untyped(options)), 'close options', shown);
    await expectRefused(() => tasks.close(untyped({ timeout: 5 })), 'close options', '`timeout`');
    unchanged();
  });
});
