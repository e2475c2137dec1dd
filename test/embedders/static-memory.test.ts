import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { floats, folderOf, safetensors, wordPiece } from '../support/static-model.js';

const ROWS = 4_000;
const COLUMNS = 6_400;
const TABLE_BYTES = ROWS * COLUMNS * 4;

const run = promisify(execFile);

interface Memory {
  /** What the threads need for the large model. */
  bytes: number;
  /** The same once the host has loaded it too. */
  withHost: number;
  /** Whether all have the same vector. */
  same: boolean;
}

function model(columns: number): string {
  const tokens = ['[UNK]', ...Array.from({ length: ROWS - 1 }, (_, token) => `w${token}`)];
  return folderOf({
    'model.safetensors': safetensors({ embeddings: floats(ROWS, columns) }),
    'tokenizer.json': wordPiece(tokens),
  });
}

it('needs the memory of one table, for a thread, for four and for the host', { timeout: 120_000 }, async () => {
  const [small, large] = [model(8), model(COLUMNS)];
  const memory = async (threads: number): Promise<Memory> => {
    const script = fileURLToPath(new URL('../dist/static-memory.js', import.meta.url));
    const { stdout } = await run(process.execPath, [script, small, large, String(threads), 'shared']);
    return JSON.parse(stdout) as Memory;
  };
  const one = await memory(1);
  const four = await memory(4);
  const tables = (bytes: number): string => (bytes / TABLE_BYTES).toFixed(2);
  console.log(`tables in memory: ${tables(one.bytes)} for 1 thread, ${tables(four.bytes)} for 4,`);
  console.log(`and ${tables(four.withHost)} for 4 and the host`);
  expect([one.same, four.same]).toEqual([true, true]);
  // It was really loaded.
  expect(one.bytes).toBeGreaterThan(TABLE_BYTES * 0.9);
  // What a thread needs besides, such as the piece that it reads, is far from another half.
  expect(four.bytes).toBeLessThan(TABLE_BYTES * 1.5);
  expect(four.withHost).toBeLessThan(TABLE_BYTES * 1.5);
});
