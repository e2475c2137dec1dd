/** Milliseconds that all threads of a process count alike; `performance.now()` begins anew on each. */
export function threadTimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
