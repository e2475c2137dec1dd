import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { TaskManager } from 'treadle';
import { type Embedder, loadEmbedder } from 'treadle/embedders';
import staticEmbedder, { type SharedModel, type StaticModelOptions, staticModel } from 'treadle/embedders/static';
import { openStore } from 'treadle/store';
import { memoryTasks } from 'treadle/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SharedTable } from '../../dist/embedders/static/shared-table.js';
import { expectRefused } from '../support/bad-values.js';
import { closedAtEnd } from '../support/test-manager.js';
import { type NewTensor, floats, folderOf, meanOf, numbers, safetensors, wordPiece } from '../support/static-model.js';

const TOKENS = ['[PAD]', '[UNK]', 'the', 'loom', 'weave', '##s', 'cloth', 'cafe', '.', 'x', '##x', '好'];
const COLUMNS = 6;
const id = (token: string): number => TOKENS.indexOf(token);
const ids = (...tokens: string[]): [number, number][] => tokens.map((token) => [id(token), 1]);

function model(tensors: Record<string, NewTensor> = {}, tokenizer: object = wordPiece(TOKENS)): string {
  const all = { embeddings: floats(TOKENS.length, COLUMNS), ...tensors };
  return folderOf({ 'model.safetensors': safetensors(all), 'tokenizer.json': tokenizer });
}

async function vectors(embedder: Embedder, ...texts: string[]): Promise<number[][]> {
  const matrix = await embedder.embed(texts);
  const { dimensions } = embedder;
  return texts.map((_, row) => Array.from(matrix.subarray(row * dimensions, (row + 1) * dimensions)));
}

async function vectorOf(folder: string, text: string, options: Partial<StaticModelOptions> = {}): Promise<number[]> {
  const [vector = []] = await vectors(await loadEmbedder(staticModel({ folder, ...options })), text);
  return vector;
}

function expectClose(vector: readonly number[], wanted: readonly number[], digits = 6): void {
  expect(vector).toHaveLength(wanted.length);
  for (const [at, number] of wanted.entries()) expect(vector[at]).toBeCloseTo(number, digits);
}

const table = numbers(TOKENS.length * COLUMNS);
const TEXT = 'The looms weave cloth';
const TEXT_IDS = ids('the', 'loom', '##s', 'weave', 'cloth');

