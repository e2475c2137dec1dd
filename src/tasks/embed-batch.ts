import { type BatchDefinition, type Range, defineBatch, range } from '../engine/define-task.js';
import { Tally } from '../sqlite/tally.js';
import { MemoryWriter } from '../store/memory-writer.js';
import type { EmbedBatchInput } from './inputs.js';
import { type TableContext, type TableData, embedderInUseOf, openTableOf } from './table-data.js';

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
    openTableOf(context);
    return range(0, contents.length);
  },

  async run(items, context, input) {
    const tally = tallyOf(context);
    const contents = items.map((item) => input.contents[item] as string);
    await writerOf(context).add(input, contents, Date.now(), {
      embedder: () => embedderInUseOf(context, input.userId),
      mayGoOn: () => context.throwIfCancelled(),
      onWritten: (written) => tally.add('stored', written.filter((row) => row.stored).length),
    });
  },

  finish(_, context, { contents }) {
    const stored = tallyOf(context).total('stored');
    return { stored, skipped: contents.length - stored };
  },

  cleanup(context) {
    tallyOf(context).end();
  },
});

export default embedBatch;

function tallyOf(context: TableContext): Tally {
  return new Tally(openTableOf(context).db, context.taskId);
}

/** Statements prepared once on the thread's own connection. */
function writerOf(context: TableContext): MemoryWriter {
  return context.perThread(`writer ${context.data.path}`, () => new MemoryWriter(openTableOf(context)));
}
