import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import {
  type BadValue,
  NO_DURATION,
  NO_FUNCTION,
  NO_INTEGER,
  NO_KEY,
  NO_NAME,
  NO_OBJECT,
  expectRefused,
  rows,
} from '../support/bad-values.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import { oneWaiting, untyped } from '../support/waiting-task.js';

type Options = Record<string, unknown>;
const circular: Options = {};
circular['self'] = circular;

describe('submit refuses', () => {
  it.each(
    rows({
      items: [
        ['5 (number)', 5],
        ['"abc" (string)', 'abc'],
        ['null', null],
        ['an object (Object)', {}],
        ['true (boolean)', true],
      ],
      resourceId: NO_KEY,
      group: NO_KEY,
      owner: NO_KEY,
      priority: [['6 (number)', 6], ['-6 (number)', -6], ...NO_INTEGER],
      meta: [
        ['an object (Object)', circular],
        ['1 (bigint)', 1n],
        ['Symbol(x) (symbol)', Symbol('x')],
        ['"5002 characters" (string)', 'x'.repeat(5_000)],
      ],
      onDuplicate: [
        ['"skip" (string)', 'skip'],
        ['null', null],
        ['5 (number)', 5],
      ],
      onSettled: NO_FUNCTION,
      timeoutMs: NO_DURATION,
      expiresInMs: NO_DURATION,
    }),
  )('%s: %s', async (key, shown, value) => {
    const { submit, unchanged } = await oneWaiting();
    await expectRefused(() => submit({ [key]: value }), key, shown);
    unchanged();
  });

  it('a key that it does not know', async () => {
    const { submit, unchanged } = await oneWaiting();
    const error = await expectRefused(() => submit({ ressourceId: 'x' }), 'submit options', '`ressourceId`');
    expect(error.message).toContain('resourceId');
    unchanged();
  });

  it.each(NO_OBJECT)('options that are none: %s', async (shown, options) => {
    const { submit, unchanged } = await oneWaiting();
    await expectRefused(() => submit(options), 'submit options', shown);
    unchanged();
  });

  it.each([
    ['"nope" (string)', 'nope'],
    ['"toString" (string)', 'toString'],
    ['undefined', undefined],
    ...NO_NAME,
  ] as BadValue[])('a task type that it does not know: %s', async (shown, type) => {
    const { tasks, unchanged } = await oneWaiting();
    await expect(tasks.submit(untyped(type), untyped({}))).rejects.toMatchObject({
      code: 'UNKNOWN_TASK_TYPE',
      message: `Expected a task type of fault, items, steps, got ${shown}`,
    });
    unchanged();
  });

  it.each([
    ['a function', () => 1, '`input`', 'a function'],
    ['a symbol within', { action: 'echo', value: [Symbol('x')] }, 'value[0]', 'a symbol'],
    ['a promise', Promise.resolve(1), '`input`', 'a Promise'],
  ])('an input that can not be sent to a thread: %s', async (_, input, place, what) => {
    const { submit, unchanged } = await oneWaiting();
    const refusal: unknown = await submit({ input }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect((refusal as Error).message).toContain(place);
    expect((refusal as Error).message).toContain(`got ${what}`);
    unchanged();
  });

  it('an input that its schema refuses, with what the schema said', async () => {
    const issues = [{ message: 'must be positive', path: ['rows', { key: 3 }] }, { message: 'is odd' }];
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: () => Promise.resolve({ issues }) },
    } as const;
    const type = taskType(taskModule<typeof import('../tasks/fault.task.js').default>(builtTask('fault')), {
      input: untyped(schema),
    });
    const tasks = closedAtEnd(new TaskManager({ types: { checked: type } }));
    await expect(tasks.submit('checked', untyped({ input: 1 }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/"checked".*rows\.3: must be positive; is odd/) as string,
      details: { issues: ['rows.3: must be positive', 'is odd'] },
    });
    expect(tasks.stats()).toMatchObject({ total: 0, pending: 0 });
  });

  it.each<[string, () => string, string]>([
    ['an empty string', () => '', '"" (string)'],
    ['a number', () => untyped(5), '5 (number)'],
    ['the id of another task', () => 'same', '"same" (string)'],
  ])('an id that the id option should not have made: %s', async (_, id, shown) => {
    const tasks = createTestManager({ id });
    tasks.pause();
    if (shown.includes('same')) await tasks.submit('fault', { input: { action: 'echo' } });
    const before = { stats: tasks.stats(), list: tasks.list() };
    await expectRefused(() => tasks.submit('fault', { input: { action: 'echo' }, resourceId: 'r' }), 'id()', shown);
    expect({ stats: tasks.stats(), list: tasks.list() }).toEqual(before);
    await expectRefused(() => tasks.submit('fault', { input: { action: 'echo' }, resourceId: 'r' }), 'id()', shown);
  });

  it('nothing that is right because something wrong came before', async () => {
    const { tasks, submit } = await oneWaiting();
    for (const bad of [{ priority: 9 }, { meta: 1n }, { items: 5 }])
      await submit({ ...bad, resourceId: 'x' }).catch(() => {});
    tasks.resume();
    expect(await (await tasks.submit('fault', { input: { action: 'echo', value: 1 }, resourceId: 'x' })).result()).toBe(
      1,
    );
  });
});

