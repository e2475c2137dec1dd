import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TaskManager } from 'treadle';
import { memoryTasks } from 'treadle/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sharedEmbedder } from '../../dist/tasks/shared-embedders.js';
import { connection, temporaryPath } from '../support/memories.js';
import { closedAtEnd } from '../support/test-manager.js';

// As many dimensions as its options say, in whatever form they say it.
const SIZED = `export default (options) => {
  globalThis.treadleTestLoads = (globalThis.treadleTestLoads ?? 0) + 1;
  const size = options instanceof Map ? options.get('size') : options.size ?? options.sizes[0];
  const dimensions = Number(size);
  const embed = (texts) => new Float32Array(texts.length * dimensions).fill(0.5);
  return { name: 'sized-' + dimensions, dimensions, embed };
};`;

function sizedModule(): string {
  const module = join(dirname(temporaryPath()), 'sized.mjs');
  writeFileSync(module, SIZED);
  return module;
}

const loads = (): number => (globalThis as { treadleTestLoads?: number }).treadleTestLoads ?? 0;

function circle(): object {
  const options: { size: number; self?: object } = { size: 4 };
  options.self = options;
  return options;
}

async function held(module: string, options: unknown) {
  const embedder = await sharedEmbedder({ module, options });
  onTestFinished(() => embedder.close?.());
  return embedder;
}

describe('the embedders of a thread', () => {
  it('are told apart by options of any kind that can be cloned', async () => {
    const path = temporaryPath();
    const module = sizedModule();
    const types = memoryTasks({
      path,
      embedder: { module, options: new Map([['size', 4]]) },
      embedders: { wide: { module, options: new Map([['size', 8]]) }, big: { module, options: { size: 16n } } },
    });
    const tasks = closedAtEnd(new TaskManager({ threads: { max: 1 }, types }));
    await (await tasks.submit('embed_batch', { input: { userId: 'ada', contents: ['a', 'b'] } })).result();
    const models = connection(path).prepare('SELECT DISTINCT model FROM vectors').pluck();
    expect(models.all()).toEqual(['sized-4']);
    for (const [to, model] of [
      ['wide', 'sized-8'],
      ['big', 'sized-16'],
    ] as const) {
      const task = await tasks.submit('migrate_embeddings', { input: { to } });
      expect(await task.result()).toMatchObject({ model, embedded: 2 });
      expect(models.all()).toEqual([model]);
    }
  });

  it.each([
    ['a Map', () => new Map([['size', 4]])],
    ['a bigint', () => ({ size: 4n })],
    ['shared memory', () => ({ size: 4, shared: { buffer: new SharedArrayBuffer(64) } })],
    ['numbers', () => ({ sizes: Float64Array.of(4, 2) })],
    ['a circle', circle],
  ])('are one where the options are alike: %s', async (_, options) => {
    const module = sizedModule();
    const before = loads();
    // Each task has its own copy of what it is told.
    const embedders = await Promise.all([held(module, options()), held(module, options()), held(module, options())]);
    expect(embedders.map(({ name }) => name)).toEqual(['sized-4', 'sized-4', 'sized-4']);
    expect(loads()).toBe(before + 1);
  });

  it('are loaded anew when the last one who had it has closed it, or when loading failed', async () => {
    const module = sizedModule();
    const before = loads();
    const [one, other] = [await sharedEmbedder({ module, options: { size: 4 } }), await held(module, { size: 4 })];
    await one.close?.();
    await held(module, { size: 4 });
    expect(loads()).toBe(before + 1);
    expect(other.dimensions).toBe(4);
    const broken = { module, options: { size: 0 } };
    await expect(sharedEmbedder(broken)).rejects.toThrow('dimensions');
    await expect(sharedEmbedder(broken)).rejects.toThrow('dimensions');
    expect(loads()).toBe(before + 3);
  });
});
