import { type TaskContext, defineBatch, defineTask } from 'treadle/task';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { errorOf, moduleOf, runnerOf } from '../support/chunk-runner.js';

type Work = (ctx: TaskContext) => unknown;

/** A runner whose task does what each chunk brings along. */
function working() {
  const made = runnerOf(moduleOf(defineTask((work: Work, ctx: TaskContext) => work(ctx))));
  return { ...made, run: (work: Work) => made.outcome({}, work) };
}

/** The context of a flight that is over. */
async function staleContext(made: ReturnType<typeof working>): Promise<TaskContext> {
  let context: TaskContext | undefined;
  await made.run((ctx) => void (context = ctx));
  if (context === undefined) throw new Error('It did not run');
  return context;
}

describe('a context whose flight is over', () => {
  it('writes no counters and sends no notes', async () => {
    const made = working();
    const stale = await staleContext(made);
    await made.run((ctx) => {
      ctx.progress(3, 10);
      stale.progress(99, 100);
      stale.log('late');
      stale.stage('late');
    });
    expect(made.control.sample()).toMatchObject({ done: 3, total: 10 });
    expect(made.notes()).toEqual([]);
    const { beats } = made.control.sample();
    stale.progress(99);
    expect(made.control.sample()).toMatchObject({ done: 3, beats });
  });

  it('tells what still runs by it to stop', async () => {
    const made = working();
    const stale = await staleContext(made);
    expect(stale.signal.aborted).toBe(true);
    expect(() => stale.throwIfCancelled()).toThrow('told to stop');
  });

  it('does not pass for a stop of the flight in which somebody still uses it', async () => {
    const made = working();
    const stale = await staleContext(made);
    // A connection that a thread keeps warm may hold the context it was opened with.
    expect(await made.run(() => stale.throwIfCancelled())).toMatchObject({ kind: 'threw', code: 'TASK_FAILED' });
  });

  it('does not pass for a stop of a batch either', async () => {
    const stale = await staleContext(working());
    const each = (): void => stale.throwIfCancelled();
    const batch = runnerOf(moduleOf(defineBatch({ each })));
    expect(await batch.outcome({ slice: { from: 0, to: 1, items: [1] } })).toMatchObject({ kind: 'threw', item: 0 });
  });
});

describe('a cancel', () => {
  it('stops work that asks, and work that waits for the signal', async () => {
    const { run, control, epoch, runner } = working();
    const asks: Work = (ctx) => {
      ctx.throwIfCancelled();
      control.ask(epoch(), 0);
      ctx.throwIfCancelled();
    };
    const waits: Work = (ctx) => {
      const aborted = new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
      });
      control.ask(epoch(), 0);
      runner.wake({ cancel: epoch(), member: 0 });
      return aborted;
    };
    expect(await run(asks)).toEqual({ kind: 'stopped', begun: true });
    expect(await run(waits)).toEqual({ kind: 'stopped', begun: true });
  });

  it('is seen by a signal that is asked for only afterwards', async () => {
    const { run, control, epoch } = working();
    let aborted = false;
    await run((ctx) => {
      control.ask(epoch(), 0);
      aborted = ctx.signal.aborted;
    });
    expect(aborted).toBe(true);
  });

  it('of another flight, or another member, wakes nobody', async () => {
    const { run, epoch, runner } = working();
    const outcome = await run((ctx) => {
      const { signal } = ctx;
      runner.wake({ cancel: epoch() - 1, member: 0 });
      runner.wake({ cancel: epoch(), member: 1 });
      return signal.aborted;
    });
    expect(outcome).toMatchObject({ kind: 'returned', value: false });
  });

  it('leaves alone what returns or fails on its own all the same', async () => {
    const { run, control, epoch } = working();
    expect(await run(() => (control.ask(epoch(), 0), 'done'))).toMatchObject({ kind: 'returned', value: 'done' });
    const failed = await run(() => {
      control.ask(epoch(), 0);
      throw new RangeError('broken');
    });
    expect([failed.kind, errorOf(failed)?.name]).toEqual(['threw', 'RangeError']);
  });

  it('is no reason for an error that can not even be looked at', async () => {
    const { run, control, epoch } = working();
    const hostile: Work = () => {
      control.ask(epoch(), 0);
      throw Object.defineProperty(new Error('hostile'), 'name', {
        get: () => {
          throw new Error('not even the name');
        },
      });
    };
    expect(await run(hostile)).toMatchObject({ kind: 'threw', code: 'TASK_FAILED', error: { message: 'hostile' } });
  });

  it('stops each between two items', async () => {
    const done: number[] = [];
    const each = (item: number): void => {
      done.push(item);
      if (item === 2) made.control.ask(made.epoch(), 0);
    };
    const made = runnerOf(moduleOf(defineBatch({ each })));
    expect(await made.outcome({ slice: { from: 0, to: 4, items: [1, 2, 3, 4] } })).toEqual({
      kind: 'stopped',
      begun: true,
    });
    expect(done).toEqual([1, 2]);
  });

  it('is not what an AbortError of something else means', async () => {
    const { run } = working();
    const failed = await run(() => {
      throw new DOMException('fetch was aborted', 'AbortError');
    });
    expect(failed).toMatchObject({ kind: 'threw', code: 'TASK_FAILED', error: { name: 'AbortError' } });
  });
});