describe('rerun refuses', () => {
  it.each(
    rows({
      onlyFailedItems: [
        ['1 (number)', 1],
        ['"yes" (string)', 'yes'],
        ['null', null],
      ],
      owner: [...NO_KEY, ['undefined', undefined]],
    }),
  )('%s: %s', async (key, shown, value) => {
    const { tasks, waiting, unchanged } = await oneWaiting();
    await expectRefused(() => tasks.rerun(waiting.id, untyped({ [key]: value })), key, shown);
    unchanged();
  });

  it.each(NO_OBJECT)('options that are none: %s', async (shown, options) => {
    const { tasks, waiting, unchanged } = await oneWaiting();
    await expectRefused(() => tasks.rerun(waiting.id, untyped(options)), 'rerun options', shown);
    unchanged();
  });

  it('a key that it does not know', async () => {
    const { tasks, waiting, unchanged } = await oneWaiting();
    await expectRefused(() => tasks.rerun(waiting.id, untyped({ items: [1] })), 'rerun options', '`items`');
    unchanged();
  });

  it.each([['undefined', undefined], ...NO_NAME] as BadValue[])('an id that is none: %s', async (shown, id) => {
    const { tasks, unchanged } = await oneWaiting();
    await expectRefused(() => tasks.rerun(untyped(id)), 'id', shown);
    unchanged();
  });
});

describe('an input that throws while it is copied for a thread', () => {
  const throwing = (): unknown => ({
    action: 'echo',
    get value(): unknown {
      throw new RangeError('a getter threw');
    },
  });

  it.each(['small', 'large'])(
    'fails the task as UNSERIALIZABLE, and the next one runs (%s)',
    { timeout: 3_000 },
    async (size) => {
      const tasks = createTestManager({ threads: { max: 1 } });
      const input = untyped(
        Object.defineProperty(throwing() as object, 'more', {
          value: 'x'.repeat(size === 'large' ? 20_000 : 1),
          enumerable: true,
        }),
      );
      const outcome = await tasks.submit('fault', { input }).then(
        (task) => task.settled().then(({ error }) => error),
        (error: unknown) => error,
      );
      expect(outcome).toMatchObject({ code: 'UNSERIALIZABLE' });
      expect(await (await tasks.submit('fault', { input: { action: 'echo', value: 1 } })).result()).toBe(1);
    },
  );

  it('fails the task when it is among the items, and the next one runs', { timeout: 3_000 }, async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const task = await tasks.submit('items', { items: [untyped(throwing())] });
    expect((await task.settled()).error).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(await (await tasks.submit('items', { items: [1] })).result()).toEqual([2]);
  });
});
