import { resolve } from 'node:path';
import type { Embedder } from '../embedders/embedder.js';
import type { EmbedderModule } from '../embedders/embedder-module.js';
import type { TaskContext } from '../engine/define-task.js';
import { ModelNotAtHand, modelInUse } from '../sqlite/models.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { openOwnTable, setUp } from '../sqlite/own-table.js';
import type { UserId } from '../sqlite/layout.js';
import type { SqliteTable } from '../sqlite/sqlite-table.js';
import { openMemories } from '../store/memories-table.js';
import { embedderKey, sharedEmbedder } from './shared-embedders.js';

/** The name of the embedder that a table begins with. */
export const DEFAULT_EMBEDDER = 'default';

/** What the tasks are told about the table they work on; it goes to each thread once. */
export interface TableData {
  /** The database file, as an absolute path. */
  readonly path: string;
  /** The table. @default the memories of a store, which is made where there is none */
  readonly table?: SqliteTable | undefined;
  /** Of the full-text index. @default 'porter unicode61 remove_diacritics 2' */
  readonly tokenizer?: string | undefined;
  /** By name; {@link DEFAULT_EMBEDDER} is among them. @default the hashing embedder alone */
  readonly embedders?: Readonly<Record<string, EmbedderModule>>;
}

/** What a table task is given on its thread. */
export type TableContext = TaskContext<TableData>;

/** The thread's own connection, kept warm. */
export function openTableOf(context: TableContext): OpenTable {
  const { path, table, tokenizer } = context.data;
  return context.perThread(`table ${path} ${JSON.stringify(table)}`, () => {
    const open = table === undefined ? openMemories(path, tokenizer) : openOwnTable(path, table, tokenizer);
    return { ...open, close: () => void open.db.close() };
  });
}

/** {@link openTableOf} when a task begins: a table of the user's may have been made anew since the thread opened it. */
export function preparedTableOf(context: TableContext): OpenTable {
  const open = openTableOf(context);
  const { table, tokenizer } = context.data;
  if (table !== undefined) setUp(open, tokenizer);
  return open;
}

/** The database file. */
export function pathOf(context: TableContext): string {
  return resolve(context.data.path);
}

/** The thread's own embedder of that name, kept warm. */
export function embedderNamed(context: TableContext, name: string): Promise<Embedder> {
  const embedders: Readonly<Record<string, EmbedderModule>> = context.data.embedders ?? { [DEFAULT_EMBEDDER]: {} };
  const module = embedders[name];
  if (module === undefined) {
    throw new Error(`Expected an embedder of the name ${Object.keys(embedders).join(', ')}, got "${name}"`);
  }
  return context.perThread(`embedder ${embedderKey(module)}`, () => sharedEmbedder(module));
}

/**
 * The embedder that made the vectors in use for a user; the first one where there are none yet. Others are loaded only
 * where the first is not it.
 *
 * @throws ModelNotAtHand
 */
export async function embedderInUseOf(context: TableContext, userId: UserId | null): Promise<Embedder> {
  const names = Object.keys(context.data.embedders ?? { [DEFAULT_EMBEDDER]: {} });
  names.sort((one, other) => Number(other === DEFAULT_EMBEDDER) - Number(one === DEFAULT_EMBEDDER));
  const model = modelInUse(openTableOf(context), userId);
  const models = [];
  for (const name of names) {
    const embedder = await embedderNamed(context, name);
    if (model === null || embedder.name === model) return embedder;
    models.push(embedder.name);
  }
  throw new ModelNotAtHand(model ?? '', models);
}
