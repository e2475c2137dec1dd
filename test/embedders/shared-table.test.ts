import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type SharedModel, type StaticModelOptions, staticModel } from 'treadle/embedders/static';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SharedTable } from '../../dist/embedders/static/shared-table.js';
import type { Section } from '../../dist/embedders/static/model-plan.js';
import { floats, folderOf, safetensors, wordPiece } from '../support/static-model.js';

const ROWS = 4_096;
const COLUMNS = 1_024;
const TOKENS = Array.from({ length: ROWS }, (_, token) => `t${token}`);

function model(): string {
  const weights = { dtype: 'F64', shape: [ROWS], data: Float64Array.from(TOKENS, (_, token) => token) };
  return folderOf({
    'model.safetensors': safetensors({ embeddings: floats(ROWS, COLUMNS), weights }),
    'tokenizer.json': wordPiece(['[UNK]', ...TOKENS.slice(1)]),
  });
}

function tableOf(
  folder: string,
  options: Partial<StaticModelOptions> = {},
): { shared: SharedModel; table: SharedTable } {
  const { shared } = staticModel({ folder, ...options }).options as { shared: SharedModel };
  return { shared, table: new SharedTable(shared.plan, shared.buffer) };
}

function startLoader(shared: SharedModel): Worker {
  const worker = new Worker(new URL('../dist/table-loader.js', import.meta.url), { workerData: shared });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

/** Expects the first numbers of each row, and all weights, as they are in the file. */
function expectWhole({ plan }: SharedModel, table: SharedTable): void {
  const file = readFileSync(plan.model.path);
  for (const section of [plan.vectors, plan.weights as Section]) {
    const itemBytes = section === plan.vectors ? 4 : 8;
    const rowBytes = section.kept * itemBytes;
    const memory = Buffer.from(table.buffer, table.placeOf(section), ROWS * rowBytes);
    const wrong = TOKENS.findIndex((_, row) => {
      const from = section.from + row * section.columns * itemBytes;
      return memory.compare(file, from, from + rowBytes, row * rowBytes, (row + 1) * rowBytes) !== 0;
    });
    expect(wrong, `the first wrong row of ${section.tensor}`).toBe(-1);
  }
}

describe('a shared table', () => {
  it('holds what the file holds, or the first numbers of each row', async () => {
    const folder = model();
    const whole = tableOf(folder);
    await whole.table.load();
    expectWhole(whole.shared, whole.table);
    const part = tableOf(folder, { dimensions: 100 });
    await part.table.load();
    expectWhole(part.shared, part.table);
    expect(part.shared.buffer.byteLength).toBeLessThan(whole.shared.buffer.byteLength / 9);
    expect(part.table.digest().equals(whole.table.digest())).toBe(true);
  });

  it('is loaded by threads at the same time, and by each of them seen whole', async () => {
    const { shared, table } = tableOf(model());
    const digests = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const [digest] = (await once(startLoader(shared), 'message')) as [string];
        return digest;
      }),
    );
    expect(new Set(digests)).toEqual(new Set([table.digest().toString('hex')]));
    expectWhole(shared, table);
  });

  it('is whole after threads were killed while they loaded it', async () => {
    const folder = model();
    let killedInTheMiddle = 0;
    for (let moment = 1; moment <= 10; moment++) {
      const { shared, table } = tableOf(folder);
      const worker = startLoader(shared);
      while (table.progress.loaded < moment) await turn();
      await worker.terminate();
      const { loaded, pieces } = table.progress;
      if (loaded < pieces) killedInTheMiddle++;
      await table.load();
      expect(table.progress).toEqual({ loaded: pieces, pieces });
      expectWhole(shared, table);
    }
    expect(killedInTheMiddle).toBeGreaterThan(0);
  });

  it('repairs what somebody began to load and did not finish', async () => {
    const { shared, table } = tableOf(model());
    const { plan, buffer } = shared;
    // All pieces are taken, some bytes are written, and nothing is marked as there.
    Atomics.store(new Int32Array(buffer), 0, table.progress.pieces);
    new Uint8Array(buffer, table.placeOf(plan.vectors)).fill(0xaa);
    await table.load();
    expectWhole(shared, table);
  });
});
