import { type BatchDefinition, defineBatch } from '../engine/define-task.js';
import { type Migration, changeOver, endMigration } from '../sqlite/migration.js';
import type { RowWindow } from '../sqlite/row-windows.js';
import { Tally } from '../sqlite/tally.js';
import type { MigrateInput } from './inputs.js';
import { catchUp, embedWindows, planMigration, removeOthersPaced } from './migration-steps.js';
import { DEFAULT_EMBEDDER, type TableContext, type TableData, embedderNamed, openTableOf } from './table-data.js';

/** What `migrate_embeddings` did. */
export interface MigrateResult {
  /** The model whose vectors answer now, by the name that its embedder gives it. */
  readonly model: string;
  /** Vectors that this task made, each counted once. */
  readonly embedded: number;
  /** Vectors of other models, or without a row, that this task removed. */
  readonly removed: number;
}

/**
 * Brings the vectors of all rows, or of one user's, to another model. The new ones are written beside those in use, and
 * searches change over in one step when no row lacks one. Where the model is in use already, only rows that lack its
 * vector are embedded. Items are windows of equally many rows.
 */
const migrateEmbeddings: BatchDefinition<MigrateInput, RowWindow, MigrateResult, TableData, true> = defineBatch<
  RowWindow,
  void,
  MigrateResult,
  MigrateInput,
  TableData
>({
  async plan(input, context) {
    return planMigration(await migrationOf(input, context), input.from, context);
  },

  async run(windows, context, input) {
    await embedWindows(windows, await migrationOf(input, context), context, input);
  },

  async finish(_, context, input) {
    const migration = await migrationOf(input, context);
    const open = openTableOf(context);
    const tally = new Tally(open.db, context.taskId);
    const change = open.db.transaction(() => {
      const changed = changeOver(open, migration);
      if (changed) tally.add('changed', 1);
      return changed;
    });
    // A thread may have died after the change and before its answer.
    if (tally.total('changed') === 0) await catchUp(migration, context, input, () => change.immediate());
    // The new vectors answer: from here on nothing can be taken back.
    if (input.keep !== true) await removeOthersPaced(migration, context);
    return { model: migration.model, embedded: tally.total('embedded'), removed: tally.total('removed') };
  },

  cleanup(context) {
    const open = openTableOf(context);
    endMigration(open, context.taskId);
    new Tally(open.db, context.taskId).end();
  },
});

export default migrateEmbeddings;

async function migrationOf({ to = DEFAULT_EMBEDDER, userId }: MigrateInput, context: TableContext): Promise<Migration> {
  const { name: model } = await embedderNamed(context, to);
  return { id: context.taskId, model, userId: userId ?? null };
}
