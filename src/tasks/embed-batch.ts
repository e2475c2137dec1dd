import { type BatchDefinition, type Range, type TaskContext, defineBatch, range } from '../engine/define-task.js';
import { embedTexts } from '../embedders/embedder.js';
import { contentHash } from '../store/memory.js';
import type { MemoryWriter, NewRow } from '../store/memory-writer.js';
import { vectorBlob } from '../store/vector-blob.js';
import type { EmbedBatchInput } from './inputs.js';
import { type MemoryData, connectionOf, embedderOf, writerOf } from './memory-data.js';

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
const embedBatch: BatchDefinition<EmbedBatchInput, number, EmbedBatchResult, MemoryData, true> = defineBatch<
  number,
  EmbedBatchResult,
  EmbedBatchResult,
  EmbedBatchInput,
  MemoryData
>({
  plan({ contents }, context): Range & Iterable<number> {
    // A database that can't be opened, or is too new, fails here and not in many chunks.
    connectionOf(context);
    return range(0, contents.length);
  },

  async run(items, context, input) {
    const writer = writerOf(context);
    const rows = await embedNew(writer, items, context, input);
    context.throwIfCancelled();
    const written = writer.write(input, rows, Date.now());
    const stored = written.filter((row) => row.stored).length;
    return { stored, skipped: items.length - stored };
  },

  finish(parts) {
    return parts.reduce((sum, part) => ({ stored: sum.stored + part.stored, skipped: sum.skipped + part.skipped }), {
      stored: 0,
      skipped: 0,
    });
  },
});

export default embedBatch;

/** The chunk's different texts, with vectors for those whose vector is not stored yet. */
async function embedNew(
  writer: MemoryWriter,
  items: readonly number[],
  context: TaskContext<MemoryData>,
  input: EmbedBatchInput,
): Promise<NewRow[]> {
  const embedder = await embedderOf(context);
  const texts = new Map<string, { content: string; hash: Buffer; item: number }>();
  for (const item of items) {
    const content = input.contents[item] as string;
    const hash = contentHash(content);
    const key = hash.toString('latin1');
    if (!texts.has(key)) texts.set(key, { content, hash, item });
  }
  const all = [...texts.values()];
  const fresh = all.filter(({ hash }) => !writer.hasVector(input, hash, embedder.name));
  context.throwIfCancelled();
  const matrix =
    fresh.length === 0
      ? null
      : await embedTexts(
          embedder,
          fresh.map(({ content }) => content),
        );
  const rowOf = new Map(fresh.map((text, row) => [text, row]));
  return all.map((text) => {
    const row = rowOf.get(text);
    const vector =
      row === undefined || matrix === null
        ? null
        : { model: embedder.name, blob: vectorBlob(matrix, row, embedder.dimensions) };
    return { content: text.content, hash: text.hash, vector, origin: { taskId: context.taskId, item: text.item } };
  });
}
