import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type QueryEmbedder, type TransformersOptions, transformersModel } from 'treadle/embedders/transformers';
import transformersEmbedder from 'treadle/embedders/transformers';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  TINY_WORDS,
  expectedVector,
  temporaryTransformer,
  tokenVectors,
  writeTransformer,
} from '../support/tiny-transformer.js';

async function opened(options: TransformersOptions): Promise<QueryEmbedder> {
  const embedder = await transformersEmbedder(options);
  onTestFinished(() => embedder.close());
  return embedder;
}

function rowsOf(matrix: Float32Array, dimensions = 8): number[][] {
  return Array.from({ length: matrix.length / dimensions }, (_, row) => [
    ...matrix.subarray(row * dimensions, (row + 1) * dimensions),
  ]);
}

function expectClose(actual: readonly number[] | undefined, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [at, number] of expected.entries()) expect(actual?.[at]).toBeCloseTo(number, 5);
}

const WORDS = ['red', 'green', 'blue', 'cat', 'dog', 'bird', 'a', 'b', 'c', 'd', 'e'];

/** Texts of 1 to 11 words in no order of length. */
function mixedTexts(count: number): string[][] {
  return Array.from({ length: count }, (_, n) =>
    Array.from({ length: 1 + ((n * 7) % 11) }, (__, word) => WORDS[(n + word * 3) % WORDS.length] as string),
  );
}

describe('vectors of a transformer model', () => {
  it('are the mean of the tokens, of length 1', async () => {
    const embedder = await opened({ model: temporaryTransformer() });
    expect(embedder.dimensions).toBe(8);
    const [vector] = rowsOf(await embedder.embed(['Red cat']));
    expectClose(vector, expectedVector(['red', 'cat']));
    expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 6);
  });

  it.each([1, 3, 32])('come in the order of the texts, of any lengths, with batchSize %i', async (batchSize) => {
    const embedder = await opened({ model: temporaryTransformer(), batchSize });
    const texts = mixedTexts(100);
    const rows = rowsOf(await embedder.embed(texts.map((words) => words.join(' '))));
    expect(rows).toHaveLength(100);
    for (const [n, words] of texts.entries()) expectClose(rows[n], expectedVector(words));
  });

  it('do not depend on what is embedded with a text: padding is masked', async () => {
    const embedder = await opened({ model: temporaryTransformer() });
    const [alone] = rowsOf(await embedder.embed(['red cat']));
    const long = 'dog bird '.repeat(100);
    const [, among] = rowsOf(await embedder.embed([long, 'red cat', 'blue', long]));
    expectClose(among, alone ?? []);
  });

  it('are those of the first token, of the last, or the model’s own, as pooling says', async () => {
    const texts = ['red cat', 'blue dog bird a b'];
    const model = temporaryTransformer();
    const table = tokenVectors(40, 8);
    const special = { cls: 2, last: 3 } as const;
    for (const pooling of ['cls', 'last'] as const) {
      const embedder = await opened({ model, pooling });
      const rows = rowsOf(await embedder.embed(texts));
      for (const [n, text] of texts.entries()) {
        // The model adds the mean of all tokens to each.
        const ids = [2, ...text.split(' ').map((word) => 4 + TINY_WORDS.indexOf(word)), 3];
        const sum = Array.from({ length: 8 }, (_, at) => {
          const mean = ids.reduce((total, id) => total + (table[id * 8 + at] as number), 0) / ids.length;
          return (table[special[pooling] * 8 + at] as number) + mean;
        });
        const length = Math.hypot(...sum);
        expectClose(
          rows[n],
          sum.map((number) => number / length),
        );
      }
    }
    const own = await opened({ model: temporaryTransformer({ output: 'sentence_embedding' }), pooling: 'model' });
    const rows = rowsOf(await own.embed(texts));
    for (const [n, text] of texts.entries()) expectClose(rows[n], expectedVector(text.split(' ')));
  });

  it('of texts that are too long keep the special token at the end', async () => {
    const embedder = await opened({ model: temporaryTransformer(), maxTokens: 4 });
    const rows = rowsOf(await embedder.embed(['red green blue cat dog', 'red green', 'red']));
    expectClose(rows[0], expectedVector(['red', 'green']));
    expectClose(rows[1], expectedVector(['red', 'green']));
    expectClose(rows[2], expectedVector(['red']));
  });

  it('of texts take as many tokens as the model does, and 512 at most', async () => {
    const long = 'red '.repeat(20_000);
    const few = await opened({ model: temporaryTransformer({ maxTokens: 10 }) });
    expectClose(rowsOf(await few.embed([long]))[0], expectedVector(Array<string>(8).fill('red')));
    expect(few.name).toContain('-t10');
    const many = await opened({ model: temporaryTransformer({ maxTokens: 1e30 }) });
    expectClose(rowsOf(await many.embed([long]))[0], expectedVector(Array<string>(510).fill('red')));
    expect(many.name).toContain('-t512');
  });

  it('have what the model wants to stand before texts and queries', async () => {
    const model = temporaryTransformer();
    const embedder = await opened({ model, prefix: 'passage: ', queryPrefix: 'query: ' });
    expectClose(rowsOf(await embedder.embed(['cat']))[0], expectedVector(['passage', ':', 'cat']));
    expectClose(rowsOf(await embedder.embedQueries(['cat']))[0], expectedVector(['query', ':', 'cat']));
    const same = await opened({ model, prefix: 'passage: ' });
    expectClose(rowsOf(await same.embedQueries(['cat']))[0], expectedVector(['passage', ':', 'cat']));
  });

  it('of a q8 model do not depend on what is embedded with a text, unless batchSize allows it', async () => {
    const model = temporaryTransformer({ quantized: true });
    const texts = ['red cat', ...WORDS.map((word) => `${word} ${word}`)];
    const difference = async (batchSize?: number): Promise<number> => {
      const embedder = await opened({ model, dtype: 'q8', ...(batchSize !== undefined && { batchSize }) });
      const [alone] = rowsOf(await embedder.embed(['red cat']));
      const [among] = rowsOf(await embedder.embed(texts));
      return Math.max(...(alone ?? []).map((number, at) => Math.abs(number - (among?.[at] ?? Number.NaN))));
    };
    expect(await difference()).toBe(0);
    expect(await difference(16)).toBeGreaterThan(1e-4);
  });

  it('are none for no texts, and there are none after close()', async () => {
    const embedder = await transformersEmbedder({ model: temporaryTransformer() });
    expect(await embedder.embed([])).toEqual(new Float32Array());
    await embedder.close();
    await embedder.close();
    await expect(embedder.embed(['red'])).rejects.toThrow('Expected the embedder to be open');
  });
});

