import { TaskManager } from 'treadle';
import { type TableHit, openSearch } from 'treadle/store';
import { type MigrateInput, type MigrateResult, type SweepResult, sqliteTasks } from 'treadle/tasks';
import { expectTypeOf, it } from 'vitest';

const description = { path: 'own.db', table: 'film', id: 'film_id', content: ['title'], fts: 'film_fts' } as const;

it('the tasks of a table of your own tell submit and result what they take and give', () => {
  const tasks = new TaskManager({ types: sqliteTasks(description) });
  expectTypeOf(async () =>
    (await tasks.submit('migrate_embeddings')).result(),
  ).returns.resolves.toEqualTypeOf<MigrateResult>();
  expectTypeOf(async () =>
    (await tasks.submit('ttl_sweep', { input: { userId: 5 } })).result(),
  ).returns.resolves.toEqualTypeOf<SweepResult>();
  expectTypeOf<MigrateInput['userId']>().toEqualTypeOf<string | number | undefined>();
  // @ts-expect-error there is no such task for a table that is not ours
  void (() => tasks.submit('embed_batch', { input: { userId: 'ada', contents: [] } }));
  // @ts-expect-error a misspelt property
  void (() => tasks.submit('migrate_embeddings', { input: { too: 'other' } }));
  // @ts-expect-error a unit that there is not
  void (() => sqliteTasks({ ...description, expiresAt: { column: 'until', unit: 'days' } }));
});

it('a search gives rows of a table of your own', () => {
  expectTypeOf(async () => openSearch(description).search('x', { mode: 'hybrid' })).returns.resolves.toEqualTypeOf<
    TableHit[]
  >();
});
