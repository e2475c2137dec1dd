import { cpSync, mkdtempSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { env } from '@huggingface/transformers';
import transformersEmbedder, { type TransformersOptions, transformersModel } from 'treadle/embedders/transformers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectedVector, temporaryTransformer } from '../support/tiny-transformer.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-hub-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A hub with one model, `org/tiny`, in every revision; notes what is asked of it. */
function fakeHub(folder: string): string[] {
  const asked: string[] = [];
  const { fetch } = env;
  onTestFinished(() => void (env.fetch = fetch));
  env.fetch = async (address) => {
    const url = String(address);
    asked.push(url);
    const file = /^https:\/\/huggingface\.co\/org\/tiny\/resolve\/[^/]+\/(.*)$/.exec(url)?.[1] ?? '';
    const path = join(folder, file);
    if (file === '' || !existsSync(path)) return new Response('', { status: 404 });
    return new Response(new Uint8Array(readFileSync(path)));
  };
  return asked;
}

async function vectorOf(options: TransformersOptions): Promise<{ name: string; vector: number[] }> {
  const embedder = await transformersEmbedder(options);
  const vector = [...(await embedder.embed(['red cat']))];
  await embedder.close();
  return { name: embedder.name, vector };
}

describe('a model in a folder', () => {
  it('is loaded without asking the network for anything', async () => {
    const folder = temporaryTransformer();
    const asked = fakeHub(folder);
    await vectorOf({ model: folder, allowDownload: true });
    expect(asked).toEqual([]);
  });
});

describe('a model on the hub', () => {
  it.each([{}, { revision: 'v1.0' }])('is fetched once, and from then on taken from cacheDir %j', async (revision) => {
    const folder = temporaryTransformer();
    const asked = fakeHub(folder);
    const cacheDir = temporaryFolder();
    const options = { model: 'org/tiny', cacheDir, ...revision };
    const first = await vectorOf(options);
    for (const [at, number] of expectedVector(['red', 'cat']).entries()) {
      expect(first.vector[at]).toBeCloseTo(number, 5);
    }
    expect(asked).toContain(`https://huggingface.co/org/tiny/resolve/${revision.revision ?? 'main'}/onnx/model.onnx`);
    asked.length = 0;
    expect(await vectorOf(options)).toEqual(first);
    expect(await vectorOf({ ...options, allowDownload: false })).toEqual(first);
    // Its name is that of its content, as it is for a folder.
    expect(await vectorOf({ model: folder })).toEqual(first);
    expect(asked).toEqual([]);
  });

  it('is not fetched with allowDownload: false', async () => {
    const asked = fakeHub(temporaryTransformer());
    const cacheDir = temporaryFolder();
    const options = { model: 'org/tiny', cacheDir, allowDownload: false };
    await expect(transformersEmbedder(options)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `Expected the model's file ${join(cacheDir, 'org', 'tiny', 'config.json')} to exist: \`allowDownload\` is false, and org/tiny has not been fetched to there`,
    });
    expect(asked).toEqual([]);
    expect(readdirSync(cacheDir)).toEqual([]);
  });

  it('says so when it is not there', async () => {
    fakeHub(temporaryTransformer());
    const failed = transformersEmbedder({ model: 'org/other', cacheDir: temporaryFolder() });
    await expect(failed).rejects.toThrow('The model org/other (main) could not be fetched from the hub: ');
  });
});

describe('without @huggingface/transformers', () => {
  it('a model can be named, and loading it says what to install', async () => {
    // A copy outside the folders in which packages are looked for.
    const copy = temporaryFolder();
    cpSync(fileURLToPath(new URL('../../dist', import.meta.url)), join(copy, 'dist'), { recursive: true });
    writeFileSync(join(copy, 'package.json'), JSON.stringify({ type: 'module' }));
    const nanoid = join(copy, 'node_modules', 'nanoid');
    cpSync(fileURLToPath(new URL('../../node_modules/nanoid', import.meta.url)), nanoid, { recursive: true });
    const module = (await import(pathToFileURL(join(copy, 'dist', 'embedders', 'transformers.js')).href)) as {
      transformersModel: typeof transformersModel;
      default: typeof transformersEmbedder;
    };
    const options = { model: temporaryTransformer() };
    expect(module.transformersModel(options)).toEqual(transformersModel(options));
    await expect(module.default(options)).rejects.toThrow(
      'Transformer models need @huggingface/transformers: npm i @huggingface/transformers',
    );
  });
});
