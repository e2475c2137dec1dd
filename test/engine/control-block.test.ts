import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ControlBlock, MAX_MEMBERS } from '../../dist/engine/control-block.js';

const LAST_EPOCH = 2 ** 29 - 1;
const epoch = fc.oneof(fc.integer({ min: 1, max: LAST_EPOCH }), fc.constantFrom(1, 2, LAST_EPOCH - 1, LAST_EPOCH));

/** The two sides of one block. */
function sides(): { host: ControlBlock; thread: ControlBlock } {
  const host = new ControlBlock();
  return { host, thread: new ControlBlock(host.buffer) };
}

describe('a claim', () => {
  it('goes to exactly one side, whoever comes first, for each member and in every epoch', () => {
    const moves = fc.array(fc.record({ index: fc.nat(MAX_MEMBERS - 1), host: fc.boolean() }), { maxLength: 40 });
    fc.assert(
      fc.property(epoch, moves, (now, list) => {
        const { host, thread } = sides();
        host.launch(now, MAX_MEMBERS);
        const taken = new Map<number, 'host' | 'thread'>();
        for (const { index, host: byHost } of list) {
          const won = byHost ? host.takeBack(now, index) : thread.claim(now, index);
          expect(won).toBe(!taken.has(index));
          if (won) taken.set(index, byHost ? 'host' : 'thread');
          expect(host.isClaimed(now, index)).toBe(taken.get(index) === 'thread');
        }
      }),
    );
  });

  it('of another epoch is refused, on both sides', () => {
    fc.assert(
      fc.property(epoch, epoch, (now, other) => {
        fc.pre(now !== other);
        const { host, thread } = sides();
        host.launch(now, 1);
        expect([thread.claim(other, 0), host.takeBack(other, 0), host.isClaimed(other, 0)]).toEqual([
          false,
          false,
          false,
        ]);
        expect(thread.claim(now, 0)).toBe(true);
      }),
    );
  });

  it('can be had anew after the next launch, whatever became of it before', () => {
    const { host, thread } = sides();
    host.launch(1, 3);
    thread.claim(1, 0);
    host.takeBack(1, 1);
    host.launch(2, 3);
    expect([0, 1, 2].map((index) => thread.claim(2, index))).toEqual([true, true, true]);
  });

  it('is had once between two threads that race for it', async () => {
    const host = new ControlBlock();
    const epochs = 300;
    // Both sides spin on these cells, so that they start on the members at the same time.
    const cells = new Int32Array(new SharedArrayBuffer(12));
    const [GO, DONE, WON] = [0, 1, 2] as const;
    const url = JSON.stringify(new URL('../../dist/engine/control-block.js', import.meta.url).href);
    const code = `import { workerData } from 'node:worker_threads';
      const { ControlBlock } = await import(${url});
      const block = new ControlBlock(workerData.buffer);
      const { cells } = workerData;
      for (let epoch = 1; epoch <= ${epochs}; epoch++) {
        while (Atomics.load(cells, ${GO}) < epoch);
        for (let index = 0; index < ${MAX_MEMBERS}; index++) if (block.claim(epoch, index)) cells[${WON}]++;
        Atomics.store(cells, ${DONE}, epoch);
        Atomics.notify(cells, ${DONE});
      }`;
    const source = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const worker = new Worker(source, { workerData: { buffer: host.buffer, cells } });
    const left = once(worker, 'exit');
    let hostWon = 0;
    for (let now = 1; now <= epochs; now++) {
      host.launch(now, MAX_MEMBERS);
      Atomics.store(cells, GO, now);
      for (let index = MAX_MEMBERS - 1; index >= 0; index--) if (host.takeBack(now, index)) hostWon++;
      Atomics.wait(cells, DONE, now - 1);
    }
    await left;
    expect((cells[WON] as number) + hostWon).toBe(epochs * MAX_MEMBERS);
  });
});

describe('an epoch', () => {
  it('comes after every other, and 1 comes after the last', () => {
    fc.assert(
      fc.property(epoch, (now) => {
        const next = ControlBlock.nextEpoch(now);
        expect(next).toBe(now === LAST_EPOCH ? 1 : now + 1);
        const { host, thread } = sides();
        host.launch(now, 1);
        host.takeBack(now, 0);
        host.launch(next, 1);
        expect(thread.claim(next, 0)).toBe(true);
      }),
    );
  });
});

