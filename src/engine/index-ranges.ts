/** Items `from` (inclusive) to `to` (exclusive). */
export interface IndexRange {
  readonly from: number;
  readonly to: number;
}

/** The same indexes, in order, with neighbours merged. */
export function mergeRanges(ranges: readonly IndexRange[]): IndexRange[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

/** The indexes from 0 to `total` that are in none of the ranges. */
export function rangesBetween(ranges: readonly IndexRange[], total: number): IndexRange[] {
  const between: IndexRange[] = [];
  let at = 0;
  for (const { from, to } of mergeRanges(ranges)) {
    if (from > at) between.push({ from: at, to: from });
    at = to;
  }
  if (total > at) between.push({ from: at, to: total });
  return between;
}
