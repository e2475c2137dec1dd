/** Calls `onStuck` when `pulse` has not changed for `patienceMs`. Keeps the process alive until it is stopped. */
export function watchdog(pulse: () => number, patienceMs: number, onStuck: () => void): () => void {
  let last = pulse();
  let since = performance.now();
  const timer = setInterval(() => {
    const now = pulse();
    if (now !== last) {
      last = now;
      since = performance.now();
    } else if (performance.now() - since > patienceMs) {
      clearInterval(timer);
      onStuck();
    }
  }, 250);
  return () => clearInterval(timer);
}