describe('notes', () => {
  /** Time that passes only here; timers fire only where they are let. */
  function fakeTime() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let now = 0;
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now);
    onTestFinished(() => {
      spy.mockRestore();
      vi.useRealTimers();
    });
    return {
      pass: (ms: number): void => void (now += ms),
      fire: (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms),
    };
  }

  it.each(['in a synchronous loop', 'where timers fire'])(
    'go out at once, then each 100 ms, and none is lost at the end, %s',
    async (where) => {
      const time = fakeTime();
      const { run, notes } = working();
      const sentAt: number[] = [];
      await run(async (ctx) => {
        for (let at = 0; at <= 950; at += 5) {
          ctx.stage(`stage ${at}`);
          if (notes().length > sentAt.length) sentAt.push(at);
          time.pass(5);
          if (where === 'where timers fire') await time.fire(5);
        }
        ctx.stage('the last');
      });
      expect(sentAt).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
      expect([notes()[0]?.stage, notes().at(-1)?.stage]).toEqual(['stage 0', 'the last']);
    },
  );

  it('keep the order of messages, the last 50 of what could not be sent, and count the others', async () => {
    const { run, notes } = working();
    await run((ctx) => {
      for (let at = 0; at < 200; at++) ctx.log(`line ${at}`);
    });
    const all = notes();
    const texts = all.flatMap(({ messages }) => messages.map(({ text }) => text));
    const dropped = all.reduce((sum, note) => sum + note.dropped, 0);
    expect(texts.length + dropped).toBe(200);
    expect(texts[0]).toBe('line 0');
    expect(texts.slice(-50)).toEqual(Array.from({ length: 50 }, (_, at) => `line ${at + 150}`));
    expect(all.every(({ messages }) => messages.length <= 50)).toBe(true);
  });

  it('go out by a timer where the work waits', async () => {
    const time = fakeTime();
    const { run, notes } = working();
    const seen: number[] = [];
    await run(async (ctx) => {
      ctx.log('first');
      ctx.log('second');
      seen.push(notes().length);
      time.pass(100);
      await time.fire(100);
      seen.push(notes().length);
    });
    expect(seen).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('go out before the outcome of work that fails', async () => {
    const { run, notes } = working();
    const failed = await run((ctx) => {
      ctx.log('one');
      ctx.log('two');
      throw new Error('no');
    });
    expect(failed.kind).toBe('threw');
    expect(notes().flatMap(({ messages }) => messages.map(({ text }) => text))).toEqual(['one', 'two']);
  });

  it('are cut to what may be sent', async () => {
    const { run, notes } = working();
    await run((ctx) => {
      ctx.log('x'.repeat(1_000_000));
      ctx.stage('y'.repeat(1_000_000));
    });
    const texts = notes().flatMap(({ messages, stage }) => messages.map(({ text }) => text).concat(stage ?? []));
    expect(Math.max(...texts.map((text) => text.length))).toBe(4_000);
  });
});
