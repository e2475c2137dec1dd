import * as fc from 'fast-check';
import { TreadleError } from 'treadle';
import { describe, expect, it } from 'vitest';
import { type Tensor, readTensors } from '../../dist/embedders/static/safetensors.js';
import { type Entry, safetensors } from '../support/static-model.js';

/** Reads a file in memory, and fails when it is asked for bytes beyond it. */
function read(file: Uint8Array): Map<string, Tensor> {
  return readTensors('m.safetensors', file.length, (from, bytes) => {
    expect(from + bytes).toBeLessThanOrEqual(file.length);
    return file.subarray(from, from + bytes);
  });
}

const two = {
  a: { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  b: { dtype: 'I64', shape: [2], data: BigInt64Array.of(7n, 8n) },
};

function spoilt(change: (a: Entry, b: Entry, header: Record<string, Entry>) => unknown): Buffer {
  return safetensors(two, (header) => change(header['a'] as Entry, header['b'] as Entry, header) ?? header);
}

describe('a safetensors file', () => {
  it('tells where each tensor lies', () => {
    const file = safetensors(two, (header) => ({ __metadata__: { format: 'pt' }, ...header }));
    const [a, b] = [...read(file).values()];
    expect(a).toMatchObject({ name: 'a', dtype: 'F32', shape: [2, 3], bytes: 24 });
    expect(b).toMatchObject({ name: 'b', dtype: 'I64', shape: [2], bytes: 16 });
    expect(file.readFloatLE(a?.from)).toBe(1);
    expect(file.readBigInt64LE(b?.from)).toBe(7n);
    expect(read(safetensors({})).size).toBe(0);
  });

  it('may have tensors in any order, empty ones, single numbers and dtypes that are unknown here', () => {
    const file = safetensors(
      {
        b: two.b,
        none: { dtype: 'F16', shape: [0, 5], data: new Uint8Array(0) },
        one: { dtype: 'F64', shape: [], data: Float64Array.of(1) },
        odd: { dtype: 'F4', shape: [3], data: new Uint8Array(2) },
      },
      ({ b, ...rest }) => ({ ...rest, b }),
    );
    expect([...read(file).keys()]).toEqual(['none', 'one', 'odd', 'b']);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['too short', new Uint8Array(7), /8 bytes at least, this one 7/],
    ['a header beyond its end', Buffer.from('ff00000000000000', 'hex'), /should have 255 bytes, and only 0 follow/],
    ['a header of 2^64 bytes', Buffer.alloc(16, 0xff), /only 8 follow/],
    ['no JSON', Buffer.from('02000000000000007b7b', 'hex'), /header is no JSON$/],
    ['no UTF-8', Buffer.from('040000000000000022ff2222', 'hex'), /header is no JSON$/],
    ['a list', Buffer.from('02000000000000005b5d', 'hex'), /no JSON object/],
    ['null', Buffer.from('04000000000000006e756c6c', 'hex'), /no JSON object/],
    ['no dtype', spoilt((a) => delete (a as Partial<Entry>).dtype && undefined), /tensor "a" has no dtype/],
    ['a tensor that is null', spoilt((_, b) => ({ a: null, b })), /tensor "a" has no dtype/],
    ['a negative size', spoilt((a) => void (a.shape = [-2, -3])), /tensor "a" has no shape/],
    ['a size with a fraction', spoilt((a) => void (a.shape = [1.5, 4])), /tensor "a" has no shape/],
    ['another size', spoilt((a) => void (a.shape = [2, 2])), /"a", F32 \[2, 2\], takes 16 bytes, .* 0 to 24 say/],
    ['an immense size', spoilt((a) => void (a.shape = [2 ** 50, 2 ** 50])), /say otherwise/],
    ['three offsets', spoilt((a) => void (a.data_offsets as number[]).push(1)), /no two data_offsets/],
    ['offsets the wrong way', spoilt((a) => void a.data_offsets.reverse()), /say otherwise/],
    ['overlapping tensors', spoilt((_, b) => void (b.data_offsets = [8, 24])), /"b" overlaps another/],
    ['a gap', spoilt((_, b) => void (b.data_offsets = [32, 48])), /"b" has a gap before it/],
    ['a missing tensor', spoilt((a) => ({ a })), /need .* bytes, the file has/],
    ['a missing end', spoilt(() => undefined).subarray(0, -1), /cut off/],
  ])('is refused with %s', (_, file, message) => {
    expect(() => read(file)).toThrow(TreadleError);
    expect(() => read(file)).toThrow(message);
  });

  it('is read within its bounds, or refused with a clear error, whatever is in it', () => {
    const dtype = fc.constantFrom('F32', 'F16', 'I8', 'F4', '', '__proto__');
    const size = fc.oneof(fc.nat(6), fc.integer(), fc.double(), fc.constant(null));
    const entry = fc.record(
      { dtype, shape: fc.array(size, { maxLength: 3 }), data_offsets: fc.array(size, { maxLength: 3 }) },
      { requiredKeys: [] },
    );
    const header = fc.oneof(fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue())), fc.jsonValue());
    const headed = fc.tuple(header, fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), fc.uint8Array());
    const file = headed.map(([json, length, data]) => {
      const text = Buffer.from(JSON.stringify(json));
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(length ?? BigInt(text.length));
      return Buffer.concat([prefix, text, data]);
    });
    const spoiltByte = fc.tuple(fc.nat(), fc.nat(255), fc.nat()).map(([at, byte, end]) => {
      const whole = spoilt(() => undefined);
      whole[at % whole.length] = byte;
      return end % 3 === 0 ? whole.subarray(0, end % whole.length) : whole;
    });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(file, spoiltByte, fc.uint8Array()), (bytes) => {
        let tensors: Map<string, Tensor>;
        try {
          tensors = read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(TreadleError);
          expect((error as Error).message).toMatch(/^Expected m\.safetensors to belong to /);
          refused++;
          return;
        }
        accepted++;
        const sum = [...tensors.values()].reduce((total, tensor) => total + tensor.bytes, 0);
        expect(sum).toBeLessThanOrEqual(bytes.length);
        for (const tensor of tensors.values()) expect(tensor.from + tensor.bytes).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(10);
  });
});