describe('a static embedder', () => {
  it('gives the mean of the vectors of its tokens, with length 1, one text after the other', async () => {
    const embedder = await loadEmbedder(staticModel({ folder: model() }));
    expect(embedder.dimensions).toBe(COLUMNS);
    const [first = [], none = [], second = []] = await vectors(embedder, TEXT, '', 'cloth cloth.');
    expectClose(first, meanOf(table, COLUMNS, TEXT_IDS));
    expect(none).toEqual(Array.from({ length: COLUMNS }, () => 0));
    expectClose(second, meanOf(table, COLUMNS, ids('cloth', 'cloth', '.')));
    expect(await embedder.embed([])).toHaveLength(0);
  });

  it('leaves unknown tokens out, as Model2Vec does, and keeps them where sentence-transformers does', async () => {
    const text = 'the qq cloth';
    expectClose(await vectorOf(model(), text), meanOf(table, COLUMNS, ids('the', 'cloth')));
    const folder = folderOf({
      '0_StaticEmbedding/model.safetensors': safetensors({ 'embedding.weight': floats(TOKENS.length, COLUMNS) }),
      '0_StaticEmbedding/tokenizer.json': wordPiece(TOKENS),
      'modules.json': [
        { idx: 0, name: '0', path: '0_StaticEmbedding', type: 'sentence_transformers.models.StaticEmbedding' },
        { idx: 1, name: '1', path: '1_Normalize', type: 'sentence_transformers.models.Normalize' },
      ],
    });
    expectClose(await vectorOf(folder, text), meanOf(table, COLUMNS, ids('the', '[UNK]', 'cloth')));
    expect(await vectorOf(model(), 'qq')).toEqual(Array.from({ length: COLUMNS }, () => 0));
  });

  it.each([
    [
      'F16',
      Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x3555),
      [1, -2, 2 ** -24, 65_504, -0, 0.333_251_953_125],
    ],
    ['BF16', Uint16Array.of(0x3f80, 0xc000, 0x3eab, 0x4120, 0x8000, 0x0080), [1, -2, 0.333_984_375, 10, -0, 2 ** -126]],
    ['I8', Int8Array.of(127, -127, 3, 0, -1, 64), [127, -127, 3, 0, -1, 64]],
    ['F64', Float64Array.of(1, -2, 1e-3, 4, 0, 0.5), [1, -2, 1e-3, 4, 0, 0.5]],
  ])('reads numbers of the form %s', async (dtype, row, values) => {
    const Row = row.constructor as new (length: number) => typeof row;
    const data = new Row(TOKENS.length * row.length);
    data.set(row, id('cloth') * row.length);
    const folder = model({ embeddings: { dtype, shape: [TOKENS.length, row.length], data } });
    expectClose(await vectorOf(folder, 'cloth'), meanOf(values, row.length, [[0, 1]]));
  });

  it.each(['I64', 'I32'])('weighs tokens, and finds their rows by an %s mapping', async (dtype) => {
    const mapping = TOKENS.map((_, token) => token % 3);
    const weights = Float64Array.from(TOKENS, (_, token) => token / 10);
    const folder = model({
      embeddings: floats(3, COLUMNS),
      weights: { dtype: 'F64', shape: [TOKENS.length], data: weights },
      mapping: {
        dtype,
        shape: [TOKENS.length],
        data: dtype === 'I64' ? BigInt64Array.from(mapping, BigInt) : Int32Array.from(mapping),
      },
    });
    const wanted = TEXT_IDS.map(([token]): [number, number] => [token % 3, token / 10]);
    expectClose(await vectorOf(folder, TEXT), meanOf(table, COLUMNS, wanted));
  });

  it('keeps the first dimensions only, and normalises those', async () => {
    const wanted = meanOf(table, COLUMNS, TEXT_IDS).slice(0, 2);
    const length = Math.hypot(...wanted);
    const vector = await vectorOf(model(), TEXT, { dimensions: 2 });
    expectClose(
      vector,
      wanted.map((number) => number / length),
    );
  });

  it('looks at so many tokens, and at so many characters as these take usually', async () => {
    expectClose(await vectorOf(model(), 'the the cloth', { maxTokens: 2 }), meanOf(table, COLUMNS, ids('the')));
    // The median length of a token is 3 characters, and one beyond the basic plane counts once.
    const text = `${'\u{1d7d8}'.repeat(4)} cloth`;
    expect(await vectorOf(model(), text, { maxTokens: 3 })).toEqual(Array.from({ length: COLUMNS }, () => 0));
    expectClose(await vectorOf(model(), text, { maxTokens: 4 }), meanOf(table, COLUMNS, ids('cloth')));
    const many = 'the '.repeat(600);
    expectClose(await vectorOf(model(), `${many}cloth`), meanOf(table, COLUMNS, ids('the')));
    const cut = wordPiece(TOKENS, {
      truncation: { direction: 'Right', max_length: 1, strategy: 'LongestFirst', stride: 0 },
    });
    expectClose(await vectorOf(model({}, cut), 'cloth the'), meanOf(table, COLUMNS, ids('cloth')));
  });

  it('tokenises whole words', async () => {
    const vocab = Object.fromEntries(TOKENS.map((token, at) => [token, at]));
    const tokenizer = wordPiece(TOKENS, {
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Whitespace' },
      model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
    });
    expectClose(await vectorOf(model({}, tokenizer), 'The qq CLOTH'), meanOf(table, COLUMNS, ids('the', 'cloth')));
  });

  const pieces = [...Array.from('▁abcdehlmnoprstuvwxy.'), '▁the', 'loom', 'the'];
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  it.each([
    ['WordPiece', wordPiece(TOKENS)],
    [
      'Unigram',
      wordPiece([], {
        normalizer: { type: 'NFKC' },
        pre_tokenizer: metaspace,
        model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0], ...pieces.map((piece, at) => [piece, -at])] },
      }),
    ],
    [
      'BPE',
      wordPiece([], {
        normalizer: { type: 'Lowercase' },
        pre_tokenizer: metaspace,
        model: {
          type: 'BPE',
          unk_token: null,
          vocab: Object.fromEntries(['th', ...pieces].map((piece, at) => [piece, at])),
          merges: ['t h', 'th e', '▁ the'],
        },
      }),
    ],
  ])('tokenises in its quick way as the tokenizer itself does: %s', async (_, json) => {
    const { Tokenizer } = await import('@huggingface/tokenizers');
    const { loadTokenizer } = await import('../../dist/embedders/static/model-tokenizer.js');
    const plain = new Tokenizer(json, {});
    const quick = await loadTokenizer('', Buffer.from(JSON.stringify(json)), { maxTokens: null, dropsUnknown: false });
    const words = ['looms', 'xxx', 'Café', 'LOOM', '\t', '\u0000', '好好', 'x'.repeat(101), '[UNK]'];
    const part = fc.oneof(fc.constantFrom(...TOKENS, ...words), fc.string(), fc.string({ unit: 'binary' }));
    const text = fc.oneof(
      fc.array(part, { maxLength: 12 }).map((parts) => parts.join(' ')),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(text, (given) => {
        const tokens = plain.encode(given, { add_special_tokens: false }).ids;
        expect(quick.tokens(given)).toEqual(tokens.filter((token: number | undefined) => token !== undefined));
      }),
      { numRuns: 200 },
    );
  });

  it('has a table of its own without staticModel, and the same vectors and name', async () => {
    const folder = model();
    const own = await loadEmbedder({ module: 'treadle/embedders/static', options: { folder } });
    const shared = await loadEmbedder(staticModel({ folder }));
    expect(own.name).toBe(shared.name);
    expect(await vectors(own, TEXT)).toEqual(await vectors(shared, TEXT));
  });
});

