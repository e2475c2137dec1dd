import { TaskManager, range, taskModule, taskType } from 'treadle';
import { defineBatch, defineTask, range as rangeOfTask } from 'treadle/task';
import { describe, expect, it } from 'vitest';
import {
  type BadValue,
  NEGATIVE,
  NO_DURATION,
  NO_FUNCTION,
  NO_INTEGER,
  NO_OBJECT,
  ZERO,
  expectRefused,
  nested,
  rows,
} from '../support/bad-values.js';
import { builtTask, closedAtEnd, testTypes } from '../support/test-manager.js';
import { untyped } from '../support/waiting-task.js';

const module = taskModule(builtTask('fault'));
const notMade: readonly BadValue[] = [
  ['undefined', undefined],
  ['null', null],
  ['5 (number)', 5],
  ['an object (Object)', {}],
];

describe('the constructor refuses', () => {
  const construct = (options: unknown): void => {
    // Closed, if it was not refused: then only this test fails.
    closedAtEnd(new TaskManager(untyped(options)));
  };

  it.each(
    rows({
      maxConcurrentTasks: [ZERO, NEGATIVE, ...NO_INTEGER],
      threads: NO_OBJECT,
      'threads.max': [ZERO, NEGATIVE, ['1025 (number)', 1_025], ...NO_INTEGER],
      'threads.idleMs': NO_DURATION,
      'threads.resourceLimits': NO_OBJECT,
      'threads.resourceLimits.maxOldGenerationSizeMb': [NEGATIVE, ['"64" (string)', '64'], ['null', null]],
      'threads.resourceLimits.stackSizeMb': [NEGATIVE, ['NaN (number)', Number.NaN]],
      'threads.nice': [NEGATIVE, ['20 (number)', 20], ...NO_INTEGER],
      'threads.recycle': NO_OBJECT,
      'threads.recycle.afterTasks': [ZERO, NEGATIVE, ...NO_INTEGER],
      'threads.recycle.heapMb': [ZERO, NEGATIVE, ['NaN (number)', Number.NaN], ['"64" (string)', '64']],
      queue: NO_OBJECT,
      'queue.max': [NEGATIVE, ...NO_INTEGER],
      'queue.maxPendingPerOwner': [ZERO, NEGATIVE, ...NO_INTEGER.filter(([, value]) => value !== Infinity)],
      history: NO_OBJECT,
      'history.max': [NEGATIVE, ...NO_INTEGER],
      'history.completedTtlMs': NO_DURATION,
      'history.failedTtlMs': NO_DURATION,
      'history.inputBytes': [NEGATIVE, ...NO_INTEGER],
      cancelGraceMs: NO_DURATION,
      reconcileEveryMs: [ZERO, ...NO_DURATION],
      clock: [...NO_OBJECT, ['an object (Object)', {}], ['an object (Object)', { now: () => 0 }]],
      id: [...NO_FUNCTION, ['"abc" (string)', 'abc']],
      random: [...NO_FUNCTION, ['0.5 (number)', 0.5]],
    }),
  )('%s: %s', async (path, shown, value) => {
    await expectRefused(() => construct({ types: testTypes(), ...nested(path, value) }), path, shown);
  });

  it.each([
    ['thread', { thread: { max: 2 } }],
    ['size', { queue: { size: 2 } }],
    ['ttlMs', { history: { ttlMs: 2 } }],
    ['min', { threads: { min: 2 } }],
    ['maxTasks', { threads: { recycle: { maxTasks: 2 } } }],
    ['maxMb', { threads: { resourceLimits: { maxMb: 2 } } }],
  ])('a key that it does not know: %s', async (key, options) => {
    const error = await expectRefused(
      () => construct({ types: testTypes(), ...options }),
      'to have only',
      `\`${key}\``,
    );
    expect(error.message).toContain('max');
  });

  it.each([['undefined', undefined], ...NO_OBJECT] as BadValue[])(
    'options that are none: %s',
    async (shown, options) => {
      await expectRefused(() => construct(options), 'options', shown);
    },
  );

  it.each([['undefined', undefined], ['an object (Object)', {}], ...NO_OBJECT] as BadValue[])(
    'types that are none: %s',
    async (shown, types) => {
      await expectRefused(() => construct({ types }), 'types', shown);
    },
  );

  it.each([
    ...notMade,
    ['an object (Object)', { module: null, policy: {} }],
    ['an object (Object)', { module }],
  ] as BadValue[])('a type that was not made by taskType: %s', async (shown, type) => {
    await expectRefused(() => construct({ types: { digest: type } }), 'types.digest', shown);
  });

  it('and has started nothing by then', async () => {
    const before = process.getActiveResourcesInfo();
    await expectRefused(() => construct({ types: testTypes(), cancelGraceMs: -2 }), 'cancelGraceMs', '-2');
    expect(process.getActiveResourcesInfo()).toEqual(before);
  });
});

