import { type TaskContext, defineTask } from 'treadle/task';
import { describe, expect, it } from 'vitest';
import { ControlBlock } from '../../dist/engine/control-block.js';
import { threadTimeMs } from '../../dist/engine/thread-time.js';
import { busyFor, flown, moduleOf, runnerOf } from '../support/chunk-runner.js';

interface Member {
  readonly action?: 'throw' | 'unclonable' | 'busy' | 'awaits';
  readonly before?: () => unknown;
}

/** Runs what each member brings along: in this process, inputs may be functions. */
const module = defineTask((input: Member, ctx: TaskContext) => {
  input.before?.();
  if (input.action === 'busy') busyFor(2);
  if (input.action === 'throw') throw new RangeError(`${ctx.taskId} failed`);
  if (input.action === 'unclonable') return () => 1;
  const value = `${ctx.taskId} done`;
  return input.action === 'awaits' ? Promise.resolve(value) : value;
});

const returned = (value: unknown) => ({ kind: 'returned', value, done: 0 });

describe('a pack', () => {
  it('runs its members in order, whether or not they wait for something, and each has its own outcome', async () => {
    const order: number[] = [];
    const noted = (at: number, action?: Member['action']): Member => ({
      before: () => order.push(at),
      ...(action === undefined ? {} : { action }),
    });
    const { send } = runnerOf(moduleOf(module));
    const { outcomes } = await send({}, [noted(0), noted(1, 'throw'), noted(2, 'awaits'), noted(3)]);
    expect(outcomes).toMatchObject([
      returned('task 0 done'),
      { kind: 'threw', code: 'TASK_FAILED', error: { message: 'task 1 failed' } },
      returned('task 2 done'),
      returned('task 3 done'),
    ]);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('claims each member before it begins it, and none earlier', async () => {
    const { send, control, epoch } = runnerOf(moduleOf(module));
    const claimed: boolean[][] = [];
    const look = (): unknown => claimed.push([0, 1, 2].map((index) => control.isClaimed(epoch(), index)));
    await send({}, [{ before: look }, { before: look }, { before: look }]);
    expect(claimed).toEqual([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]);
  });

  it('says nothing of a member that the host has taken back, and runs the others', async () => {
    const { send, control, epoch } = runnerOf(moduleOf(module));
    const taken: boolean[] = [];
    let ran = 0;
    // While the first runs, the host takes back itself (too late), the second and the last.
    const takeBack = (): void => void taken.push(...[0, 1, 3].map((index) => control.takeBack(epoch(), index)));
    const count = { before: () => ran++ };
    const { outcomes } = await send({}, [{ before: takeBack }, count, count, count]);
    expect(taken).toEqual([false, true, true]);
    expect(outcomes).toEqual([returned('task 0 done'), undefined, returned('task 2 done'), undefined]);
    expect(ran).toBe(1);
  });

  it('runs no member when all were taken back', async () => {
    const { send, runner, control, posted, epoch } = runnerOf(moduleOf(module));
    await send();
    const before = posted.length;
    let ran = 0;
    const next = ControlBlock.nextEpoch(epoch());
    control.launch(next, 2);
    control.takeBack(next, 0);
    control.takeBack(next, 1);
    const inputs = [0, 1].map(() => ({ before: () => ran++ }));
    const rest = { type: 0, phase: 'run', describe: false, boxMs: 10, attempt: 1 } as const;
    await runner.run({ epoch: next, taskIds: ['task 0', 'task 1'], inputs, ...rest });
    expect(flown(posted.slice(before), next, 2).outcomes).toEqual([undefined, undefined]);
    expect(ran).toBe(0);
  });

  it('tells early of those that are over where members take long', async () => {
    const { send, posted } = runnerOf(moduleOf(module));
    const busy: Member = { action: 'busy' };
    let told: unknown[] = [];
    const look = { before: () => (told = posted.flatMap(({ values }) => values ?? [])) };
    const { outcomes } = await send({}, [busy, busy, busy, look, busy, {}]);
    // Before the fourth began, the host had been told of those before.
    expect(told).toEqual(['task 0 done', 'task 1 done', 'task 2 done']);
    expect(outcomes).toEqual(Array.from({ length: 6 }, (_, at) => returned(`task ${at} done`)));
  });

  it('tells of all together where they take no time, with when each began', async () => {
    const { send } = runnerOf(moduleOf(module));
    const { messages } = await send(
      {},
      Array.from({ length: 50 }, () => ({})),
    );
    expect(messages.length).toBeLessThan(10);
    const beginnings = messages.flatMap(({ begunAtMs }) => begunAtMs ?? []);
    expect(beginnings).toHaveLength(50);
    expect(beginnings).toEqual(beginnings.toSorted((a, b) => a - b));
    expect(beginnings.at(-1)).toBeLessThanOrEqual(threadTimeMs());
  });

  it('lets an outcome that can not be cloned fail alone, wherever it stands', async () => {
    const { send } = runnerOf(moduleOf(module));
    const unclonable: Member = { action: 'unclonable' };
    const { outcomes } = await send({}, [{}, unclonable, {}, { action: 'throw' }, unclonable]);
    const failed = { kind: 'threw', code: 'UNSERIALIZABLE' };
    expect(outcomes).toMatchObject([
      returned('task 0 done'),
      failed,
      returned('task 2 done'),
      { kind: 'threw', code: 'TASK_FAILED' },
      failed,
    ]);
  });

  it('sends the notes of each member with its index, before what became of it', async () => {
    const chatty = defineTask((_: unknown, ctx: TaskContext) => {
      ctx.log(`from ${ctx.taskId}`);
      return ctx.taskId;
    });
    const { send } = runnerOf(moduleOf(chatty));
    const { messages, outcomes } = await send({}, [1, 2, 3]);
    const noted = messages.filter(({ notes }) => notes !== undefined);
    expect(noted.map(({ member, notes }) => [member, notes?.messages[0]?.text])).toEqual([
      [0, 'from task 0'],
      [1, 'from task 1'],
      [2, 'from task 2'],
    ]);
    const firstOf = (of: 'notes' | 'values', member: number): number =>
      messages.findIndex((message) => message[of] !== undefined && (message.member ?? 0) <= member);
    for (const member of [0, 1, 2]) expect(firstOf('notes', member)).toBeLessThan(firstOf('values', member));
    expect(outcomes).toEqual(['task 0', 'task 1', 'task 2'].map(returned));
  });

  it('counts for the member that is being run, and anew for each', async () => {
    const { send, control } = runnerOf(
      moduleOf(
        defineTask((done: number | null, ctx: TaskContext) => {
          seen.push(control.sample());
          if (done !== null) ctx.progress(done, 10);
        }),
      ),
    );
    const seen: { done: number; total: number }[] = [];
    await send({}, [3, null, 5, null]);
    expect(seen).toMatchObject(Array.from({ length: 4 }, () => ({ done: 0, total: Number.NaN })));
  });
});
