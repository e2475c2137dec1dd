import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type TaskHandle, TaskManager, range, type TaskType, taskModule, taskType } from 'treadle';
import { type Range, type TaskContext, defineBatch, defineTask } from 'treadle/task';
import { describe, expectTypeOf, it } from 'vitest';

// Nothing here runs: the compiler alone decides.
const url = new URL('file:///digest.task.js');

interface Digest {
  readonly path: string;
}

const noInput = defineTask(() => 5);
const optionalInput = defineTask((input?: { n: number }) => input?.n ?? 0);
const withInput = defineTask(async (input: Digest) => [input.path.length]);
const withData = defineTask((input: number, ctx: TaskContext<{ model: string }>) => `${ctx.data.model} ${input}`);
const each = defineBatch({ each: (text: string) => text.length });
const eachAsync = defineBatch({
  each: async (text: string, _ctx, input: { base: number }) => text.length + input.base,
});
const eachFinish = defineBatch({ each: (text: string) => text.length, finish: (parts) => parts.flat().length > 1 });
const run = defineBatch({ run: (texts: readonly string[]) => texts.map((text) => ({ text })) });
const runNothing = defineBatch({ run: (_texts: readonly string[]) => {} });
const runFinish = defineBatch({
  run: (numbers: readonly number[]) => ({ sum: numbers.length }),
  finish: async (parts) => parts.map(({ sum }) => sum).join('+'),
});
const planned = defineBatch({
  plan: (input: Digest) => [input.path],
  each: (path) => path.length,
});
const plannedRange = defineBatch({
  plan: (input: { rows: number }) => range(0, input.rows),
  run: (rows, _ctx, _input: { rows: number }) => rows.length,
  finish: (parts) => ({ total: parts.length }),
  cleanup: (_ctx, input) => void input.rows,
});

const numeric = {} as StandardSchemaV1<{ n: string }, { n: number }>;
const squared = defineTask((input: { n: number }) => input.n ** 2);

const tasks = new TaskManager({
  types: {
    noInput: taskType(taskModule<typeof noInput>(url)),
    optionalInput: taskType(taskModule<typeof optionalInput>(url)),
    withInput: taskType(taskModule<typeof withInput>(url), { timeoutMs: 5 }),
    withData: taskType(taskModule<typeof withData>(url), { data: { model: 'small' } }),
    each: taskType(taskModule<typeof each>(url)),
    eachAsync: taskType(taskModule<typeof eachAsync>(url)),
    eachFinish: taskType(taskModule<typeof eachFinish>(url)),
    run: taskType(taskModule<typeof run>(url)),
    runNothing: taskType(taskModule<typeof runNothing>(url)),
    runFinish: taskType(taskModule<typeof runFinish>(url)),
    planned: taskType(taskModule<typeof planned>(url)),
    plannedRange: taskType(taskModule<typeof plannedRange>(url)),
    squared: taskType(taskModule<typeof squared>(url), { input: numeric }),
  },
});

describe('the result of a task', () => {
  it('is what the function returns, awaited', async () => {
    expectTypeOf(await (await tasks.submit('noInput')).result()).toEqualTypeOf<number>();
    expectTypeOf(await (await tasks.submit('withInput', { input: { path: 'a' } })).result()).toEqualTypeOf<number[]>();
    expectTypeOf(await (await tasks.submit('withData', { input: 1 })).result()).toEqualTypeOf<string>();
    expectTypeOf(await tasks.submit('noInput')).toEqualTypeOf<TaskHandle<number>>();
  });

  it('is one value for each item where a batch has no finish', async () => {
    expectTypeOf(await (await tasks.submit('each', { items: ['a'] })).result()).toEqualTypeOf<number[]>();
    expectTypeOf(await (await tasks.submit('eachAsync', { items: ['a'], input: { base: 1 } })).result()).toEqualTypeOf<
      number[]
    >();
    expectTypeOf(await (await tasks.submit('run', { items: ['a'] })).result()).toEqualTypeOf<{ text: string }[]>();
    expectTypeOf(await (await tasks.submit('planned', { input: { path: 'a' } })).result()).toEqualTypeOf<number[]>();
  });

  it('is nothing where run returns nothing', async () => {
    expectTypeOf(await (await tasks.submit('runNothing', { items: ['a'] })).result()).toEqualTypeOf<void>();
  });

  it('is what finish makes of the parts, which are what the chunks returned', async () => {
    expectTypeOf(await (await tasks.submit('eachFinish', { items: ['a'] })).result()).toEqualTypeOf<boolean>();
    expectTypeOf(await (await tasks.submit('runFinish', { items: [1] })).result()).toEqualTypeOf<string>();
    expectTypeOf(await (await tasks.submit('plannedRange', { input: { rows: 1 } })).result()).toEqualTypeOf<{
      total: number;
    }>();
    defineBatch({
      each: (text: string) => text.length,
      finish: (parts) => {
        expectTypeOf(parts).toEqualTypeOf<number[][]>();
      },
    });
    defineBatch({
      run: (texts: readonly string[]) => new Set(texts),
      finish: (parts) => {
        expectTypeOf(parts).toEqualTypeOf<Set<string>[]>();
      },
    });
  });
});