describe('taskType refuses', () => {
  it.each(
    rows({
      timeoutMs: NO_DURATION,
      expiresInMs: NO_DURATION,
      heartbeatTimeoutMs: NO_DURATION,
      retries: [NEGATIVE, ...NO_INTEGER],
      backoff: NO_OBJECT,
      'backoff.baseMs': [...NO_DURATION, ['Infinity (number)', Infinity]],
      'backoff.maxMs': [...NO_DURATION, ['Infinity (number)', Infinity]],
      onItemError: [
        ['"ignore" (string)', 'ignore'],
        ['true (boolean)', true],
        ['null', null],
      ],
      keepInput: [
        ['"always" (string)', 'always'],
        ['true (boolean)', true],
        ['null', null],
      ],
      parallelism: [ZERO, NEGATIVE, ...NO_INTEGER],
      concurrency: [ZERO, NEGATIVE, ...NO_INTEGER],
      chunk: NO_OBJECT,
      'chunk.targetMs': [ZERO, ...NO_DURATION],
      'chunk.min': [ZERO, NEGATIVE, ...NO_INTEGER],
      'chunk.max': [ZERO, NEGATIVE, ...NO_INTEGER],
      cancelGraceMs: NO_DURATION,
      items: [['"none" (string)', 'none']],
      killable: [
        ['1 (number)', 1],
        ['"no" (string)', 'no'],
        ['null', null],
      ],
      isolate: [
        ['1 (number)', 1],
        ['null', null],
      ],
      onDuplicate: [
        ['"skip" (string)', 'skip'],
        ['true (boolean)', true],
        ['null', null],
      ],
      onSettled: NO_FUNCTION,
      input: [
        ['5 (number)', 5],
        ['null', null],
        ['an object (Object)', {}],
        ['an object (Object)', { '~standard': {} }],
      ],
    }),
  )('%s: %s', async (path, shown, value) => {
    await expectRefused(() => taskType(module, untyped(nested(path, value))), path, shown);
  });

  it('a chunk whose max is below its min', async () => {
    const error = await expectRefused(
      () => taskType(module, { chunk: { min: 10, max: 5 } }),
      'chunk.max',
      '5 (number)',
    );
    expect(error.message).toContain('an integer >= 10');
  });

  it('a key that it does not know', async () => {
    await expectRefused(() => taskType(module, untyped({ timeout: 5 })), 'to have only', '`timeout`');
    await expectRefused(() => taskType(module, untyped({ chunk: { size: 5 } })), 'chunk', '`size`');
    await expectRefused(() => taskType(module, untyped({ backoff: { factor: 2 } })), 'backoff', '`factor`');
  });

  it.each(NO_OBJECT)('a policy that is none: %s', async (shown, policy) => {
    await expectRefused(() => taskType(module, untyped(policy)), 'task type', shown);
  });

  it.each(notMade)('a module that was not made by taskModule: %s', async (shown, given) => {
    await expectRefused(() => taskType(untyped(given)), 'module', shown);
  });

  it('data that can not be sent to a thread, and names the place', () => {
    const make = (): unknown => taskType(module, { data: { paths: ['a', () => 1] } });
    expect(make).toThrow(
      expect.objectContaining({ code: 'UNSERIALIZABLE', message: expect.stringContaining('paths[1]') as string }),
    );
  });
});

describe('taskModule refuses', () => {
  it.each([
    ...notMade,
    ['"" (string)', ''],
    ['"./digest.task.js" (string)', './digest.task.js'],
    ['"digest.task.js" (string)', 'digest.task.js'],
    ['"https://example.org/a.js" (string)', 'https://example.org/a.js'],
    ['"https://example.org/a.js" (string)', new URL('https://example.org/a.js')],
    ['"file://[/a.js" (string)', 'file://[/a.js'],
    ['"file://elsewhere/a.js" (string)', 'file://elsewhere/a.js'],
    ['"file:///a%2Fb.js" (string)', 'file:///a%2Fb.js'],
  ] as BadValue[])('what is no file URL and no absolute path: %s', async (shown, location) => {
    await expectRefused(() => taskModule(untyped(location)), 'taskModule', shown);
  });
});

describe('a task module is told what was expected and what came, as a TypeError, when it gives', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['defineTask a number', () => defineTask(untyped(5)), /`defineTask`.* a function, got .*number/],
    ['defineTask nothing', () => defineTask(untyped(undefined)), /`defineTask`.* a function, got undefined/],
    ['defineBatch null', () => defineBatch(untyped(null)), /Expected .*, got null/],
    ['defineBatch nothing', () => defineBatch(untyped(undefined)), /Expected .*, got undefined/],
    ['defineBatch a function', () => defineBatch(untyped(() => 1)), /Expected .*, got .*function/],
    ['defineBatch no steps', () => defineBatch(untyped({})), /either `each` or `run`/],
    ['both each and run', () => defineBatch(untyped({ each: () => 1, run: () => [] })), /either `each` or `run`/],
    [
      'a step that is unknown',
      () => defineBatch(untyped({ each: () => 1, after: () => 1 })),
      /plan, each, run, finish, cleanup, got `after`/,
    ],
    [
      'a step that is no function',
      () => defineBatch(untyped({ each: () => 1, plan: [1] })),
      /`plan` to be a function, got/,
    ],
    [
      'a step that is null',
      () => defineBatch(untyped({ each: () => 1, finish: null })),
      /`finish` to be a function, got null/,
    ],
    ['range a fraction', () => range(0, 1.5), /`range`.*safe integers.*got 0 .*and 1\.5/],
    ['range bounds in the wrong order', () => rangeOfTask(5, 3), /`range`.*from <= to.*got 5 .*and 3/],
    ['range what is no safe integer', () => range(0, 2 ** 53), /`range`.*got 0 .*and 9007199254740992/],
    ['range a string', () => range(untyped('1'), 5), /`range`.*got "1" \(string\) and 5/],
    ['range nothing', () => range(0, untyped(undefined)), /`range`.*got 0 .*and undefined/],
    ['range a symbol', () => range(untyped(Symbol('x')), 5), /`range`.*got Symbol\(x\)/],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
  });
});
