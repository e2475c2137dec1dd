import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A tensor to be written: its bytes are those of `data`. */
export interface NewTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: NodeJS.ArrayBufferView;
}

export type Entry = { dtype: string; shape: readonly number[]; data_offsets: [number, number] };

/** A safetensors file; `change` may spoil its header. */
export function safetensors(
  tensors: Readonly<Record<string, NewTensor>>,
  change: (header: Record<string, Entry>) => unknown = (header) => header,
): Buffer {
  let at = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]): [string, Entry] => {
      const entry: Entry = { dtype, shape, data_offsets: [at, at + data.byteLength] };
      at += data.byteLength;
      return [name, entry];
    }),
  );
  const json = Buffer.from(JSON.stringify(change(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const parts = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return Buffer.concat([length, json, ...parts]);
}

/** The tokenizer.json of a BERT-like tokenizer whose tokens are numbered as they are listed. */
export function wordPiece(tokens: readonly string[], more: object = {}): object {
  const special = tokens.filter((token) => /^\[.*\]$/.test(token));
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => Object.assign({ id: tokens.indexOf(content), content }, flags)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
    ...more,
  };
}

/** A temporary folder with these files, by path; text, bytes or what becomes JSON. */
export function folderOf(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-static-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const raw = typeof content === 'string' || ArrayBuffer.isView(content);
    writeFileSync(join(folder, path), raw ? (content as string) : JSON.stringify(content));
  }
  return folder;
}

/** A matrix of numbers from -1 to 1 that are the same each time. */
export function numbers(count: number): Float32Array<ArrayBuffer> {
  const matrix = new Float32Array(count);
  let state = 1;
  for (let at = 0; at < count; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    matrix[at] = state / 2 ** 31;
  }
  return matrix;
}

export function floats(rows: number, columns: number): NewTensor {
  return { dtype: 'F32', shape: [rows, columns], data: numbers(rows * columns) };
}

/** The sum of rows, each times its weight, made length 1. */
export function meanOf(
  table: ArrayLike<number>,
  columns: number,
  rows: readonly (readonly [row: number, weight: number])[],
): number[] {
  const sum = Array.from({ length: columns }, (_, at) =>
    rows.reduce((total, [row, weight]) => total + (table[row * columns + at] as number) * weight, 0),
  );
  const length = Math.hypot(...sum);
  return sum.map((number) => number / length);
}
