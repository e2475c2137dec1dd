import { serialize } from 'node:v8';
import { type TaskContext, defineBatch, defineTask, range } from 'treadle/task';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { busyFor, errorOf, moduleOf, moduleOfSource, runnerOf } from '../support/chunk-runner.js';

const items = (from: number, list: readonly unknown[]) => ({ slice: { from, to: from + list.length, items: list } });

describe('a one-piece task', () => {
  it('is given its input and a context, and what it returns is the outcome', async () => {
    const run = defineTask((input: { n: number }, ctx) => [input.n + 1, ctx.taskId, ctx.attempt, ctx.data]);
    const { outcome } = runnerOf(moduleOf(run));
    expect(await outcome({ taskIds: ['abc'], attempt: 3 }, { n: 1 })).toEqual({
      kind: 'returned',
      value: [2, 'abc', 3, { label: 'data 0' }],
      done: 0,
    });
  });

  it.each([
    [
      'throws at once',
      (): never => {
        throw new RangeError('no');
      },
    ],
    ['rejects', (): Promise<never> => Promise.reject(new RangeError('no'))],
  ])('fails as TASK_FAILED when it %s', async (_, run) => {
    const { outcome } = runnerOf(moduleOf(defineTask(run)));
    expect(await outcome()).toMatchObject({
      kind: 'threw',
      code: 'TASK_FAILED',
      item: null,
      error: { name: 'RangeError', message: 'no' },
    });
  });

  it('is done in the plan too, because the host asks for a plan before it knows the module; it refuses items', async () => {
    const { send, outcome } = runnerOf(moduleOf(defineTask(() => 'done')));
    const { outcomes, left } = await send({ phase: 'plan', describe: true });
    expect(outcomes).toEqual([{ kind: 'returned', value: 'done', done: 0 }]);
    expect(left.shape).toEqual({ kind: 'task', plan: false, each: false, finish: false, cleanup: false });
    expect(await outcome(items(0, [1]))).toMatchObject({ kind: 'threw', code: 'INVALID_ARGUMENT' });
  });

  it('reads a shared input once, and anew after it was told to forget it', async () => {
    const seen: unknown[] = [];
    const { outcome, runner } = runnerOf(moduleOf(defineTask((input: { rows: number[] }) => void seen.push(input))));
    const bytes = serialize({ rows: [1, 2, 3] });
    const shared = new SharedArrayBuffer(bytes.byteLength);
    new Uint8Array(shared).set(bytes);
    await outcome({ taskIds: ['a'], shared });
    await outcome({ taskIds: ['a'], shared });
    runner.wake({ forget: 'a' });
    await outcome({ taskIds: ['a'], shared });
    expect(seen).toEqual([{ rows: [1, 2, 3] }, { rows: [1, 2, 3] }, { rows: [1, 2, 3] }]);
    expect([seen[0] === seen[1], seen[1] === seen[2]]).toEqual([true, false]);
  });
});

