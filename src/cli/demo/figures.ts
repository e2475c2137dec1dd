/** A number as people read it: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A duration as people read it: `0.04 ms`, `0.4 ms`, `12 ms`, `1,234 ms`. */
export function milliseconds(ms: number): string {
  if (!Number.isFinite(ms)) return 'none';
  return ms < 9.95 ? `${ms.toFixed(ms < 0.1 ? 2 : 1)} ms` : `${count(ms)} ms`;
}
