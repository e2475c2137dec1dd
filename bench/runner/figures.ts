import type { Figure, Goal } from './row.js';
import { median, quantile, ratios } from './statistics.js';

/** The median over all rounds, with the middle half of them as spread. */
export function medianFigure(name: string, unit: string, samples: readonly number[], goal: Goal | null = null): Figure {
  return {
    name,
    unit,
    value: median(samples),
    spread: samples.length > 1 ? { low: quantile(samples, 0.25), high: quantile(samples, 0.75) } : null,
    goal,
    count: samples.length,
    samples,
  };
}

/** How many times the baseline it is, round by round: the median of the ratios. */
export function ratioFigure(
  name: string,
  samples: readonly number[],
  baseline: readonly number[],
  goal: Goal | null = null,
): Figure {
  return medianFigure(name, '×', ratios(samples, baseline), goal);
}

/** A percentile over the samples of all blocks, with the lowest and highest that a block alone has as spread. */
export function quantileFigure(
  name: string,
  unit: string,
  q: number,
  blocks: readonly (readonly number[])[],
  goal: Goal | null = null,
): Figure {
  const samples = blocks.flat();
  const alone = blocks.map((block) => quantile(block, q));
  return {
    name,
    unit,
    value: quantile(samples, q),
    spread: blocks.length > 1 ? { low: Math.min(...alone), high: Math.max(...alone) } : null,
    goal,
    count: samples.length,
    samples,
  };
}
