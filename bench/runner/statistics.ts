/** The value below which a share `q` (0 to 1) of the samples lies, interpolated. NaN for none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** Each of `samples` divided by the one of `baseline` that was measured in the same round. */
export function ratios(samples: readonly number[], baseline: readonly number[]): number[] {
  if (samples.length !== baseline.length)
    throw new RangeError(`${samples.length} samples, ${baseline.length} of the baseline`);
  return samples.map((sample, round) => sample / (baseline[round] as number));
}
