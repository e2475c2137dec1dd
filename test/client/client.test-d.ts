import type { StandardSchemaV1 } from '@standard-schema/spec';
import { taskModule, taskType } from 'treadle';
import { type ClientSettledRecord, type JsonOf, type JsonValue, createTaskClient } from 'treadle/client';
import { defineBatch, defineTask } from 'treadle/task';
import { describe, expectTypeOf, it } from 'vitest';

// Nothing here runs: the compiler alone decides.
const url = new URL('file:///digest.task.js');

const plain = defineTask(() => 5);
const withInput = defineTask((input: { path: string }) => [input.path.length]);
const each = defineBatch({ each: (text: string) => text.length });
const vectors = defineBatch({ each: (text: string) => new Float32Array(text.length) });
const planned = defineBatch({ plan: (input: { path: string }) => [input.path], each: (path) => new Date(path) });
const squared = defineTask((input: { n: number }) => input.n ** 2);

const types = {
  plain: taskType(taskModule<typeof plain>(url)),
  withInput: taskType(taskModule<typeof withInput>(url)),
  each: taskType(taskModule<typeof each>(url)),
  vectors: taskType(taskModule<typeof vectors>(url)),
  planned: taskType(taskModule<typeof planned>(url)),
  squared: taskType(taskModule<typeof squared>(url), { input: {} as StandardSchemaV1<{ n: string }, { n: number }> }),
};

const client = createTaskClient<typeof types>({ url: 'http://127.0.0.1' });

/** The result of a record that completed. */
function resultOf<Result>(record: ClientSettledRecord<Result>): Result {
  if (record.status === 'completed' && !record.result_omitted) return record.result;
  throw new Error(record.error ?? 'no result');
}

describe('submit', () => {
  it('takes the input and items of the type', () => {
    void client.submit('plain');
    void client.submit('plain', { priority: 1, meta: { a: 1 }, signal: AbortSignal.abort() });
    void client.submit('withInput', { input: { path: 'a' } });
    void client.submit('each', { items: ['a'] });
    void client.submit('planned', { input: { path: 'a' } });
    void client.submit('squared', { input: { n: '5' } });
    // @ts-expect-error there is no such type
    void client.submit('nope');
    // @ts-expect-error the input is missing
    void client.submit('withInput');
    // @ts-expect-error a number is no path
    void client.submit('withInput', { input: { path: 5 } });
    // @ts-expect-error the items are missing
    void client.submit('each');
    // @ts-expect-error numbers are no texts
    void client.submit('each', { items: [5] });
    // @ts-expect-error JSON has no sets
    void client.submit('each', { items: new Set(['a']) });
    // @ts-expect-error it has no items
    void client.submit('plain', { items: [5] });
    // @ts-expect-error the schema takes a string
    void client.submit('squared', { input: { n: 5 } });
    // @ts-expect-error it is called resourceId
    void client.submit('plain', { resource_id: 'a' });
    // @ts-expect-error who owns it is known by the key
    void client.submit('plain', { owner: 'ann' });
  });

  it('takes anything where no types are given', () => {
    const untyped = createTaskClient({ url: 'http://127.0.0.1' });
    void untyped.submit('whatever');
    void untyped.submit('whatever', { input: { a: 1 }, items: [1, 'a'], group: 'g' });
    // @ts-expect-error it is called onDuplicate
    void untyped.submit('whatever', { duplicate: 'join' });
  });
});

describe('the result', () => {
  it('is what the type returns, as JSON has it', async () => {
    expectTypeOf(resultOf(await (await client.submit('plain')).wait())).toEqualTypeOf<number>();
    expectTypeOf(resultOf(await (await client.submit('withInput', { input: { path: 'a' } })).wait())).toEqualTypeOf<
      number[]
    >();
    expectTypeOf(resultOf(await (await client.submit('each', { items: ['a'] })).wait())).toEqualTypeOf<number[]>();
    expectTypeOf(resultOf(await (await client.submit('vectors', { items: ['a'] })).wait())).toEqualTypeOf<number[][]>();
    expectTypeOf(resultOf(await (await client.submit('planned', { input: { path: 'a' } })).wait())).toEqualTypeOf<
      string[]
    >();
    const rerun = await (await client.submit('plain')).rerun();
    expectTypeOf(resultOf(await rerun.wait())).toEqualTypeOf<number>();
  });

  it('is any JSON where the type is not known', async () => {
    const untyped = createTaskClient({ url: 'http://127.0.0.1' });
    expectTypeOf(resultOf(await (await untyped.submit('a')).wait())).toEqualTypeOf<JsonValue>();
    expectTypeOf(resultOf(await client.wait('id'))).toEqualTypeOf<JsonValue>();
    expectTypeOf(resultOf(await client.task<string>('id').wait())).toEqualTypeOf<string>();
  });
});

describe('a record', () => {
  it('has what its status has', async () => {
    const record = await client.get<number>('id');
    expectTypeOf(record.result).toEqualTypeOf<number | null>();
    if (record.status === 'completed') {
      expectTypeOf(record.completed_at).toEqualTypeOf<number>();
      expectTypeOf(record.error).toEqualTypeOf<null>();
    }
    if (record.status === 'failed') {
      expectTypeOf(record.error).toEqualTypeOf<string>();
      expectTypeOf(record.result).toEqualTypeOf<null>();
    }
    if (record.status === 'running') expectTypeOf(record.completed_at).toEqualTypeOf<null>();
  });
});

describe('an event', () => {
  it('has the data of its name', async () => {
    for await (const event of client.events()) {
      if (event.event === 'log') expectTypeOf(event.data.text).toEqualTypeOf<string>();
      else if (event.event === 'reset') expectTypeOf(event.data.reason).toEqualTypeOf<'unknown' | 'expired'>();
      else if (event.event === 'completed') expectTypeOf(event.data.task_id).toEqualTypeOf<string>();
    }
  });
});

describe('JsonOf', () => {
  it('is what JSON makes of a value', () => {
    expectTypeOf<JsonOf<void>>().toEqualTypeOf<null>();
    expectTypeOf<JsonOf<bigint>>().toEqualTypeOf<number | string>();
    expectTypeOf<JsonOf<'a' | null>>().toEqualTypeOf<'a' | null>();
    expectTypeOf<JsonOf<[string, Date]>>().toEqualTypeOf<[string, string]>();
    expectTypeOf<JsonOf<Set<bigint>>>().toEqualTypeOf<(number | string)[]>();
    expectTypeOf<JsonOf<Map<string, Date>>>().toEqualTypeOf<{ [name: string]: string }>();
    expectTypeOf<JsonOf<Map<number, Date>>>().toEqualTypeOf<[number, string][]>();
    expectTypeOf<JsonOf<{ a: Uint8Array; b?: Date; c: number | undefined }>>().toEqualTypeOf<{
      a: number[];
      b?: string | undefined;
      c: number | undefined;
    }>();
    expectTypeOf<JsonOf<{ readonly rows: readonly { at: Date }[] }>>().toEqualTypeOf<{
      readonly rows: readonly { at: string }[];
    }>();
    expectTypeOf<JsonOf<unknown>>().toEqualTypeOf<JsonValue>();
    expectTypeOf<JsonOf<JsonValue>>().toEqualTypeOf<JsonValue>();
    expectTypeOf<JsonOf<RangeError>>().toEqualTypeOf<{ name: string; message: string }>();
  });
});
