import { type BatchDefinition, type Range, defineBatch, range } from '../engine/define-task.js';
import { Tally } from '../sqlite/tally.js';
import { MemoryWriter, type Shelf } from '../store/memory-writer.js';
import type { EmbedBatchInput } from './inputs.js';
import { type TableContext, type TableData, embedderInUseOf, openTableOf } from './table-data.js';

const STORED = 'stored';
const BEGUN = 'begun';

/** What `embed_batch` did with its texts: `stored + skipped` is how many there were. */
export interface EmbedBatchResult {
  /** Texts that this task stored, each counted once even where a thread died and its chunk ran again. */
  readonly stored: number;
  /** Texts that were stored before, or stand in the input more than once. */
  readonly skipped: number;
}

/**
 * Embeds and stores texts. The items are numbers of texts: a large input goes to each thread once, in shared memory,
 * where texts as items would travel to the host and back. Each chunk embeds without any lock, then stores in one short
 * transaction.
 */
const embedBatch: BatchDefinition<EmbedBatchInput, number, EmbedBatchResult, TableData, true> = defineBatch<
  number,
  void,
  EmbedBatchResult,
  EmbedBatchInput,
  TableData
>({
  plan({ contents }, context): Range & Iterable<number> {
    // A database that can't be opened, or is too new, fails here and not in many chunks.
    const tally = tallyOf(context);
    // Left behind by a task of the same id, which was killed with its process.
    if (tally.total(BEGUN) !== 0 || tally.total(STORED) !== 0) tally.end();
    return range(0, contents.length);
  },

  async run(items, context, input) {
    const tally = tallyOf(context);
    const contents = items.map((item) => input.contents[item] as string);
    const { shelf, now } = shelfOf(input, tally);
    await writerOf(context).add(shelf, contents, now, {
      embedder: () => embedderInUseOf(context, input.userId),
      mayGoOn: () => context.throwIfCancelled(),
      onWritten(written) {
        tally.add(STORED, written.filter((row) => row.stored).length);
        if (input.ttlMs !== undefined) noteBegin(tally, now);
      },
    });
  },

  finish(_, context, { contents }) {
    // A row that was deleted before its chunk ran again was stored twice.
    const stored = Math.min(tallyOf(context).total(STORED), contents.length);
    return { stored, skipped: contents.length - stored };
  },

  cleanup(context) {
    tallyOf(context).end();
  },
});

export default embedBatch;

/**
 * What has expired is stored anew. What expired after the task began counts as stored: it may be the task's own, of a
 * chunk that runs again. Each text is kept for `ttlMs` from the present, however long the task takes.
 */
function shelfOf(input: EmbedBatchInput, tally: Tally): { shelf: Shelf; now: number } {
  const present = Date.now();
  if (input.ttlMs === undefined) return { shelf: input, now: present };
  const begun = tally.total(BEGUN);
  const now = begun === 0 ? present : Math.min(begun, present);
  return { shelf: { ...input, ttlMs: input.ttlMs + present - now }, now };
}

/** Keeps the earliest of the times at which chunks began; the first ones run at once. Epoch milliseconds. */
function noteBegin(tally: Tally, now: number): void {
  const known = tally.total(BEGUN);
  if (known === 0 || now < known) tally.add(BEGUN, now - known);
}

function tallyOf(context: TableContext): Tally {
  return new Tally(openTableOf(context).db, context.taskId);
}

/** Statements prepared once on the thread's own connection. */
function writerOf(context: TableContext): MemoryWriter {
  return context.perThread(`writer ${context.data.path}`, () => new MemoryWriter(openTableOf(context)));
}