describe('a request to stop', () => {
  it('is for a member that has begun, of one epoch, and is made once', () => {
    const member = fc.nat(MAX_MEMBERS - 1);
    fc.assert(
      fc.property(epoch, epoch, member, member, (now, other, index, neighbour) => {
        fc.pre(now !== other && index !== neighbour);
        const { host, thread } = sides();
        host.launch(now, MAX_MEMBERS);
        expect(host.ask(now, index)).toBe(false);
        thread.claim(now, index);
        thread.claim(now, neighbour);
        expect([host.ask(other, index), thread.isAsked(now, index)]).toEqual([false, false]);
        expect([host.ask(now, index), host.ask(now, index)]).toEqual([true, false]);
        expect([thread.isAsked(now, index), thread.isAsked(other, index)]).toEqual([true, false]);
        expect(thread.isAsked(now, neighbour)).toBe(false);
        // It has still begun, and nobody takes it back.
        expect([host.isClaimed(now, index), host.takeBack(now, index)]).toEqual([true, false]);
      }),
    );
  });

  it('of long ago is none of a flight that has the same number, after the numbers wrapped', () => {
    const { host, thread } = sides();
    host.launch(7, 1);
    thread.claim(7, 0);
    host.ask(7, 0);
    expect(thread.isAsked(7, 0)).toBe(true);
    host.launch(7, 1);
    expect(thread.isAsked(7, 0)).toBe(false);
    thread.claim(7, 0);
    expect(thread.isAsked(7, 0)).toBe(false);
  });

  it('is not for a member that was taken back', () => {
    const { host, thread } = sides();
    host.launch(1, 1);
    host.takeBack(1, 0);
    expect([host.ask(1, 0), thread.claim(1, 0), thread.isAsked(1, 0)]).toEqual([false, false, false]);
  });
});

describe('what a thread says of its end', () => {
  it('is of one epoch, and starts anew with each launch', () => {
    const { host, thread } = sides();
    host.launch(7, 1);
    thread.noteStrayExit(7);
    thread.leave(7);
    expect([host.isStrayExit(7), host.isStrayExit(8)]).toEqual([true, false]);
    expect([host.waitUntilLeft(7, 0), host.waitUntilLeft(8, 0)]).toEqual([true, false]);
    // Epochs come round again.
    host.launch(7, 1);
    expect([host.isStrayExit(7), host.waitUntilLeft(7, 0)]).toEqual([false, false]);
  });

  it('wakes the host that waits until it has left', async () => {
    const host = new ControlBlock();
    host.launch(3, 1);
    const url = JSON.stringify(new URL('../../dist/engine/control-block.js', import.meta.url).href);
    const code = `import { workerData } from 'node:worker_threads';
      const { ControlBlock } = await import(${url});
      const block = new ControlBlock(workerData);
      block.leave(2);
      block.leave(3);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: host.buffer });
    const left = once(worker, 'exit');
    await once(worker, 'online');
    // It blocks this thread: the worker needs nothing of it.
    expect(host.waitUntilLeft(3, 20_000)).toBe(true);
    await left;
  });
});

describe('the counters', () => {
  it('hold what the thread wrote last, and beat each time', () => {
    const { host, thread } = sides();
    host.launch(1, 1);
    expect(host.sample()).toMatchObject({ done: 0, total: Number.NaN });
    const before = host.sample().beats;
    thread.count(2 ** 40 + 0.5);
    thread.count(3);
    thread.countTotal(2 ** 50);
    expect(host.sample()).toEqual({ done: 3, total: 2 ** 50, beats: before + 2 });
  });

  it('start anew with each launch', () => {
    const { host, thread } = sides();
    host.launch(1, 1);
    thread.count(5);
    thread.countTotal(9);
    host.launch(2, 1);
    expect(host.sample()).toMatchObject({ done: 0, total: Number.NaN });
  });

  it('start anew with each member that the thread begins', () => {
    const { host, thread } = sides();
    host.launch(1, 2);
    thread.claim(1, 0);
    thread.count(5);
    thread.countTotal(9);
    thread.claim(1, 1);
    expect(host.sample()).toMatchObject({ done: 0, total: Number.NaN });
  });

  it('say while a module is loaded', () => {
    const { host, thread } = sides();
    const seen = [host.loading];
    thread.setLoading(true);
    seen.push(host.loading);
    thread.setLoading(false);
    expect([...seen, host.loading]).toEqual([false, true, false]);
  });
});
