import { threadId } from 'node:worker_threads';
import { type EmbedderModule, loadEmbedder } from 'treadle/embedders';
import { type TaskContext, type TaskDefinition, defineTask } from 'treadle/task';
import { Gate } from './gate.js';

interface Embedding {
  text: string;
  gate: SharedArrayBuffer;
}

/** Embeds a text with the thread's own instance of the embedder, waits at the gate, and tells its thread. */
const embedding: TaskDefinition<Embedding, { threadId: number; vector: number[] }, EmbedderModule> = defineTask(
  async ({ text, gate }: Embedding, context: TaskContext<EmbedderModule>) => {
    const embedder = await context.perThread(`embedder ${JSON.stringify(context.data)}`, () =>
      loadEmbedder(context.data),
    );
    const vector = [...(await embedder.embed([text]))];
    new Gate(gate).pass();
    return { threadId, vector };
  },
);

export default embedding;
