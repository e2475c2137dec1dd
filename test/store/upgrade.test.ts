import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../dist/store/migrations.js';
import { vectorBlob } from '../../dist/sqlite/vector-blob.js';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { handContext, runByHand } from '../support/memory-task.js';
import {
  connection,
  expectIndexMatchesRows,
  expectNoDebris,
  temporaryPath,
  temporaryStore,
} from '../support/memories.js';
import { createVersion1Store } from '../support/version-1-store.js';

const embedder = hashingEmbedder({ dimensions: 32 });

describe('a store of version 1', () => {
  it('is opened with all that it has: it searches, stores, deletes, and every task works on it', async () => {
    const path = temporaryPath();
    const matrix = await embedder.embed(['old text']);
    createVersion1Store(path, 50, { model: embedder.name, blob: vectorBlob(matrix, 0, 32) });
    const store = temporaryStore({ path, embedder });
    const db = connection(path);
    expect(db.prepare('SELECT version FROM treadle_memories').pluck().get()).toBe(SCHEMA_VERSION);
    expect(store.count('ada')).toBe(50);
    expectIndexMatchesRows(path);
    expect(await store.search('number7', { userId: 'ada' })).toMatchObject([{ content: 'old text number7' }]);
    expect(await store.search('old text', { userId: 'ada', mode: 'vector', limit: 200 })).toHaveLength(49);
    expect(await store.add({ userId: 'ada', content: 'a new one' })).toMatchObject({ stored: true });
    expect(store.delete(1)).toBe(true);
    expectIndexMatchesRows(path);

    const context = { path, embedders: { default: { options: { dimensions: 32 } } } };
    expect(await runByHand(migrate, {}, handContext(context))).toMatchObject({ embedded: 1, removed: 0 });
    expect(await runByHand(rebuild, {}, handContext(context))).toMatchObject({ rows: 50 });
    expectIndexMatchesRows(path);
    expectNoDebris(path);
    expect(db.prepare('SELECT count(*) FROM vectors').pluck().get()).toBe(50);
  });

  it('with vectors of two models leaves it to the embedder that comes first which of them answer', async () => {
    const path = temporaryPath();
    const matrix = await embedder.embed(['old text']);
    createVersion1Store(path, 3, { model: embedder.name, blob: vectorBlob(matrix, 0, 32) });
    connection(path).exec(`INSERT INTO vectors (row_id, model, vector) SELECT row_id, 'other', vector FROM vectors`);
    connection(path).exec(`DELETE FROM vectors WHERE row_id = 1 AND model <> 'other'`);
    const store = temporaryStore({ path, embedder });
    expect(await store.search('old', { userId: 'ada', mode: 'vector' })).toHaveLength(1);
    await store.add({ userId: 'ada', content: 'a new one' });
    const context = handContext({ path, embedders: { default: { options: { dimensions: 32 } } } });
    expect(await runByHand(migrate, {}, context)).toMatchObject({ embedded: 2 });
    expect(await store.search('old', { userId: 'ada', mode: 'vector' })).toHaveLength(4);
  });
});
