import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FLOAT, type GraphNode, type GraphTensor, INT64, onnxModel } from './onnx-model.js';

/** What a tiny model is made of. */
export interface TinyTransformer {
  /** Words that it knows, beside the special ones. */
  words?: readonly string[];
  /** Numbers in a vector. */
  hidden?: number;
  /** Multiplications by a matrix of hidden × hidden numbers that change nothing: they only take time. */
  idleLayers?: number;
  /** Rounds the output to 256 levels between the least and the greatest number of the whole batch, as q8 models do. */
  quantized?: boolean;
  /** What the output is called. */
  output?: 'last_hidden_state' | 'sentence_embedding' | 'something_else';
  maxTokens?: number;
}

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const;
/** The words that a tiny model knows where nothing else is said. */
export const TINY_WORDS: readonly string[] = 'red green blue cat dog bird query passage : a b c d e 0 1 2 3'.split(' ');

/** The folder of a model in the layout of the hub, which goes when the test ends. */
export function temporaryTransformer(model: TinyTransformer = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-model-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeTransformer(folder, model);
  return folder;
}

/**
 * Writes a model: each token's vector is that of its word plus the mean of all tokens under the attention mask, so that
 * padding shows wherever it is not masked.
 */
export function writeTransformer(folder: string, model: TinyTransformer = {}): void {
  const { words = TINY_WORDS, quantized = false, maxTokens = 512 } = model;
  const vocabulary = [...SPECIAL, ...words];
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  const json = (file: string, value: unknown): void => writeFileSync(join(folder, file), JSON.stringify(value));
  json('config.json', { model_type: 'bert', architectures: ['BertModel'], hidden_size: model.hidden ?? 8 });
  json('tokenizer_config.json', {
    tokenizer_class: 'BertTokenizer',
    model_max_length: maxTokens,
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
  });
  json('tokenizer.json', tokenizerJson(vocabulary));
  writeFileSync(join(folder, 'onnx', quantized ? 'model_quantized.onnx' : 'model.onnx'), graphOf(vocabulary, model));
}

/** The vector of each token of the vocabulary, row-major: the same for every model of this shape. */
export function tokenVectors(count: number, hidden: number): Float32Array {
  return Float32Array.from({ length: count * hidden }, (_, n) => Math.sin(n * 12.9898 + 1) * (1 + (n % 7)));
}

/** What mean pooling gives for texts of known words, computed plainly. */
export function expectedVector(
  words: readonly string[],
  hidden = 8,
  vocabulary: readonly string[] = TINY_WORDS,
): number[] {
  const all = [...SPECIAL, ...vocabulary];
  const table = tokenVectors(all.length, hidden);
  const ids = ['[CLS]', ...words, '[SEP]'].map((word) => all.indexOf(word));
  // Adding the mean to each token doubles the mean, and the length is made 1.
  const sum = Array.from({ length: hidden }, (_, at) =>
    ids.reduce((total, id) => total + (table[id * hidden + at] as number), 0),
  );
  const length = Math.hypot(...sum);
  return sum.map((number) => number / length);
}

function graphOf(vocabulary: readonly string[], model: TinyTransformer): Buffer {
  const { hidden = 8, idleLayers = 0, quantized = false, output = 'last_hidden_state' } = model;
  const tensors: GraphTensor[] = [
    { name: 'table', shape: [vocabulary.length, hidden], data: tokenVectors(vocabulary.length, hidden) },
    { name: 'last_axis', shape: [1], data: BigInt64Array.of(-1n) },
    { name: 'token_axis', shape: [1], data: BigInt64Array.of(1n) },
  ];
  const nodes: GraphNode[] = [
    { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['words'] },
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['flat_mask'], attributes: { to: FLOAT } },
    { op: 'Unsqueeze', inputs: ['flat_mask', 'last_axis'], outputs: ['mask'] },
    { op: 'Mul', inputs: ['words', 'mask'], outputs: ['masked'] },
    { op: 'ReduceSum', inputs: ['masked', 'token_axis'], outputs: ['sum'], attributes: { keepdims: 1 } },
    { op: 'ReduceSum', inputs: ['mask', 'token_axis'], outputs: ['count'], attributes: { keepdims: 1 } },
    { op: 'Div', inputs: ['sum', 'count'], outputs: ['mean'] },
    { op: 'Add', inputs: ['words', 'mean'], outputs: ['tokens0'] },
  ];
  if (idleLayers > 0) {
    tensors.push({ name: 'identity', shape: [hidden, hidden], data: identity(hidden) });
    for (let layer = 0; layer < idleLayers; layer++) {
      nodes.push({ op: 'MatMul', inputs: [`tokens${layer}`, 'identity'], outputs: [`tokens${layer + 1}`] });
    }
  }
  const tokens = `tokens${idleLayers}`;
  if (output === 'sentence_embedding') {
    nodes.push({ op: 'Squeeze', inputs: ['mean', 'token_axis'], outputs: [output] });
  } else if (quantized) {
    nodes.push({ op: 'DynamicQuantizeLinear', inputs: [tokens], outputs: ['levels', 'scale', 'zero'] });
    nodes.push({ op: 'DequantizeLinear', inputs: ['levels', 'scale', 'zero'], outputs: [output] });
  } else {
    nodes.push({ op: 'Identity', inputs: [tokens], outputs: [output] });
  }
  const shape = output === 'sentence_embedding' ? ['batch', hidden] : ['batch', 'length', hidden];
  return onnxModel({
    inputs: ['input_ids', 'attention_mask'].map((name) => ({ name, type: INT64, shape: ['batch', 'length'] })),
    outputs: [{ name: output, type: FLOAT, shape }],
    tensors,
    nodes,
  });
}

function identity(size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let at = 0; at < size; at++) matrix[at * (size + 1)] = 1;
  return matrix;
}

function tokenizerJson(vocabulary: readonly string[]): unknown {
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const text = { Sequence: { id: 'A', type_id: 0 } };
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map(special),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('[CLS]'), text, token('[SEP]')],
      pair: [token('[CLS]'), text, token('[SEP]')],
      special_tokens: Object.fromEntries(
        (['[CLS]', '[SEP]'] as const).map((id) => [id, { id, ids: [SPECIAL.indexOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
    },
  };
}
