/** All the time that a client knows. The `systemClock` of `treadle` is one too. */
export interface ClientClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fire` once after `ms`; returns what stops that. */
  after(ms: number, fire: () => void): () => void;
}

/** The longest delay that `setTimeout` knows. Milliseconds. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;

/** The clock of the machine; in Node its timers keep the process alive. */
export const machineClock: ClientClock = {
  now: () => Date.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or as soon as the signal is aborted. */
export function pause(clock: ClientClock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.after(ms, end);
    const leave = onAbort(signal, end);
    function end(): void {
      stop();
      leave();
      resolve();
    }
  });
}

/** Calls `tell` when the signal is aborted, at once where it is already; returns what ends that. */
export function onAbort(signal: AbortSignal | undefined, tell: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    tell();
    return () => {};
  }
  signal.addEventListener('abort', tell, { once: true });
  return () => signal.removeEventListener('abort', tell);
}
