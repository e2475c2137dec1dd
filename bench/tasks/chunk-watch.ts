/** How long each chunk of a task took: a slot for each, taken by the threads one after the other. */
export interface ChunkWatch {
  /** How many slots are taken. One shared integer. */
  readonly taken: Int32Array;
  /** Milliseconds of each chunk. Shared. */
  readonly ms: Float64Array;
}

/** A watch for a task of up to so many chunks. */
export function chunkWatch(chunks: number): ChunkWatch {
  return {
    taken: new Int32Array(new SharedArrayBuffer(4)),
    ms: new Float64Array(new SharedArrayBuffer(chunks * Float64Array.BYTES_PER_ELEMENT)),
  };
}

/** On the thread: a chunk begins. */
export function takeSlot({ taken }: ChunkWatch): number {
  return Atomics.add(taken, 0, 1);
}

/** How many chunks there were, and the milliseconds of the longest. */
export function seen({ taken, ms }: ChunkWatch): { chunks: number; longestMs: number } {
  const chunks = Atomics.load(taken, 0);
  return { chunks, longestMs: Math.max(...ms.subarray(0, chunks)) };
}
