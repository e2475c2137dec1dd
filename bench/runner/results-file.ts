import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Chart } from './chart.js';
import type { Conditions } from './conditions.js';
import { type Figure, type Measured, isMet } from './row.js';

/** What was measured for one row, and under what conditions. */
export interface RowResult extends Measured {
  readonly row: number;
  readonly quick: boolean;
  readonly rounds: number;
  readonly conditions: Conditions;
}

/** Writes what was measured for a row as JSON, in place of what the file has for it; its other rows are kept. */
export function writeResults(path: string, measured: RowResult): void {
  const others = readResults(path).filter((result) => result.row !== measured.row);
  const results = [...others, measured].sort((a, b) => a.row - b.row);
  writeFileSync(path, `${JSON.stringify({ results: results.map(asWritten) }, flatLists, 2).replaceAll(LIST, '$1')}\n`);
}

function asWritten(result: RowResult): unknown {
  const figures = result.figures.map((figure) => asWrittenFigure(figure));
  const charts = result.charts?.map((chart) => asWrittenChart(chart));
  return { ...result, figures, ...(charts && { charts }) };
}

function asWrittenFigure(figure: Figure): unknown {
  return { ...figure, met: isMet(figure), samples: figure.samples.map(rounded) };
}

function asWrittenChart(chart: Chart): Chart {
  if (chart.kind === 'bars') return chart;
  const series = chart.series.map(({ name, points }) => ({
    name,
    points: points.map(([x, y]) => [rounded(x), rounded(y)] as const),
  }));
  return { ...chart, series };
}

/** What the file has; nothing where there is none. @throws TypeError when it is of another kind. */
export function readResults(path: string): readonly RowResult[] {
  if (!existsSync(path)) return [];
  const { results } = JSON.parse(readFileSync(path, 'utf8')) as { results?: readonly RowResult[] };
  if (!Array.isArray(results))
    throw new TypeError(`Expected ${path} to have \`results\`: it was not written by this bench`);
  return results as readonly RowResult[];
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

// Hundreds of samples, one a line, would hide the rest of the file.
const LIST = /"<(\[[^"]*\])>"/g;

function flatLists(key: string, value: unknown): unknown {
  return key === 'samples' || key === 'points' ? `<${JSON.stringify(value)}>` : value;
}
