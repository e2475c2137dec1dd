import { setImmediate as turn } from 'node:timers/promises';
import { type TaskContext, defineTask } from 'treadle/task';
import { describe, expect, it } from 'vitest';
import { busyFor, moduleOf, runnerOf } from '../support/chunk-runner.js';

type Work = (ctx: TaskContext) => unknown;

const worker = (): unknown => defineTask((work: Work, ctx: TaskContext) => work(ctx));

function working(...urls: string[]) {
  const made = runnerOf(...(urls.length > 0 ? urls : [moduleOf(worker())]));
  const send = (work: Work, type = 0) => made.send({ type }, [work]);
  return {
    ...made,
    send,
    run: async (work: Work, type = 0): Promise<unknown> => {
      const [outcome] = (await send(work, type)).outcomes;
      return outcome?.kind === 'returned' ? outcome.value : outcome?.kind;
    },
  };
}

describe('what a thread keeps warm', () => {
  it('is made once for each key, however many chunks and tasks ask for it', async () => {
    const { run } = working();
    let made = 0;
    const get: Work = (ctx) => ctx.perThread('counter', () => ++made);
    expect([
      await run(get),
      await run(get),
      await run((ctx) => ctx.perThread('other', () => ++made)),
      await run(get),
    ]).toEqual([1, 1, 2, 1]);
  });

  it('is kept apart for each module, also where the keys are equal', async () => {
    const { run } = working(moduleOf(worker()), moduleOf(worker()));
    const get =
      (value: string): Work =>
      (ctx) =>
        ctx.perThread('db', () => value);
    expect([await run(get('a'), 0), await run(get('b'), 1), await run(get('c'), 0)]).toEqual(['a', 'b', 'a']);
  });

  it('may be nothing: undefined is kept as well', async () => {
    const { run } = working();
    let made = 0;
    const get: Work = (ctx) => ctx.perThread('nothing', () => void made++);
    await run(get);
    await run(get);
    expect(made).toBe(1);
  });

  it('is made again after a factory that threw or a promise that was rejected', async () => {
    const { run } = working();
    let made = 0;
    const throwing: Work = (ctx) =>
      ctx.perThread('throws', () => {
        if (++made === 1) throw new Error('not yet');
        return 'up';
      });
    const rejecting: Work = (ctx) =>
      ctx.perThread('rejects', () => (++made === 3 ? Promise.reject(new Error('not yet')) : Promise.resolve('up')));
    expect([await run(throwing), await run(throwing), await run(throwing)]).toEqual(['threw', 'up', 'up']);
    expect([await run(rejecting), await run(rejecting), await run(rejecting)]).toEqual(['threw', 'up', 'up']);
    expect(made).toBe(4);
  });

  it('is awaited together by those who ask while it is made', async () => {
    const { run } = working();
    let made = 0;
    const get = (ctx: TaskContext): Promise<number> => ctx.perThread('slow', () => turn().then(() => ++made));
    expect(await run((ctx) => Promise.all([get(ctx), get(ctx), get(ctx)]))).toEqual([1, 1, 1]);
  });
});

describe('set-up', () => {
  const slow = 30;

  it.each(['synchronous', 'asynchronous'])('is not counted as work, and work is (%s)', async (kind) => {
    const { send } = working();
    let setupMs = 0;
    const setUp = (): void => {
      const start = performance.now();
      busyFor(slow);
      setupMs = performance.now() - start;
    };
    const start = performance.now();
    const { left } = await send(async (ctx) => {
      await ctx.perThread('thing', () => (kind === 'synchronous' ? setUp() : turn().then(setUp)));
      busyFor(5);
    });
    expect(left.ms).toBeGreaterThanOrEqual(4.9);
    expect(left.ms).toBeLessThanOrEqual(performance.now() - start - setupMs);
  });

  it('that was done long ago takes nothing from the work of today', async () => {
    const { send } = working();
    const get: Work = (ctx) => {
      ctx.perThread('thing', () => busyFor(slow));
      busyFor(5);
    };
    await send(get);
    expect((await send(get)).left.ms).toBeGreaterThanOrEqual(4.9);
  });

  it('within set-up is counted once, so that the work beside it still is', async () => {
    const { send } = working();
    const { left } = await send((ctx) => {
      ctx.perThread('outer', () => ctx.perThread('inner', () => busyFor(slow)));
      busyFor(5);
    });
    expect(left.ms).toBeGreaterThanOrEqual(4.9);
  });

  it('that ends in a later chunk does not eat up the work of that chunk', async () => {
    const { send } = working();
    let ready: () => void = () => {};
    // Nobody awaits it in the first chunk.
    await send((ctx) => void ctx.perThread('early', () => new Promise<void>((resolve) => void (ready = resolve))));
    busyFor(slow);
    const { left } = await send(async () => {
      ready();
      await turn();
      busyFor(5);
    });
    expect(left.ms).toBeGreaterThanOrEqual(4.9);
  });

  it('of a module is not counted either', async () => {
    const loading = 'globalThis.loadedMs = 0; const start = performance.now(); while (performance.now() - start < 30);';
    const { send } = working(moduleOf(worker(), `${loading} globalThis.loadedMs = performance.now() - start;`));
    const start = performance.now();
    const { left } = await send(() => 1);
    const { loadedMs } = globalThis as unknown as { loadedMs: number };
    expect(loadedMs).toBeGreaterThanOrEqual(30);
    expect(left.ms).toBeLessThanOrEqual(performance.now() - start - loadedMs);
  });
});

describe('disposal', () => {
  it('goes from the newest to the oldest, by asyncDispose, dispose or close, and one that fails keeps nobody', async () => {
    const { run, runner } = working();
    const order: string[] = [];
    const asyncDispose: unique symbol = (Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')) as never;
    const dispose: unique symbol = (Symbol.dispose ?? Symbol.for('nodejs.dispose')) as never;
    const things: Record<string, unknown> = {
      closes: { close: () => order.push('close') },
      fails: {
        close: () => {
          order.push('fails');
          throw new Error('no');
        },
      },
      disposes: { [dispose]: () => order.push('dispose'), close: () => order.push('not this') },
      waits: {
        [asyncDispose]: async () => {
          await turn();
          order.push('asyncDispose');
        },
        [dispose]: () => order.push('nor this'),
      },
      later: Promise.resolve({ close: () => order.push('of a promise') }),
      plain: 5,
    };
    for (const [key, thing] of Object.entries(things)) await run((ctx) => void ctx.perThread(key, () => thing));
    await runner.dispose();
    expect(order).toEqual(['of a promise', 'asyncDispose', 'dispose', 'fails', 'close']);
    await runner.dispose();
    expect(order.length).toBe(5);
  });

  it('lets the next one who asks make a new thing', async () => {
    const { run, runner } = working();
    let made = 0;
    const get: Work = (ctx) => ctx.perThread('counter', () => ++made);
    await run(get);
    await runner.dispose();
    expect(await run(get)).toBe(2);
  });
});
