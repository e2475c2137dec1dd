import { TaskManager } from 'treadle';
import { type EmbedBatchInput, type EmbedBatchResult, type RebuildResult, memoryTasks } from 'treadle/tasks';
import { expectTypeOf, test } from 'vitest';

const tasks = new TaskManager({ types: memoryTasks({ path: 'memories.db' }) });

test('submit takes the input of the task and result() gives its result', async () => {
  const input: EmbedBatchInput = { userId: 'ada', contents: ['text'], namespace: 'work', importance: 1, ttlMs: 5 };
  const embedding = await tasks.submit('embed_batch', { input });
  expectTypeOf(await embedding.result()).toEqualTypeOf<EmbedBatchResult>();
  const rebuild = await tasks.submit('rebuild_fts_index', { input: { userId: 'ada' } });
  expectTypeOf(await rebuild.result()).toEqualTypeOf<RebuildResult>();
  await tasks.submit('rebuild_fts_index');
});

test('submit refuses what does not fit', () => {
  // @ts-expect-error there is no text
  void tasks.submit('embed_batch', { input: { userId: 'ada' } });
  // @ts-expect-error a text is a string
  void tasks.submit('embed_batch', { input: { userId: 'ada', contents: [1] } });
  // @ts-expect-error an id is a string
  void tasks.submit('rebuild_fts_index', { input: { userId: 7 } });
});
