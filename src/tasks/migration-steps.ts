import { permanent } from '../engine/define-task.js';
import { LOWEST } from '../sqlite/row-windows.js';
import { type Embedder, embedTexts } from '../embedders/embedder.js';
import {
  type Migration,
  type OtherVector,
  type RowTexts,
  beginMigration,
  isInUse,
  lackingInWindow,
  lackingOnList,
  otherVectors,
  removeOthers,
  settleWindow,
  storeVectors,
} from '../sqlite/migration.js';
import { modelInUse, modelsInUse } from '../sqlite/models.js';
import { PacedWriter } from '../sqlite/paced-writer.js';
import { numberRows } from '../sqlite/row-numbers.js';
import { type RowWindow, rowWindows } from '../sqlite/row-windows.js';
import { Tally } from '../sqlite/tally.js';
import { vectorBlob } from '../sqlite/vector-blob.js';
import type { MigrateInput } from './inputs.js';
import { DEFAULT_EMBEDDER, type TableContext, embedderNamed, openTableOf, preparedTableOf } from './table-data.js';

/** Thrown where the vectors in use are not those that a migration was to start from. */
export class WrongModel extends Error {
  override readonly name = 'WrongModel';
  readonly code = 'WRONG_MODEL';

  constructor(from: string, present: string | null) {
    super(
      `Expected \`from\` to be the model in use, ${present === null ? 'which is none yet' : `"${present}"`}, got "${from}"`,
    );
    // Another attempt would find the same.
    permanent(this);
  }
}

// Rows of an item. Few, so that a slow model gets chunks of a sensible length.
const WINDOW_ROWS = { min: 8, max: 64 };
// Texts that are embedded between two looks whether the task was cancelled, and stored in one transaction.
const EMBEDDED_ROWS = 64;
const REMOVED_ROWS = 200;
// While others write all the time there is always a row or two left. After so many tries those are embedded under the
// write lock; never more of them than are embedded at once anyway.
const MAX_TRIES = 200;

/** Takes over, and returns the windows of rows that may lack the new vector. */
export async function planMigration(
  migration: Migration,
  from: string | undefined,
  context: TableContext,
): Promise<RowWindow[]> {
  context.stage('preparing');
  const open = preparedTableOf(context);
  if (from !== undefined) await checkFrom(from, migration, context);
  await numberRows(open, () => context.throwIfCancelled());
  beginMigration(open, migration.id);
  const { userId } = migration;
  return rowWindows(open, { rows: WINDOW_ROWS, userId, pending: isInUse(open, migration) });
}

/** Embeds the rows of windows that lack the new vector. */
export async function embedWindows(
  windows: readonly RowWindow[],
  migration: Migration,
  context: TableContext,
  input: MigrateInput,
): Promise<void> {
  context.stage('embedding');
  const open = openTableOf(context);
  const embedder = await embedderNamed(context, input.to ?? DEFAULT_EMBEDDER);
  for (const [at, window] of windows.entries()) {
    let { after } = window;
    for (;;) {
      context.throwIfCancelled();
      const rows = lackingInWindow(open, migration, { after, upTo: window.upTo }, EMBEDDED_ROWS);
      await embedRows(rows, embedder, migration, context);
      const last = rows.at(-1);
      if (last === undefined || rows.length < EMBEDDED_ROWS) break;
      // A row that changed meanwhile is on the list: it is not tried again here.
      after = last.number;
    }
    open.db.transaction(() => settleWindow(open, migration, window)).immediate();
    context.progress(at + 1);
  }
}

/**
 * Embeds what others have written meanwhile, until `changeOver` finds nothing missing. As long as they write faster than
 * it embeds, it goes on.
 */
