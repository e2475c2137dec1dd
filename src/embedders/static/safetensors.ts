import { badModel } from './bad-model.js';

/** Where a tensor lies in a safetensors file. */
export interface Tensor {
  readonly name: string;
  /** As the file says it: `'F32'`, `'I64'`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes from the beginning of the file. */
  readonly from: number;
  readonly bytes: number;
}

/** Bytes of one number. */
export const DTYPE_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

// The header's length, an unsigned number of 64 bits.
const LENGTH_BYTES = 8;
// What the reference implementation allows.
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads which tensors a safetensors file has (https://huggingface.co/docs/safetensors/index#format), and checks what the
 * format promises: tensors of the size that their shape says, one after the other, without gap, to the end of the file.
 *
 * @param read gives so many bytes from there on; asked only for what lies within `fileBytes`.
 * @throws TreadleError INVALID_ARGUMENT that names `path` and what is wrong.
 */
export function readTensors(
  path: string,
  fileBytes: number,
  read: (from: number, bytes: number) => Uint8Array,
): Map<string, Tensor> {
  if (fileBytes < LENGTH_BYTES) throw badModel(path, `a safetensors file has 8 bytes at least, this one ${fileBytes}`);
  const length = read(0, LENGTH_BYTES);
  const view = new DataView(length.buffer, length.byteOffset, LENGTH_BYTES);
  const headerBytes = Number(view.getBigUint64(0, true));
  const rest = fileBytes - LENGTH_BYTES;
  if (headerBytes > rest) throw badModel(path, `its header should have ${headerBytes} bytes, and only ${rest} follow`);
  if (headerBytes > MAX_HEADER_BYTES) throw badModel(path, `its header of ${headerBytes} bytes is too large`);
  const header = parseHeader(path, read(LENGTH_BYTES, headerBytes));
  const dataFrom = LENGTH_BYTES + headerBytes;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => checkTensor(path, name, entry, dataFrom));
  checkPlaces(path, tensors, dataFrom, fileBytes);
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

function parseHeader(path: string, bytes: Uint8Array): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw badModel(path, 'its safetensors header is no JSON', error);
  }
  if (typeof header === 'object' && header !== null && !Array.isArray(header)) return header;
  throw badModel(path, 'its safetensors header is no JSON object');
}

function checkTensor(path: string, name: string, entry: unknown, dataFrom: number): Tensor {
  const tensor = `tensor ${JSON.stringify(name)}`;
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string') throw badModel(path, `${tensor} has no dtype`);
  if (!isSizes(shape)) throw badModel(path, `${tensor} has no shape of whole numbers`);
  if (!isSizes(offsets) || offsets.length !== 2) throw badModel(path, `${tensor} has no two data_offsets`);
  const [begin, end] = offsets as readonly [number, number];
  const bytes = end - begin;
  // Nothing is known of the size of other numbers, and nobody here reads them.
  const itemBytes = Object.hasOwn(DTYPE_BYTES, dtype) ? DTYPE_BYTES[dtype] : undefined;
  const wanted = itemBytes === undefined ? bytes : shape.reduce((product, size) => product * size, itemBytes);
  if (bytes < 0 || bytes !== wanted) {
    const form = `${dtype} [${shape.join(', ')}]`;
    throw badModel(
      path,
      `${tensor}, ${form}, takes ${wanted} bytes, its data_offsets ${begin} to ${end} say otherwise`,
    );
  }
  return { name, dtype, shape, from: dataFrom + begin, bytes };
}

function checkPlaces(path: string, tensors: readonly Tensor[], dataFrom: number, fileBytes: number): void {
  let at = dataFrom;
  for (const { name, from, bytes } of tensors.toSorted((a, b) => a.from - b.from || a.bytes - b.bytes)) {
    if (from !== at) {
      throw badModel(path, `tensor "${name}" ${from < at ? 'overlaps another' : 'has a gap before it'}`);
    }
    at += bytes;
  }
  if (at === fileBytes) return;
  throw badModel(
    path,
    `its tensors need ${at} bytes, the file has ${fileBytes}${at > fileBytes ? ': it is cut off' : ''}`,
  );
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
