import { type ChunkOptions, TaskManager, range, taskModule, taskType } from 'treadle';
import { expect, it } from 'vitest';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type sizes from '../tasks/sizes.task.js';

async function sizesOf(items: number, chunk: ChunkOptions): Promise<Set<number>> {
  const type = taskType(taskModule<typeof sizes>(builtTask('sizes')), { chunk });
  const tasks = closedAtEnd(new TaskManager({ types: { sizes: type }, threads: { max: 1 } }));
  const results = await (await tasks.submit('sizes', { items: range(0, items) })).result();
  expect(results).toHaveLength(items);
  return new Set(results.map(({ size }) => size));
}

it('sends items whose results are objects in chunks of at most 512, however cheap they are', async () => {
  // One chunk would do for the target.
  const sizes = await sizesOf(50_000, { targetMs: 60_000 });
  expect(Math.max(...sizes)).toBe(512);
});

it('sends more of them where the type asks for it', async () => {
  expect(await sizesOf(20_000, { min: 5_000, max: 5_000 })).toEqual(new Set([5_000]));
});
