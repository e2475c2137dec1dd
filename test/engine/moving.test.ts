import { MessageChannel, markAsUntransferable, receiveMessageOnPort } from 'node:worker_threads';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { onTestFinished, describe, expect, it } from 'vitest';
import { transfer } from 'treadle';
import { MAX_MOVED, MIN_MOVED_BYTES, givenIn, postMoving, postWith } from '../../dist/engine/moving.js';

const LARGE = 4_096;

/** Sends a message by `postMoving` over a real port: what arrived, and what was moved. */
function sent(message: unknown): { arrived: unknown; moved: readonly unknown[] } {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  let moved: readonly unknown[] = [];
  postMoving(message, (transferList) => {
    port1.postMessage(message, transferList);
    moved = transferList;
  });
  return { arrived: (receiveMessageOnPort(port2) as { message: unknown }).message, moved };
}

function numbers(length = LARGE): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, at) => at);
}

/** One page of WebAssembly memory, which the types of Node leave out. */
function wasmMemory(): { readonly buffer: ArrayBuffer } {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };
  };
  return new WebAssembly.Memory({ initial: 1 });
}

describe('a message with large buffers', () => {
  it('takes a copy along, and leaves the original as it was', () => {
    const array = numbers();
    const message = { value: array };
    const { arrived, moved } = sent(message);
    expect(arrived).toEqual({ value: numbers() });
    expect(moved).toHaveLength(1);
    expect(moved).not.toContain(array.buffer);
    expect(message.value).toBe(array);
    expect(array).toEqual(numbers());
  });

  it('takes along what was given to transfer itself, wherever it is', () => {
    const [array, inMap, inSet] = [numbers(), numbers(), numbers()];
    transfer({ array: [array], more: new Map([['a', inMap]]), last: new Set([inSet]) });
    const { arrived } = sent({ values: [{ array }, new Map([['b', inMap]]), new Set([inSet])] });
    expect(arrived).toEqual({ values: [{ array: numbers() }, new Map([['b', numbers()]]), new Set([numbers()])] });
    expect([array.byteLength, inMap.byteLength, inSet.byteLength]).toEqual([0, 0, 0]);
  });

  it('takes a buffer once, and views of it arrive on one buffer', () => {
    const array = numbers();
    const views = [array, array, array.subarray(8, 16), new DataView(array.buffer, 64, 8), array.buffer];
    const { arrived, moved } = sent({ values: views });
    const { values } = arrived as { values: [Float32Array, Float32Array, Float32Array, DataView, ArrayBuffer] };
    const [whole, again, part, view, buffer] = values;
    expect(moved).toHaveLength(1);
    expect(whole).toEqual(numbers());
    expect(again).toBe(whole);
    expect(buffer).toBe(whole.buffer);
    expect(part.buffer).toBe(buffer);
    expect(view.buffer).toBe(buffer);
    expect([...part]).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
    expect(view.getFloat32(0, true)).toBe(16);
  });

  it('takes only the part of a buffer that is viewed', () => {
    const bytes = new Uint8Array(1_000_000).fill(1);
    bytes.fill(2, 500_001, 500_100);
    const { arrived } = sent({ value: bytes.subarray(500_001, 500_100) });
    const { value } = arrived as { value: Uint8Array };
    expect([value.length, value.every((byte) => byte === 2)]).toEqual([99, true]);
    expect(value.buffer.byteLength).toBeLessThan(120);
  });

  it('keeps elements of all kinds aligned', () => {
    const { buffer } = numbers();
    const { arrived, moved } = sent([new Uint8Array(buffer, 9, 3), new Float64Array(buffer, 16, 2)]);
    expect(arrived).toEqual([new Uint8Array(buffer, 9, 3), new Float64Array(buffer, 16, 2)]);
    expect(moved).toHaveLength(1);
  });

  it('never moves the pool of small Buffers, or WebAssembly memory, or what was marked', () => {
    const memory = wasmMemory();
    const marked = numbers();
    markAsUntransferable(marked.buffer);
    const small = Buffer.from('small');
    for (const value of [new Float32Array(memory.buffer), marked, small]) {
      const bytes = value.byteLength;
      expect(sent({ value }).arrived).toEqual({ value: Buffer.isBuffer(value) ? new Uint8Array(value) : value });
      transfer(value);
      expect(sent({ value }).arrived).toBeDefined();
      expect(value.byteLength).toBe(bytes);
    }
  });

  it.each([
    ['shared memory', () => new Float32Array(new SharedArrayBuffer(LARGE * 4))],
    ['a small array', () => new Float32Array(8)],
    ['no array', () => ({ a: 'text', b: [1, null, undefined] })],
  ])('is sent as ever with %s', (_, make) => {
    const value = make();
    const { arrived, moved } = sent({ value });
    expect(arrived).toEqual({ value });
    expect(moved).toEqual([]);
  });

  it.each([
    ['in a frozen array', (array: object) => Object.freeze([array])],
    ['in a map', (array: object) => new Map([[1, array]])],
    ['in a set', (array: object) => new Set([array])],
    ['behind a getter', (array: object) => Object.defineProperty({}, 'at', { get: () => array, enumerable: true })],
  ])('is sent as ever with an array %s, where a copy of it has no place', (_, hold) => {
    const array = numbers();
    const { arrived, moved } = sent({ value: hold(array), too: array });
    expect((arrived as { too: unknown }).too).toEqual(array);
    expect(array).toEqual(numbers());
    expect(moved).toEqual([]);
  });

  it('leaves class instances to the clone', () => {
    const array = numbers();
    const instance: unknown = Object.assign(Object.create({ of: 'a class' }) as object, { array });
    const { arrived, moved } = sent({ instance });
    expect(arrived).toEqual({ instance: { array: numbers() } });
    expect(moved).toEqual([]);
  });

  it('goes in circles', () => {
    const message: Record<string, unknown> = { array: numbers() };
    message['self'] = message;
    const { arrived } = sent(message);
    expect(isDeepStrictEqual(arrived, message)).toBe(true);
  });

  it('may be deeper than the stack', () => {
    const deep: Record<string, unknown> = { array: transfer(numbers()) };
    let message = deep;
    for (let depth = 0; depth < 100_000; depth++) message = { message };
    expect(givenIn(message)).toHaveLength(1);
  });

  it('fails as ever where it can not be cloned, and nothing is lost', () => {
    const [array, given] = [numbers(), transfer(numbers())];
    const message = { array, given, unclonable: () => 1 };
    expect(() => sent(message)).toThrow('could not be cloned');
    expect(message.array).toBe(array);
    expect([array, given]).toEqual([numbers(), numbers()]);
  });

  it('moves no more buffers than can be listed in no time', () => {
    const values = Array.from({ length: MAX_MOVED + 10 }, (_, at) => new Uint8Array(MIN_MOVED_BYTES).fill(at));
    const [first, ...more] = values;
    const { arrived, moved } = sent([first, ...more, first]);
    expect(moved).toHaveLength(MAX_MOVED);
    expect(isDeepStrictEqual(arrived, [...values, first])).toBe(true);
    // One that is found again when the list is full is still one.
    expect((arrived as unknown[])[0]).toBe((arrived as unknown[]).at(-1));
  });

  it('arrives as its clone would, whatever it is made of', () => {
    const kinds = [Int8Array, Uint8ClampedArray, Int16Array, Uint32Array, Float32Array, Float64Array, BigUint64Array];
    const view = fc
      .record({ kind: fc.constantFrom(...kinds), block: fc.nat(2), from: fc.nat(3), length: fc.nat(2_000) })
      .map(({ kind, block, from, length }) => ({ kind, block, from, length }));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ depthSize: 'small' }, view, fc.array(tie('tree')), fc.dictionary(fc.string(), tie('tree'))),
    }));
    fc.assert(
      fc.property(fc.array(tree), fc.boolean(), (trees, gives) => {
        const blocks = [0, 1, 2].map((seed) => Uint8Array.from({ length: 20_000 }, (_, at) => at * (seed + 1)).buffer);
        const build = (at: unknown): unknown => {
          if (Array.isArray(at)) return at.map(build);
          const { kind, block, from, length } = at as { kind?: unknown; block: number; from: number; length: number };
          if (typeof kind === 'function')
            return new (kind as typeof Float64Array)(blocks[block] as ArrayBuffer, from * 8, length);
          return Object.fromEntries(Object.entries(at as object).map(([key, value]) => [key, build(value)]));
        };
        const value = build(trees);
        const cloned: unknown = structuredClone(value);
        if (gives) transfer([value as object]);
        expect(isDeepStrictEqual(sent({ value }).arrived, { value: cloned })).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('what was given to transfer for a thread', () => {
  it('is refused where it has gone elsewhere before it is sent', () => {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    const items = transfer([numbers()]);
    const [moves, sameMoves] = [givenIn(items), givenIn(items)];
    postWith(moves, (transferList) => port1.postMessage(items, transferList));
    expect(() => postWith(sameMoves, (transferList) => port1.postMessage(items, transferList))).toThrow('detached');
    expect(receiveMessageOnPort(port2)).toEqual({ message: [numbers()] });
    expect(receiveMessageOnPort(port2)).toBeUndefined();
  });

  it('is found in items, but for small arrays and views of a part', () => {
    const [whole, block, port] = [numbers(), numbers(), new MessageChannel().port1];
    onTestFinished(() => port.close());
    const items = [{ whole }, block.subarray(1), new Uint8Array(8), port];
    expect(givenIn(items)).toEqual([]);
    transfer(items);
    expect(givenIn(items)).toEqual(expect.arrayContaining([whole.buffer, port]));
    expect(givenIn(items)).toHaveLength(2);
    expect(givenIn([numbers()])).toEqual([]);
  });
});
