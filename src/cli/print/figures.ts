const SECOND = 1;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A duration as people read it: `0 ms`, `850 ms`, `1.2 s`, `45 s`, `3 m`, `2.5 h`, `12 d`. Below zero it is none. */
export function duration(seconds: number): string {
  const left = Math.max(0, seconds);
  // Each unit ends where it would be rounded up to the next one.
  if (left < 0.9995) return `${Math.round(left * 1_000)} ms`;
  if (left < 59.5) return `${short(left / SECOND)} s`;
  if (left < 59.5 * MINUTE) return `${Math.max(1, Math.round(left / MINUTE))} m`;
  if (left < 47.5 * HOUR) return `${short(left / HOUR)} h`;
  return `${count(left / DAY)} d`;
}

/** A number as people read it: `12,345`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A number of items per second: `0.25/s`, `3.5/s`, `1,234/s`. */
export function rate(perSecond: number): string {
  if (perSecond < 0.995) return `${Number(perSecond.toPrecision(2))}/s`;
  return `${perSecond < 9.95 ? short(perSecond) : count(perSecond)}/s`;
}

/** A number of bytes as people read it: `512 B`, `1.5 KiB`, `48 MiB`. */
export function bytes(value: number): string {
  let left = value;
  let unit = 'B';
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (left < 1_023.5) break;
    left /= 1_024;
    unit = larger;
  }
  return `${unit === 'B' ? count(left) : short(left)} ${unit}`;
}

/** With one decimal below ten, where that is not zero. */
function short(value: number): string {
  return value < 9.95 ? String(Number(value.toFixed(1))) : count(value);
}