describe('a batch', () => {
  it('does each item in turn, awaits promises, and counts them', async () => {
    const each = (item: number): number | Promise<number> => (item % 2 === 0 ? item * 10 : Promise.resolve(item));
    const { outcome, control } = runnerOf(moduleOf(defineBatch({ each })));
    expect(await outcome(items(5, [1, 2, 3, 4]))).toEqual({ kind: 'returned', value: [1, 20, 3, 40], done: 4 });
    expect(control.sample().done).toBe(4);
  });

  it('makes the items of a range from its bounds', async () => {
    const { outcome } = runnerOf(moduleOf(defineBatch({ each: (item: number) => item })));
    expect(await outcome({ slice: { from: 2, to: 5, offset: 100 } })).toMatchObject({
      value: [102, 103, 104],
      done: 3,
    });
    expect(await outcome({ slice: { from: 2, to: 5 } })).toMatchObject({ value: [2, 3, 4] });
  });

  // Such an array begins with an A, and one that may have holes with an a: that is cloned key by key, many times slower.
  it('has items and results that are cloned as arrays without holes', async () => {
    const first = (value: unknown): string => String.fromCharCode(serialize(value)[2] ?? 0);
    expect([first([1, 2]), first(Object.assign([], { length: 2 }))]).toEqual(['A', 'a']);
    const bounds = { from: 0, to: 20 };
    const given: string[] = [];
    const run = (numbers: readonly number[]): void => void given.push(first(numbers));
    await runnerOf(moduleOf(defineBatch({ run }))).send({ slice: bounds });
    expect(given).toEqual(['A']);
    const each = (item: number): unknown => (item === 7 ? Promise.resolve({}) : item * 1.5);
    const { send, lastGiven } = runnerOf(moduleOf(defineBatch({ each })));
    await send({ slice: bounds });
    const outcome = lastGiven()?.outcome;
    expect(outcome?.kind === 'returned' && first(outcome.value)).toBe('A');
  });

  it.each(['throws', 'rejects'])('says at which item of the task it failed (%s)', async (how) => {
    const each = (item: number): number | Promise<number> => {
      if (item === 3 && how === 'rejects') return Promise.reject(new Error('bad item'));
      if (item === 3) throw new Error('bad item');
      return item;
    };
    const { outcome } = runnerOf(moduleOf(defineBatch({ each })));
    expect(await outcome(items(100, [1, 2, 3, 4]))).toMatchObject({
      kind: 'threw',
      code: 'TASK_FAILED',
      item: 102,
    });
  });

  it('runs a chunk at once, and wants one result for each item, or none at all', async () => {
    const results: Record<string, unknown> = { right: ['a', 'b'], none: undefined, short: ['a'], odd: 'ab' };
    const run = (_: readonly number[], __: TaskContext, input: string): unknown => results[input];
    const { outcome } = runnerOf(moduleOf(defineBatch<number, unknown, unknown, string>({ run })));
    const given = (input: string) => outcome(items(0, [1, 2]), input);
    expect(await given('right')).toEqual({ kind: 'returned', value: ['a', 'b'], done: 2 });
    expect(await given('none')).toEqual({ kind: 'returned', value: undefined, done: 2 });
    expect(errorOf(await given('short'))?.message).toMatch(/an array of 2 results.*got an array of 1/);
    expect(errorOf(await given('odd'))?.message).toMatch(/an array of 2 results.*type string/);
  });

  it('lets run return anything where finish makes the result', async () => {
    const steps = { run: (list: readonly number[]) => list.length, finish: (parts: number[]) => parts.join('+') };
    const { outcome } = runnerOf(moduleOf(defineBatch(steps)));
    expect(await outcome(items(0, [1, 2]))).toEqual({ kind: 'returned', value: 2, done: 2 });
    expect(await outcome({ phase: 'finish', slice: { from: 0, to: 0, parts: [2, 3] } })).toMatchObject({
      kind: 'returned',
      value: '2+3',
    });
  });

  it.each([
    ['an array', () => [1, 2], { kind: 'planned', items: [1, 2] }],
    ['a range', () => range(3, 9), { kind: 'planned', items: { from: 3, to: 9 } }],
    ['the promise of an array', () => Promise.resolve([1]), { kind: 'planned', items: [1] }],
    ['100,000 items', () => Array.from({ length: 100_000 }, () => 1), { kind: 'planned' }],
    ['100,001 items', () => Array.from({ length: 100_001 }, () => 1), { kind: 'threw', code: 'INVALID_ARGUMENT' }],
    ['a string', () => 'abc' as unknown as number[], { kind: 'threw', code: 'INVALID_ARGUMENT' }],
  ])('takes a plan of %s for what it is', async (_, plan, expected) => {
    const { outcome } = runnerOf(moduleOf(defineBatch({ plan, each: (item: number) => item })));
    expect(await outcome({ phase: 'plan' })).toMatchObject(expected);
  });

  it('refuses to plan without a plan, cleans up with what it was given, and does nothing where there is no such step', async () => {
    const cleaned: unknown[] = [];
    const bare = { each: (item: number) => item };
    const cleanup = (_: TaskContext, input: string): void => void cleaned.push(input);
    const { send, outcome } = runnerOf(
      moduleOf(defineBatch(bare)),
      moduleOf(defineBatch<number, number, number[], string>({ ...bare, cleanup })),
    );
    expect((await send({ phase: 'plan' })).left.shape).toBeUndefined();
    expect(await outcome({ phase: 'plan' })).toMatchObject({ kind: 'threw', code: 'INVALID_ARGUMENT' });
    expect(await outcome({ phase: 'cleanup' })).toEqual({ kind: 'returned', value: undefined, done: 0 });
    expect(await outcome({ phase: 'finish' })).toEqual({ kind: 'returned', value: undefined, done: 0 });
    await outcome({ phase: 'cleanup', type: 1 }, 'x');
    expect(cleaned).toEqual(['x']);
    expect((await send({ type: 1, describe: true, ...items(0, []) })).left.shape).toEqual({
      kind: 'batch',
      plan: false,
      each: true,
      finish: false,
      cleanup: true,
    });
  });
});

