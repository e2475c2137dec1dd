import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashingEmbedder } from 'treadle/embedders';
import { type SearchOptions, type Store, openStore } from 'treadle/store';
import { onTestFinished } from 'vitest';

/** A store of judged documents, and what its rows are called in the collection. */
export interface JudgedStore {
  readonly store: Store;
  /** The id of a document in the store. */
  readonly rowOf: ReadonlyMap<string, number>;
  /** Ids of documents of the collection, best first. */
  find(query: string, options: SearchOptions): Promise<string[]>;
}

/** Stores the documents in a new file that goes when the test ends, dealt out to users in turn. */
export async function judgedStore(
  documents: ReadonlyMap<string, string>,
  users: readonly [string, ...string[]],
): Promise<JudgedStore> {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-quality-'));
  const store = openStore({ path: join(folder, 'judged.db'), embedder: hashingEmbedder() });
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const rowOf = new Map<string, number>();
  const nameOf = new Map<number, string>();
  for (const [name, content] of documents) {
    const { id } = await store.add({ userId: users[rowOf.size % users.length] as string, content });
    rowOf.set(name, id);
    nameOf.set(id, name);
  }
  const find = async (query: string, options: SearchOptions): Promise<string[]> =>
    (await store.search(query, options)).map(({ id }) => nameOf.get(id) as string);
  return { store, rowOf, find };
}
