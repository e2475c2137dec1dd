import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { floats, folderOf, safetensors, wordPiece } from '../support/static-model.js';

const run = promisify(execFile);

// What Node says of a package that is not there.
const HIDE = `export function resolve(specifier, context, next) {
  if (!specifier.startsWith('@huggingface/')) return next(specifier, context);
  throw Object.assign(new Error("Cannot find package '" + specifier + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
const SCRIPT = `
import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HIDE)}));
const { staticModel } = await import('treadle/embedders/static');
const { loadEmbedder } = await import('treadle/embedders');
const model = staticModel({ folder: process.argv[1] });
console.log('named', model.module);
await loadEmbedder(model).catch((error) => console.log(error.message, '|', error.cause.code));
`;

it('names a model without @huggingface/tokenizers, and says what to install when it is loaded', async () => {
  const folder = folderOf({
    'model.safetensors': safetensors({ embeddings: floats(2, 2) }),
    'tokenizer.json': wordPiece(['[UNK]', 'loom']),
  });
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT, folder], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  expect(stdout.trim().split('\n')).toEqual([
    'named treadle/embedders/static',
    'Static embedding models need @huggingface/tokenizers: npm i @huggingface/tokenizers | ERR_MODULE_NOT_FOUND',
  ]);
});
