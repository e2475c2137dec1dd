/** Work on a thread during which the process must not exit. */
export interface GuardedWork {
  /** Asks it to stop. */
  cancel(): void;
  /** Blocks until the thread has left it, so long at most. */
  waitUntilLeft(timeoutMs: number): void;
}

// As long as whoever stops a process commonly waits, and longer than a chunk should last.
const MAX_WAIT_MS = 5_000;

const guarded = new Set<GuardedWork>();

/**
 * Lets `process.exit()` wait while a thread is in native code that would abort the whole process if the thread were
 * ended in it (ONNX Runtime): 5 seconds at most for all such work. Call what it returns when the work is over.
 */
export function guardExit(work: GuardedWork): () => void {
  if (guarded.size === 0) process.on('exit', onExit);
  guarded.add(work);
  return () => {
    if (guarded.delete(work) && guarded.size === 0) process.off('exit', onExit);
  };
}

function onExit(): void {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (const work of guarded) work.cancel();
  for (const work of guarded) work.waitUntilLeft(deadline - performance.now());
}
