import { type Embedder, embedTexts } from '../embedders/embedder.js';
import {
  type Migration,
  type RowTexts,
  beginMigration,
  isInUse,
  lackingInWindow,
  lackingOnList,
  removeOthers,
  settleWindow,
  storeVectors,
} from '../sqlite/migration.js';
import { modelInUse } from '../sqlite/models.js';
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
  }
}

// Rows of an item. Few, so that a slow model gets chunks of a sensible length.
const WINDOW_ROWS = { min: 8, max: 64 };
// Texts that are embedded between two looks whether the task was cancelled, and stored in one transaction.
const EMBEDDED_ROWS = 64;
const REMOVED_ROWS = 200;
// Others might write faster than their rows are embedded: then the last ones are embedded under the write lock.
const MAX_ROUNDS = 200;

const LOWEST = -(2n ** 63n);

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

/** Embeds what others have written meanwhile, until `changeOver` finds nothing missing. */
export async function catchUp(
  migration: Migration,
  context: TableContext,
  input: MigrateInput,
  changeOver: () => boolean,
): Promise<void> {
  context.stage('catching up');
  const open = openTableOf(context);
  const embedder = await embedderNamed(context, input.to ?? DEFAULT_EMBEDDER);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    context.throwIfCancelled();
    const rows = lackingOnList(open, migration, EMBEDDED_ROWS);
    if (rows.length > 0) await embedRows(rows, embedder, migration, context);
    else if (changeOver()) return;
  }
  await catchUpLocked(migration, embedder, context, changeOver);
}

/** Nobody else can write meanwhile. */
async function catchUpLocked(
  migration: Migration,
  embedder: Embedder,
  context: TableContext,
  changeOver: () => boolean,
): Promise<void> {
  const open = openTableOf(context);
  open.db.exec('BEGIN IMMEDIATE');
  try {
    for (;;) {
      const rows = lackingOnList(open, migration, EMBEDDED_ROWS);
      if (rows.length === 0) break;
      await embedRows(rows, embedder, migration, context);
    }
    changeOver();
    open.db.exec('COMMIT');
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
  let after = LOWEST;
  while (!context.signal.aborted) {
    const step = await writer.write(() => {
      const removed = removeOthers(open, migration, after, REMOVED_ROWS);
      tally.add('removed', removed?.removed ?? 0);
      return removed;
    });
    if (step === null) return;
    after = step.last;
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
  const present = modelInUse(openTableOf(context), userId);
  const named = Object.hasOwn(context.data.embedders ?? { [DEFAULT_EMBEDDER]: {} }, from);
  const expected = named ? (await embedderNamed(context, from)).name : from;
  // Where the new model is in use already, this is the same migration once more.
  if (present !== expected && present !== model) throw new WrongModel(from, present);
}
