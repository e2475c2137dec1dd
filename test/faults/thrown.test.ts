import { describe, expect, it } from 'vitest';
import { createTestManager } from '../support/test-manager.js';

describe('what a task throws', () => {
  it('arrives with name, message, code, fields, stack and cause', async () => {
    const tasks = createTestManager();
    const rich = await tasks.submit('fault', { input: { action: 'throw', error: 'rich' } });
    const error = (await rich.result().catch((thrown: unknown) => thrown)) as Error & { cause: Error };
    expect(error.cause).toMatchObject({
      name: 'RichError',
      message: 'a rich error',
      code: 'E_RICH',
      row: 7,
      place: { file: 'a.txt' },
    });
    expect(error.cause.stack).toContain('fault.task.js');
    expect(rich.record.error).toEqual({
      code: 'TASK_FAILED',
      name: 'RichError',
      message: 'a rich error',
      causeCode: 'E_RICH',
    });

    const caused = await tasks.submit('fault', { input: { action: 'throw', error: 'cause' } });
    const outer = (await caused.result().catch((thrown: unknown) => thrown)) as { cause: Error };
    expect(outer.cause.cause).toBeInstanceOf(TypeError);
    expect(outer.cause.cause).toMatchObject({ message: 'inner' });
  });

  it.each([
    ['null', 'null'],
    ['undefined', 'undefined'],
    ['string', 'just a string'],
  ] as const)('may be %s: the task fails with its text', async (kind, text) => {
    const tasks = createTestManager();
    const task = await tasks.submit('fault', { input: { action: 'throw', error: kind } });
    expect((await task.settled()).error).toMatchObject({ code: 'TASK_FAILED', message: text });
  });

  it('may be an error that throws when it is looked at', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('fault', { input: { action: 'throw', error: 'hostile' } });
    expect((await task.settled()).error?.code).toBe('TASK_FAILED');
    expect(await (await tasks.submit('fault', { input: { action: 'echo', value: 1 } })).result()).toBe(1);
  });

  it('shows no secret in the record, and is whole for who holds the handle', async () => {
    const tasks = createTestManager();
    const secret = 'postgres://admin:hunter2-and-more@db.local/app';
    const task = await tasks.submit('items', { items: [{ throw: `can't reach ${secret}` }] });
    const error = (await task.result().catch((thrown: unknown) => thrown)) as Error & { cause: Error };
    expect(task.record.error?.message).toContain("can't reach");
    expect(JSON.stringify(task.record)).not.toContain('hunter2');
    expect(error.message).not.toContain('hunter2');
    expect(error.cause.message).toContain('hunter2');
  });
});

describe("what can't be cloned", () => {
  it.each(['function', 'nested', 'promise', 'class'] as const)(
    'fails the task when it is returned (%s); the thread lives',
    async (shape) => {
      const tasks = createTestManager({ threads: { max: 1 } });
      await tasks.ready();
      const task = await tasks.submit('fault', { input: { action: 'unclonable', shape } });
      const error = (await task.settled()).error;
      expect(error?.code).toBe('UNSERIALIZABLE');
      if (shape === 'nested') expect(error?.message).toContain('rows[1].bad');
      expect(tasks.stats().threads.live).toBe(1);
      expect(await (await tasks.submit('fault', { input: { action: 'echo', value: 1 } })).result()).toBe(1);
    },
  );

  it('is refused by submit where it is found at once, and fails the task where it is found later', async () => {
    const tasks = createTestManager();
    const unclonable = { action: 'echo', value: { deep: () => 1 } } as const;
    await expect(tasks.submit('fault', { input: unclonable })).rejects.toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(tasks.stats().total).toBe(0);

    const deep = { action: 'echo', value: [...Array.from({ length: 1_000 }, () => 'filler'), () => 1] } as const;
    const task = await tasks.submit('fault', { input: deep });
    expect((await task.settled()).error).toMatchObject({ code: 'UNSERIALIZABLE' });
    const large = {
      action: 'echo',
      value: ['x'.repeat(100_000), ...Array.from({ length: 200 }, () => 1), () => 1],
    } as const;
    expect((await (await tasks.submit('fault', { input: large })).settled()).error).toMatchObject({
      code: 'UNSERIALIZABLE',
    });
    const items = await tasks.submit('items', { items: [1, (() => 1) as unknown as number] });
    expect((await items.settled()).error).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect(await (await tasks.submit('items', { items: [1] })).result()).toEqual([2]);
  });
});