export async function catchUp(
  migration: Migration,
  context: TableContext,
  input: MigrateInput,
  changeOver: () => boolean,
): Promise<void> {
  context.stage('catching up');
  const embedder = await embedderNamed(context, input.to ?? DEFAULT_EMBEDDER);
  let tries = 0;
  for (;;) {
    const embedded = await embedList(migration, embedder, context);
    context.throwIfCancelled();
    if (changeOver()) return;
    if (embedded > EMBEDDED_ROWS) continue;
    tries++;
    if (tries > MAX_TRIES && (await embedLocked(migration, embedder, context, changeOver))) return;
  }
}

/** Embeds the rows of the list that lack the vector, from its beginning to its end, and returns how many those were. */
async function embedList(migration: Migration, embedder: Embedder, context: TableContext): Promise<number> {
  const open = openTableOf(context);
  let embedded = 0;
  let after = LOWEST;
  for (;;) {
    context.throwIfCancelled();
    const rows = lackingOnList(open, migration, after, EMBEDDED_ROWS);
    const last = rows.at(-1);
    if (last === undefined) return embedded;
    await embedRows(rows, embedder, migration, context);
    embedded += rows.length;
    after = last.number;
  }
}

/** Embeds the last rows while nobody else can write, if they are few. True when that was all. */
async function embedLocked(
  migration: Migration,
  embedder: Embedder,
  context: TableContext,
  changeOver: () => boolean,
): Promise<boolean> {
  const open = openTableOf(context);
  open.db.exec('BEGIN IMMEDIATE');
  try {
    const rows = lackingOnList(open, migration, LOWEST, EMBEDDED_ROWS);
    await embedRows(rows, embedder, migration, context);
    const changed = changeOver();
    open.db.exec('COMMIT');
    return changed;
  } catch (error) {
    if (open.db.inTransaction) open.db.exec('ROLLBACK');
    throw error;
  }
}

/** Removes the vectors of other models step by step; where the task is cancelled, the rest stays for the next one. */
export async function removeOthersPaced(migration: Migration, context: TableContext): Promise<void> {
  context.stage('removing the old vectors');
  const open = openTableOf(context);
  const tally = new Tally(open.db, context.taskId);
  const writer = new PacedWriter(open.db);
  let after: OtherVector | null = null;
  while (!context.signal.aborted) {
    // Looked for without the lock: it may take long to find that there are none.
    const others = otherVectors(open, migration, after, REMOVED_ROWS);
    const last = others.at(-1);
    if (last === undefined) return;
    const removed = await writer.write(() => {
      const count = removeOthers(open, migration, others);
      tally.add('removed', count ?? 0);
      return count;
    });
    if (removed === null) return;
    after = last;
  }
}

async function embedRows(
  rows: readonly RowTexts[],
  embedder: Embedder,
  migration: Migration,
  context: TableContext,
): Promise<void> {
  if (rows.length === 0) return;
  const { db } = openTableOf(context);
  const matrix = await embedTexts(embedder, rows.map(textOf));
  context.throwIfCancelled();
  const vectors = rows.map((row, at) => ({ ...row, blob: vectorBlob(matrix, at, embedder.dimensions) }));
  const store = (): void => {
    new Tally(db, context.taskId).add('embedded', storeVectors(openTableOf(context), migration, vectors));
  };
  db.transaction(store).immediate();
}

/** What is embedded of a row: its columns of text, one a paragraph. */
function textOf({ texts }: RowTexts): string {
  return texts
    .filter((text) => text !== null)
    .map((text) => text.toString('utf8'))
    .join('\n');
}

/** `from` is the name of an embedder that is at hand, or of a model as its embedder called it. */
async function checkFrom(from: string, { model, userId }: Migration, context: TableContext): Promise<void> {
  const open = openTableOf(context);
  const named = Object.hasOwn(context.data.embedders ?? { [DEFAULT_EMBEDDER]: {} }, from);
  const expected = named ? (await embedderNamed(context, from)).name : from;
  const present = [modelInUse(open, userId), ...(userId === null ? modelsInUse(open) : [])];
  // Where the new model is in use already, this is the same migration once more.
  const wrong = present.find((each) => each !== expected && each !== model);
  if (wrong !== undefined) throw new WrongModel(from, wrong);
}