describe('a static model on threads', () => {
  it('embeds for embed_batch, and for searches of the host in the same table', async () => {
    const embedder = staticModel({ folder: model() });
    const path = join(folderOf({}), 'memories.db');
    const tasks = closedAtEnd(new TaskManager({ types: memoryTasks({ path, embedder }), threads: { max: 2 } }));
    const contents = ['the loom', 'weave cloth', 'cafe x'];
    const task = await tasks.submit('embed_batch', { input: { userId: 'ann', contents } });
    expect(await task.result()).toEqual({ stored: 3, skipped: 0 });
    const { shared } = embedder.options as { shared: SharedModel };
    const { loaded, pieces } = new SharedTable(shared.plan, shared.buffer).progress;
    expect(loaded).toBe(pieces);
    const store = openStore({ path, embedder: await loadEmbedder(embedder) });
    onTestFinished(() => store.close());
    const [hit] = await store.search('weaves cloth', { mode: 'vector', userId: 'ann', limit: 1 });
    expect(hit?.content).toBe('weave cloth');
  });
});

describe('the name of a static embedder', () => {
  const nameOf = async (folder: string, options: Partial<StaticModelOptions> = {}): Promise<string> =>
    (await staticEmbedder({ folder, ...options })).name;

  it('is that of the model wherever it lies, and shows the options', async () => {
    const name = await nameOf(model());
    expect(name).toMatch(/^static-v1-[0-9a-f]{12}-d6-t512$/);
    expect(await nameOf(model())).toBe(name);
    expect(await nameOf(model(), { dimensions: 6, maxTokens: 512 })).toBe(name);
    const hash = name.slice(0, 'static-v1-'.length + 12);
    expect(await nameOf(model(), { dimensions: 3, maxTokens: 9 })).toBe(`${hash}-d3-t9`);
  });

  it('changes with a number of the table, a weight, a token and the form of the file', async () => {
    const changed = numbers(TOKENS.length * COLUMNS);
    changed[changed.length - 1] = 0.5;
    const shape = [TOKENS.length, COLUMNS];
    const one = { dtype: 'F32', shape: [TOKENS.length], data: new Float32Array(TOKENS.length).fill(1) };
    const names = await Promise.all(
      [
        model(),
        model({ embeddings: { dtype: 'F32', shape, data: changed } }),
        model({ embeddings: { dtype: 'BF16', shape: [TOKENS.length, COLUMNS * 2], data: table } }),
        model({ weights: one }),
        model({}, wordPiece([...TOKENS.slice(0, -1), '她'])),
      ].map((folder) => nameOf(folder)),
    );
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('a model that has changed', () => {
  const NEW = safetensors({ embeddings: floats(TOKENS.length, COLUMNS + 1) });

  it('is refused, table and tokenizer, when it is not the one that staticModel looked at', async () => {
    const grown = model();
    const named = staticModel({ folder: grown });
    writeFileSync(join(grown, 'model.safetensors'), NEW);
    await expect(loadEmbedder(named)).rejects.toThrow(/model\.safetensors has changed.*call staticModel\(\) again/);
    await expect(loadEmbedder(staticModel({ folder: grown }))).resolves.toMatchObject({ dimensions: COLUMNS + 1 });

    const touched = model();
    const other = staticModel({ folder: touched });
    utimesSync(join(touched, 'tokenizer.json'), 1, 1);
    await expect(loadEmbedder(other)).rejects.toThrow(/tokenizer\.json has changed/);
  });

  it('does no harm to those who have the table already', async () => {
    const folder = model();
    const named = staticModel({ folder });
    const before = await vectors(await loadEmbedder(named), TEXT);
    writeFileSync(join(folder, 'model.safetensors'), NEW);
    expect(await vectors(await loadEmbedder(named), TEXT)).toEqual(before);
  });
});

describe('bad input', () => {
  it.each([
    ['options', 5, '5 (number)'],
    ['folder', {}, 'undefined'],
    ['folder', { folder: '/no/such/model' }, '"/no/such/model" (string)'],
    ['dimensions', { folder: '.', dimensions: 0 }, '0 (number)'],
    ['dimensions', { folder: '.', dimensions: '8' }, '"8" (string)'],
    ['maxTokens', { folder: '.', maxTokens: 1.5 }, '1.5 (number)'],
    ['maxTokens', { folder: '.', maxTokens: null }, 'null'],
    ['shared', { folder: '.', shared: {} }, 'an object (Object)'],
  ])('is refused: %s in %j', async (name, options, shown) => {
    if (name !== 'shared') await expectRefused(() => staticModel(options as never), name, shown);
    await expectRefused(() => staticEmbedder(options as never), name, shown);
  });

  it('is refused: more dimensions than the model has', async () => {
    await expectRefused(() => staticModel({ folder: model(), dimensions: 7 }), 'dimensions', '7 (number)');
  });

  const file = safetensors({ embeddings: floats(TOKENS.length, COLUMNS) });
  const tokenizer = wordPiece(TOKENS);
  const perToken = (name: string, tensor: NewTensor): Buffer =>
    safetensors({ embeddings: floats(TOKENS.length, COLUMNS), [name]: tensor });
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no model', { 'tokenizer.json': tokenizer }, /no model\.safetensors or 0_StaticEmbedding\/model\.safetensors/],
    ['no tokenizer', { 'model.safetensors': file }, /tokenizer\.json .*no such file/],
    ['a cut file', { 'model.safetensors': file.subarray(0, -4), 'tokenizer.json': tokenizer }, /cut off/],
    [
      'no known tensor',
      { 'model.safetensors': safetensors({ a: floats(2, 2) }), 'tokenizer.json': tokenizer },
      /no tensor "embeddings" or "embedding.weight", only: a$/,
    ],
    [
      'another dtype',
      {
        'model.safetensors': safetensors({ embeddings: { dtype: 'U8', shape: [2, 2], data: new Uint8Array(4) } }),
        'tokenizer.json': tokenizer,
      },
      /is U8, not one of F64, F32, F16, BF16, I8/,
    ],
    [
      'another shape',
      {
        'model.safetensors': safetensors({ embeddings: { dtype: 'F32', shape: [4], data: new Float32Array(4) } }),
        'tokenizer.json': tokenizer,
      },
      /has the shape \[4\], not \[tokens, dimensions/,
    ],
    [
      'weights in a matrix',
      { 'model.safetensors': perToken('weights', floats(2, 6)), 'tokenizer.json': tokenizer },
      /"weights" has the shape \[2, 6\], not \[tokens\]/,
    ],
    [
      'another kind of module',
      {
        'model.safetensors': file,
        'tokenizer.json': tokenizer,
        'modules.json': [{ type: 'sentence_transformers.models.Dense' }],
      },
      /modules\.json .*"sentence_transformers\.models\.Dense", and only/,
    ],
  ])('is refused by staticModel: %s', async (_, files, message) => {
    expect(() => staticModel({ folder: folderOf(files) })).toThrow(message);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'more tokens than vectors',
      { 'model.safetensors': safetensors({ embeddings: floats(TOKENS.length - 1, 2) }), 'tokenizer.json': tokenizer },
      /12 tokens, and .* vectors for 11/,
    ],
    [
      'fewer weights than tokens',
      {
        'model.safetensors': perToken('weights', { dtype: 'F32', shape: [3], data: new Float32Array(3) }),
        'tokenizer.json': tokenizer,
      },
      /12 tokens, and .* vectors for 3/,
    ],
    [
      'a mapping to nowhere',
      {
        'model.safetensors': perToken('mapping', {
          dtype: 'I64',
          shape: [TOKENS.length],
          data: BigInt64Array.from(TOKENS, (_, at) => (at === 5 ? -1n : 0n)),
        }),
        'tokenizer.json': tokenizer,
      },
      /"mapping" sends token 5 to row -1 of 12/,
    ],
    [
      'a tokenizer that is no JSON',
      { 'model.safetensors': file, 'tokenizer.json': '{' },
      /no tokenizer can be made of it/,
    ],
    ['a tokenizer that is none', { 'model.safetensors': file, 'tokenizer.json': {} }, /no tokenizer can be made of it/],
  ])('is refused when the model is loaded: %s', async (_, files, message) => {
    await expect(loadEmbedder(staticModel({ folder: folderOf(files) }))).rejects.toThrow(message);
  });

  it('is refused when it is met: numbers that are none', async () => {
    const data = new Float32Array(TOKENS.length * 2).fill(Number.NaN);
    const folder = model({ embeddings: { dtype: 'F32', shape: [TOKENS.length, 2], data } });
    await expect(vectorOf(folder, 'cloth')).rejects.toThrow(/infinities, or NaN/);
  });
});
