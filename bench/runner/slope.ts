/** A straight line through samples over time. */
export interface Slope {
  /** Units of the values per unit of the times. */
  readonly perUnit: number;
  /** Half the width of the 95 % confidence interval of `perUnit`. */
  readonly margin: number;
  /** The line's value at time 0. */
  readonly atZero: number;
}

/**
 * The least-squares line. Samples that follow each other resemble each other, so the interval is that of as many
 * independent samples as the autocorrelation of the residuals leaves: n (1 - r) / (1 + r), as in Santer et al. 2000,
 * doi:10.1029/1999JD901105.
 *
 * @throws RangeError for less than four samples, or when they were all taken at one time.
 */
export function leastSquares(times: readonly number[], values: readonly number[]): Slope {
  const count = times.length;
  if (count < 4 || values.length !== count) {
    throw new RangeError(`Expected at least 4 times and as many values, got ${count} and ${values.length}`);
  }
  const meanTime = mean(times);
  const meanValue = mean(values);
  const spread = sum(times.map((time) => (time - meanTime) ** 2));
  if (spread === 0) throw new RangeError('Expected samples of different times');
  const perUnit = sum(times.map((time, at) => (time - meanTime) * ((values[at] as number) - meanValue))) / spread;
  const atZero = meanValue - perUnit * meanTime;
  const residuals = times.map((time, at) => (values[at] as number) - atZero - perUnit * time);
  const independent = independentSamples(residuals);
  const variance = sum(residuals.map((residual) => residual ** 2)) / (independent - 2);
  return { perUnit, atZero, margin: quantile95(independent - 2) * Math.sqrt(variance / spread) };
}

/** Not less than three, or there would be nothing to estimate from. */
function independentSamples(residuals: readonly number[]): number {
  const squares = sum(residuals.map((residual) => residual ** 2));
  const products = sum(residuals.slice(1).map((residual, at) => residual * (residuals[at] as number)));
  // Samples that alternate tell no more than independent ones.
  const correlation = squares === 0 ? 0 : Math.max(0, products / squares);
  return Math.max(3, (residuals.length * (1 - correlation)) / (1 + correlation));
}

/** The two-sided 95 % quantile of Student's t, by its expansion around the normal one; within 4 % from 3 degrees on. */
function quantile95(degrees: number): number {
  const z = 1.959964;
  return (
    z +
    (z ** 3 + z) / (4 * degrees) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3)
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
