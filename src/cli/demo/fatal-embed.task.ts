import { unlinkSync, writeFileSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import embedBatch from '../../tasks/embed-batch.js';

/** Where the thread that dies says so, and when it is to die. */
export interface Fault {
  /** A file. Whichever thread removes it first dies; so it happens once. */
  readonly armedPath: string;
  /** Where that thread leaves a {@link Death}. */
  readonly deathPath: string;
  /** How many items a thread does before it tries. */
  readonly afterItems: number;
}

/** What the thread that died had done. */
export interface Death {
  readonly threadId: number;
  /** Items of the chunk that it had committed and not yet reported. */
  readonly committed: number;
}

const { steps } = embedBatch;
let done = 0;

/**
 * `embed_batch`, on a thread that dies once at the worst moment: the rows of a chunk are committed, and nobody has been
 * told. The engine must run that chunk again, and the task must not store it twice.
 */
const fatalEmbed: typeof embedBatch = {
  ...embedBatch,
  steps: {
    ...steps,
    async run(items, context, input) {
      const part: unknown = await steps.run?.(items, context, input);
      done += items.length;
      const { fault } = context.data as { fault: Fault };
      if (done >= fault.afterItems && !isMainThread && take(fault.armedPath)) {
        const death: Death = { threadId, committed: items.length };
        writeFileSync(fault.deathPath, JSON.stringify(death));
        process.exit(1);
      }
      return part;
    },
  },
};

function take(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

export default fatalEmbed;
