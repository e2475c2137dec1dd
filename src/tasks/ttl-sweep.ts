import { type BatchDefinition, defineBatch } from '../engine/define-task.js';
import { checkTimes, deleteExpired, expiredRows } from '../sqlite/expiry.js';
import { numberRows } from '../sqlite/row-numbers.js';
import { type RowWindow, rowWindows } from '../sqlite/row-windows.js';
import { PacedWriter } from '../sqlite/paced-writer.js';
import { QuietIndex } from '../sqlite/quiet-index.js';
import { Tally } from '../sqlite/tally.js';
import type { SweepInput } from './inputs.js';
import { type TableContext, type TableData, openTableOf, preparedTableOf } from './table-data.js';

/** What `ttl_sweep` did. */
export interface SweepResult {
  /** Rows deleted, each counted once. */
  readonly deleted: number;
}

// Expired rows of an item, which takes one transaction of some 10 ms; more may have expired since it was planned.
const DELETED_ROWS = 100;
const WINDOW_ROWS = { min: DELETED_ROWS, max: DELETED_ROWS };

/**
 * Deletes expired rows, and with them their entries in the full-text index and their vectors. Items are windows of equally
 * many expired rows, each deleted in one short transaction. What is renewed before its turn comes stays.
 */
const ttlSweep: BatchDefinition<SweepInput, RowWindow, SweepResult, TableData, true> = defineBatch<
  RowWindow,
  void,
  SweepResult,
  SweepInput,
  TableData
>({
  async plan({ userId = null, namespace = null }, context) {
    const open = preparedTableOf(context);
    // The store's own are right.
    if (context.data.table !== undefined) checkTimes(open);
    await numberRows(open, () => context.throwIfCancelled());
    return rowWindows(open, { rows: WINDOW_ROWS, userId, namespace, expiredAt: Date.now() });
  },

  async run(windows, context, { userId = null, namespace = null }) {
    const open = openTableOf(context);
    const tally = tallyOf(context);
    const write = writerOf(context);
    for (const [at, window] of windows.entries()) {
      const scope = { userId, namespace, now: Date.now() };
      // Looked for without the lock: they may be few among many.
      const expired = expiredRows(open, window, scope);
      for (let from = 0; from < expired.length; from += DELETED_ROWS) {
        const numbers = expired.slice(from, from + DELETED_ROWS);
        await write(() => tally.add('deleted', deleteExpired(open, numbers, scope)));
      }
      context.progress(at + 1);
    }
  },

  finish(_, context) {
    return { deleted: tallyOf(context).total('deleted') };
  },

  cleanup(context) {
    tallyOf(context).end();
  },
});

export default ttlSweep;

function tallyOf(context: TableContext): Tally {
  return new Tally(openTableOf(context).db, context.taskId);
}

/** Where there is a full-text index, without the merging that it would do in the middle of a transaction. */
function writerOf(context: TableContext): (work: () => void) => Promise<void> {
  const open = openTableOf(context);
  const mayGoOn = (): void => context.throwIfCancelled();
  if (open.layout.described.fts !== undefined) {
    const index = new QuietIndex(open, mayGoOn);
    return (work) => index.write(work);
  }
  const writer = new PacedWriter(open.db);
  return (work) => {
    mayGoOn();
    return writer.write(work);
  };
}
