import { type TaskContext, defineTask } from 'treadle/task';
import { describe, expect, it } from 'vitest';
import { ControlBlock } from '../../dist/engine/control-block.js';
import type { MemberMessage } from '../../dist/engine/protocol.js';
import { busyFor, moduleOf, outcomesOf, runnerOf } from '../support/chunk-runner.js';

interface Member {
  readonly action?: 'throw' | 'unclonable' | 'busy' | 'unsure';
  readonly before?: () => unknown;
}

/** Runs what each member brings along: in this process, inputs may be functions. */
const module = defineTask(async (input: Member, ctx: TaskContext) => {
  await input.before?.();
  if (input.action === 'busy') busyFor(2);
  if (input.action === 'throw') throw new RangeError(`${ctx.taskId} failed`);
  if (input.action === 'unclonable') return () => 1;
  if (input.action === 'unsure') return new Map([['id', ctx.taskId]]);
  return `${ctx.taskId} done`;
});

const member = (input: Member): Partial<MemberMessage> => ({ input: { value: input } });
const returned = (value: unknown) => ({ kind: 'returned', value, done: 0 });

describe('a pack', () => {
  it('runs its members in order, and each has its own outcome', async () => {
    const { send, flushed } = runnerOf(moduleOf(module));
    const answer = await send({}, [member({}), member({ action: 'throw' }), member({})]);
    expect(outcomesOf(answer, flushed)).toMatchObject([
      returned('task 0 done'),
      { kind: 'threw', code: 'TASK_FAILED', error: { message: 'task 1 failed' } },
      returned('task 2 done'),
    ]);
  });

  it('claims each member before it begins it, and none earlier', async () => {
    const { send, control, epoch } = runnerOf(moduleOf(module));
    const claimed: boolean[][] = [];
    const look = (): unknown => claimed.push([0, 1, 2].map((index) => control.isClaimed(epoch(), index)));
    await send({}, [member({ before: look }), member({ before: look }), member({ before: look })]);
    expect(claimed).toEqual([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]);
  });

  it('answers stopped for a member that the host has taken back, and runs the others', async () => {
    const { send, control, flushed, epoch } = runnerOf(moduleOf(module));
    const taken: boolean[] = [];
    let ran = 0;
    // While the first runs, the host takes back itself (too late), the second and the last.
    const takeBack = (): void => void taken.push(...[0, 1, 3].map((index) => control.takeBack(epoch(), index)));
    const count = { before: () => ran++ };
    const answer = await send({}, [member({ before: takeBack }), member(count), member(count), member(count)]);
    expect(taken).toEqual([false, true, true]);
    const stopped = { kind: 'stopped', begun: false };
    expect(outcomesOf(answer, flushed)).toEqual([returned('task 0 done'), stopped, returned('task 2 done'), stopped]);
    expect(ran).toBe(1);
  });

  it('runs no member when all were taken back', async () => {
    const { send, runner, control, epoch } = runnerOf(moduleOf(module));
    await send();
    let ran = 0;
    const next = ControlBlock.nextEpoch(epoch());
    control.launch(next, 2);
    control.takeBack(next, 0);
    control.takeBack(next, 1);
    const members = [0, 1].map((at) => ({
      taskId: `task ${at}`,
      attempt: 1,
      from: 0,
      to: 0,
      input: { value: { before: () => ran++ } },
    }));
    const answer = await runner.run({ epoch: next, type: 0, phase: 'run', describe: false, boxMs: 10, members });
    expect([answer.outcomes, ran]).toEqual([
      [
        { kind: 'stopped', begun: false },
        { kind: 'stopped', begun: false },
      ],
      0,
    ]);
  });

  it('flushes outcomes early where members take long, counts the flushes, and tells none twice', async () => {
    const { send, flushed, epoch } = runnerOf(moduleOf(module));
    const busy = member({ action: 'busy' });
    let seen = 0;
    const look = { before: () => (seen = flushed.length) };
    const answer = await send({}, [busy, busy, busy, member(look), busy, member({})]);
    // Before the fourth began, the host had been told of those before.
    expect(seen).toBe(3);
    expect(answer.flushes).toBe(flushed.length);
    expect(flushed.every((message) => message.epoch === epoch())).toBe(true);
    const outcomes = outcomesOf(answer, flushed);
    expect(outcomes).toEqual(Array.from({ length: 6 }, (_, at) => returned(`task ${at} done`)));
    // Outcomes that were flushed are missing from the answer, at their places.
    expect(answer.outcomes.length).toBe(6);
    expect(answer.outcomes[0]).toBeUndefined();
  });

  it('lets an outcome that can not be cloned fail alone, and sends one that might not on its own way', async () => {
    const { send, flushed } = runnerOf(moduleOf(module));
    const answer = await send({}, [
      member({}),
      member({ action: 'unclonable' }),
      member({ action: 'unsure' }),
      member({}),
    ]);
    expect(() => structuredClone(answer)).not.toThrow();
    expect(outcomesOf(answer, flushed)).toMatchObject([
      returned('task 0 done'),
      { kind: 'threw', code: 'UNSERIALIZABLE' },
      returned(new Map([['id', 'task 2']])),
      returned('task 3 done'),
    ]);
    expect(answer.flushes).toBe(flushed.length);
  });

  it('sends the notes of each member with its index, counted among the flushes', async () => {
    const chatty = defineTask((_: Member, ctx: TaskContext) => ctx.log(`from ${ctx.taskId}`));
    const { send, flushed } = runnerOf(moduleOf(chatty));
    const answer = await send({}, [member({}), member({}), member({})]);
    expect(flushed.map(({ notes }) => [notes?.index, notes?.messages[0]?.text])).toEqual([
      [0, 'from task 0'],
      [1, 'from task 1'],
      [2, 'from task 2'],
    ]);
    expect(answer.flushes).toBe(3);
  });

  it('counts its flushes anew in each flight', async () => {
    const { send, flushed } = runnerOf(moduleOf(module));
    await send({}, [member({ action: 'unsure' }), member({ action: 'unsure' })]);
    const before = flushed.length;
    const answer = await send({}, [member({ action: 'unsure' })]);
    expect([before, answer.flushes, flushed.length - before]).toEqual([2, 1, 1]);
  });
});