describe('the name of a transformer model', () => {
  const nameOf = async (options: TransformersOptions): Promise<string> => (await opened(options)).name;

  it('changes with everything that changes its vectors', async () => {
    const model = temporaryTransformer();
    writeTransformer(model, { quantized: true });
    const other = (file: string, change: (content: string) => string): string => {
      const folder = temporaryTransformer();
      writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
      return folder;
    };
    const names = await Promise.all([
      nameOf({ model }),
      nameOf({ model, pooling: 'cls' }),
      nameOf({ model, pooling: 'last' }),
      nameOf({ model, dtype: 'q8' }),
      nameOf({ model, maxTokens: 100 }),
      nameOf({ model, prefix: 'query: ' }),
      nameOf({ model: temporaryTransformer({ idleLayers: 1 }) }),
      nameOf({ model: other('tokenizer.json', (json) => json.replace('"lowercase":true', '"lowercase":false')) }),
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('stays the same wherever the model lies and however it is run', async () => {
    const model = temporaryTransformer();
    const name = await nameOf({ model });
    const elsewhere = temporaryTransformer({ hidden: 16 });
    cpSync(model, elsewhere, { recursive: true });
    expect(await nameOf({ model: elsewhere })).toBe(name);
    expect(await nameOf({ model, batchSize: 1, queryPrefix: 'query: ' })).toBe(name);
  });
});

describe('transformersModel()', () => {
  it('names the module with the options, and says that its threads must not be ended', () => {
    const options: TransformersOptions = { model: 'Xenova/all-MiniLM-L6-v2', pooling: 'mean' };
    expect(transformersModel(options)).toEqual({
      module: 'treadle/embedders/transformers',
      options,
      killable: false,
    });
  });

  it.each<[Record<string, unknown>, string]>([
    [{}, "Expected `model` to be the absolute path of a folder, or a model's id on the hub, got undefined"],
    [{ model: './models/mini' }, 'Expected `model` to be the absolute path'],
    [{ model: '../a/b' }, 'Expected `model` to be the absolute path'],
    [{ model: 'a/b/c' }, 'Expected `model` to be the absolute path'],
    [{ model: '../b' }, 'Expected `model` to be the absolute path'],
    [{ model: 'a/b', revision: '../x' }, 'Expected `revision` to be a branch, a tag or a commit, got "../x" (string)'],
    [{ model: '/a/b', revision: 'main' }, 'Expected `revision` to be left out for a folder, got "main" (string)'],
    [{ model: 'a/b', dtype: 'fp64' }, 'Expected `dtype` to be one of fp32, '],
    [{ model: 'a/b', pooling: 'max' }, 'Expected `pooling` to be one of mean, cls, last, model, got "max" (string)'],
    [{ model: 'a/b', prefix: 3 }, 'Expected `prefix` to be a string, got 3 (number)'],
    [{ model: 'a/b', queryPrefix: 3 }, 'Expected `queryPrefix` to be a string, got 3 (number)'],
    [{ model: 'a/b', maxTokens: 0 }, 'Expected `maxTokens` to be an integer >= 1, got 0 (number)'],
    [{ model: 'a/b', batchSize: 1.5 }, 'Expected `batchSize` to be an integer >= 1, got 1.5 (number)'],
    [{ model: 'a/b', cacheDir: '' }, 'Expected `cacheDir` to be the path of a folder, got "" (string)'],
    [{ model: 'a/b', allowDownload: 1 }, 'Expected `allowDownload` to be a boolean, got 1 (number)'],
    [{ model: 'a/b', quantized: true }, 'Expected `options` to have only model, '],
    [{ model: '/nowhere' }, `Expected the model's file ${join('/nowhere', 'config.json')} to exist`],
  ])('says what is wrong with %j', async (options, message) => {
    const given = options as unknown as TransformersOptions;
    expect(() => transformersModel(given)).toThrow(message);
    expect(() => transformersModel(given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await expect(transformersEmbedder(given)).rejects.toThrow(message);
  });

  it('says which file of a folder is missing, parts of large models included', () => {
    const model = temporaryTransformer();
    expect(() => transformersModel({ model, dtype: 'q8' })).toThrow(join(model, 'onnx', 'model_quantized.onnx'));
    const config = { model_type: 'bert', 'transformers.js_config': { use_external_data_format: { 'model.onnx': 2 } } };
    writeFileSync(join(model, 'config.json'), JSON.stringify(config));
    writeFileSync(join(model, 'onnx', 'model.onnx_data'), '');
    expect(() => transformersModel({ model })).toThrow(join(model, 'onnx', 'model.onnx_data_1'));
    writeFileSync(join(model, 'config.json'), '{');
    expect(() => transformersModel({ model })).toThrow(`Expected ${join(model, 'config.json')} to hold JSON`);
  });

  it('says so when the model is none for embedding, or takes fewer tokens', async () => {
    const model = temporaryTransformer({ output: 'something_else' });
    await expect(transformersEmbedder({ model })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('got something_else (float32 1 × 3 × 8)') as string,
    });
    const short = temporaryTransformer();
    writeFileSync(join(short, 'config.json'), JSON.stringify({ model_type: 'bert', max_position_embeddings: 20 }));
    await expect(transformersEmbedder({ model: short, maxTokens: 21 })).rejects.toThrow(
      'Expected `maxTokens` to be an integer from 1 to 20, which is what the model takes, got 21 (number)',
    );
    expect((await opened({ model: short })).name).toContain('-t20');
  });
});