describe('the time box', () => {
  it('ends a chunk of each that runs long, and says how much was done', async () => {
    const { outcome } = runnerOf(moduleOf(defineBatch({ each: (ms: number) => busyFor(ms) })));
    expect(await outcome({ boxMs: 5, ...items(0, [6, 0, 0, 0]) })).toEqual({
      kind: 'returned',
      done: 1,
      value: [undefined],
    });
    const later = await outcome({ boxMs: 5, ...items(0, [0, 0, 6, ...Array.from({ length: 1_000 }, () => 0)]) });
    if (later.kind !== 'returned') throw new Error(later.kind);
    expect(later.value).toHaveLength(later.done);
    expect(later.done).toBeGreaterThanOrEqual(3);
    expect(later.done).toBeLessThanOrEqual(150);
    expect(await outcome({ boxMs: 0, ...items(0, [0, 0, 0]) })).toMatchObject({ done: 1 });
    expect(await outcome({ boxMs: 1_000, ...items(0, [0, 0, 0]) })).toMatchObject({ done: 3 });
  });

  it('ends a chunk whose items were cheap at first, soon after they are not', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    onTestFinished(() => clock.mockRestore());
    const each = (ms: number): void => void (now += ms);
    const { outcome } = runnerOf(moduleOf(defineBatch({ each })));
    const list = Array.from({ length: 8_000 }, (_, at) => (at < 3_100 ? 0.000_01 : 1));
    const ended = await outcome({ boxMs: 10, ...items(0, list) });
    // Ten of those that take a millisecond fill the box.
    expect(ended.kind === 'returned' && ended.done).toBeLessThanOrEqual(3_100 + 10 + 100);
  });
});

describe('a module', () => {
  it.each([
    ['throws', 'throw new RangeError("broken module")', 'broken module'],
    ['has a syntax error', 'export default {{', 'SyntaxError'],
    ['has no default export', 'export const a = 1', 'to come from defineTask or defineBatch, got undefined'],
    ['exports something else', 'export default { run() {} }', 'got object'],
  ])('that %s fails every member, and the next chunk of another module runs', async (_, source, words) => {
    const { send, outcome, control } = runnerOf(moduleOfSource(source), moduleOf(defineTask(() => 'fine')));
    const { outcomes } = await send({}, [1, 2]);
    expect(outcomes.length).toBe(2);
    for (const failed of outcomes) {
      expect(failed).toMatchObject({ kind: 'threw', code: 'TASK_MODULE_FAILED' });
      expect(`${errorOf(failed)?.name}: ${errorOf(failed)?.message}`).toContain(words);
    }
    expect(control.loading).toBe(false);
    expect(await outcome({ type: 1 })).toMatchObject({ value: 'fine' });
  });

  it('is loaded and nothing else in the load phase', async () => {
    let runs = 0;
    const { outcome } = runnerOf(moduleOf(defineTask(() => void runs++)));
    expect(await outcome({ phase: 'load' })).toEqual({ kind: 'returned', value: undefined, done: 0 });
    expect(runs).toBe(0);
  });
});

describe('what a task returns', () => {
  it.each<[string, () => unknown, string]>([
    ['a function', () => () => 1, 'a function at `the value itself`'],
    ['something with a symbol in it', () => ({ rows: [{ id: Symbol('x') }] }), 'a symbol at `rows[0].id`'],
    ['a promise in an object', () => ({ later: Promise.resolve(1) }), 'a Promise at `later`'],
    ['a generator', () => (function* () {})(), 'could not be cloned'],
  ])('is UNSERIALIZABLE with its place where it is %s, and the runner goes on', async (_, run, words) => {
    const { outcome } = runnerOf(moduleOf(defineTask(run)), moduleOf(defineTask(() => 'fine')));
    const failed = await outcome();
    expect(failed).toMatchObject({ kind: 'threw', code: 'UNSERIALIZABLE' });
    expect(errorOf(failed)?.message).toContain(words);
    expect(await outcome({ type: 1 })).toMatchObject({ value: 'fine' });
  });

  it.each([
    [
      'a view on a buffer that is gone',
      (): unknown => {
        const view = new Uint8Array(8);
        structuredClone(view.buffer, { transfer: [view.buffer] });
        return { view };
      },
    ],
    [
      'a getter that throws',
      (): unknown =>
        Object.defineProperty({}, 'a', {
          enumerable: true,
          get: () => {
            throw new Error('no');
          },
        }),
    ],
  ])('does not keep the host from hearing that the thread has left, where it can not cross: %s', async (_, run) => {
    const { send, control, epoch } = runnerOf(moduleOf(defineTask(run)));
    const { outcomes } = await send();
    expect(outcomes).toMatchObject([{ kind: 'threw', code: 'UNSERIALIZABLE' }]);
    expect(control.waitUntilLeft(epoch(), 0)).toBe(true);
  });
});