describe('input', () => {
  it('is required where the function needs one, and its type is checked', () => {
    void tasks.submit('withInput', { input: { path: 'a' } });
    // @ts-expect-error the input is missing
    void tasks.submit('withInput');
    // @ts-expect-error the input is missing
    void tasks.submit('withInput', {});
    // @ts-expect-error a number is no path
    void tasks.submit('withInput', { input: { path: 5 } });
    // @ts-expect-error `base` is missing
    void tasks.submit('eachAsync', { items: ['a'], input: {} });
    // @ts-expect-error the input is missing
    void tasks.submit('eachAsync', { items: ['a'] });
  });

  it('can be left out where none is needed', () => {
    void tasks.submit('noInput');
    void tasks.submit('noInput', {});
    void tasks.submit('noInput', { priority: 2 });
    void tasks.submit('optionalInput');
    void tasks.submit('optionalInput', { input: { n: 1 } });
    void tasks.submit('each', { items: ['a'] });
    // @ts-expect-error it takes no input
    void tasks.submit('noInput', { input: 5 });
    // @ts-expect-error a string is no number
    void tasks.submit('optionalInput', { input: { n: '1' } });
  });

  it('is, with a schema, what the schema takes; the function gets what the schema gives', () => {
    void tasks.submit('squared', { input: { n: '5' } });
    // @ts-expect-error the schema takes a string and makes the number of it
    void tasks.submit('squared', { input: { n: 5 } });
    const text = {} as StandardSchemaV1<string, string>;
    // @ts-expect-error the schema gives a string, and the function takes an object
    taskType(taskModule<typeof squared>(url), { input: text });
  });
});

describe('items', () => {
  it('are required where the module has no plan, and only there', () => {
    // @ts-expect-error the items are missing
    void tasks.submit('each');
    // @ts-expect-error the items are missing
    void tasks.submit('each', { priority: 1 });
    // @ts-expect-error the items are missing
    void tasks.submit('run', {});
    void tasks.submit('planned', { input: { path: 'a' } });
    void tasks.submit('planned', { input: { path: 'a' }, items: ['a'] });
    void tasks.submit('plannedRange', { input: { rows: 5 }, items: range(0, 5) });
  });

  it('may be an array, a range or any iterable of the right type', () => {
    const texts = {} as AsyncGenerator<string>;
    const numbers = {} as AsyncGenerator<number>;
    void tasks.submit('each', { items: new Set(['a']) });
    void tasks.submit('each', { items: texts });
    void tasks.submit('runFinish', { items: range(0, 10) });
    void tasks.submit('runFinish', { items: numbers });
    // @ts-expect-error numbers are no texts
    void tasks.submit('each', { items: [1, 2] });
    // @ts-expect-error a range has numbers
    void tasks.submit('run', { items: range(0, 10) });
    // @ts-expect-error these are numbers too
    void tasks.submit('each', { items: numbers });
    // @ts-expect-error no items at all
    void tasks.submit('each', { items: 5 });
    // @ts-expect-error the plan has paths
    void tasks.submit('planned', { input: { path: 'a' }, items: [5] });
  });

  it('can not be given to work in one piece', () => {
    // @ts-expect-error it has no items
    void tasks.submit('noInput', { items: [1] });
    // @ts-expect-error it has no items
    void tasks.submit('withInput', { input: { path: 'a' }, items: ['a'] });
  });

  it('go from plan to each and run', () => {
    defineBatch({
      plan: () => [{ row: 1 }],
      each: (item) => {
        expectTypeOf(item).toEqualTypeOf<{ row: number }>();
      },
    });
    defineBatch({
      plan: async (): Promise<Range> => range(0, 5),
      run: (rows) => {
        expectTypeOf(rows).toEqualTypeOf<readonly number[]>();
      },
    });
  });
});

describe('the names of task types', () => {
  it('are those of the options', () => {
    // @ts-expect-error there is no such type
    void tasks.submit('nope');
    // @ts-expect-error a name in another case is another name
    void tasks.submit('Each', { items: ['a'] });
    // @ts-expect-error `list` knows the names too, or takes any text; never a number
    tasks.list({ type: 5 });
  });
});

describe('the types of a manager', () => {
  it('may be an interface, as a library would declare them', async () => {
    interface Named {
      readonly each: TaskType<typeof each, undefined>;
    }
    const named = new TaskManager({ types: {} as Named });
    expectTypeOf(await (await named.submit('each', { items: ['a'] })).result()).toEqualTypeOf<number[]>();
    // @ts-expect-error there is no such type
    void named.submit('run');
  });

  it('are made by taskType', () => {
    // @ts-expect-error a module is no type
    void new TaskManager({ types: { each: taskModule<typeof each>(url) } });
  });
});

describe('policies and options', () => {
  it('take data of the type that the function reads', () => {
    taskType(taskModule<typeof withData>(url), { data: { model: 'large' } });
    // @ts-expect-error `model` is a text
    taskType(taskModule<typeof withData>(url), { data: { model: 5 } });
    // @ts-expect-error `model` is missing
    taskType(taskModule<typeof withData>(url), { data: {} });
  });

  it('have no other keys', () => {
    // @ts-expect-error it is called timeoutMs
    taskType(taskModule<typeof noInput>(url), { timeout: 5 });
    // @ts-expect-error it is called resourceId
    void tasks.submit('noInput', { ressourceId: 'a' });
    // @ts-expect-error it is called max
    void new TaskManager({ types: {}, threads: { maxThreads: 2 } });
    // @ts-expect-error one of reject, join and allow
    void tasks.submit('noInput', { onDuplicate: 'skip' });
    // @ts-expect-error a status that does not exist
    tasks.list({ status: 'done' });
  });

  it('take either each or run', () => {
    // @ts-expect-error both
    defineBatch({ each: (text: string) => text, run: (texts: readonly string[]) => texts });
    // @ts-expect-error neither
    defineBatch({ finish: () => 1 });
  });
});
