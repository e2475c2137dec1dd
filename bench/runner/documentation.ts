import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chartSvg } from './chart-svg.js';
import { CHART_FOLDER, chartName, markdownPage } from './markdown-page.js';
import type { RowResult } from './results-file.js';
import type { Row } from './row.js';

/** Writes the page of all results, and its charts into a folder beside it, in place of those that are there. */
export function writeDocumentation(page: string, rows: readonly Row[], results: readonly RowResult[]): void {
  const folder = join(dirname(page), CHART_FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { row, figures, charts = [] } of results) {
    for (const [at, chart] of charts.entries()) {
      writeFileSync(join(folder, chartName(row, at)), chartSvg(chart, figures));
    }
  }
  writeFileSync(page, markdownPage(rows, results));
}
