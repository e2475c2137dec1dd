import Table from 'cli-table3';
import type { Output } from './output.js';

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Cells of it may be cut to so many columns of the terminal where the table is too wide. @default never */
  readonly shrinkTo?: number;
}

const PLACES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle';
const NO_BORDERS = Object.fromEntries(PLACES.split(' ').map((place) => [place, '']));
const GAP = 2;

/**
 * A table without borders, aligned, with its titles above. Where it is wider than `columns`, the widest of those columns that may
 * shrink are cut first; what is cut off ends with `…`.
 *
 * @param rows cells without line ends; escape codes of colours take no room.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  const cells = [columns.map(({ title }) => title), ...rows];
  const natural = columns.map((_, at) => widthOf(cells.map((row) => row[at] ?? '')));
  const drawn = newTable(columns, fitted(columns, natural, width));
  for (const row of cells) drawn.push([...row]);
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

/** Such a table for an output, without the columns that are empty, its titles dimmed. */
export function filledTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  output: Output,
): string[] {
  const filled = [...columns.keys()].filter((at) => rows.some((row) => row[at] !== ''));
  const shown = filled.map((at) => columns[at] as Column);
  const [titles = '', ...lines] = table(
    shown,
    rows.map((row) => filled.map((at) => row[at] ?? '')),
    output.columns,
  );
  return [output.paint('dim', titles), ...lines];
}

/** With the gap. */
function widthOf(cells: readonly string[]): number {
  const column = newTable([{ title: '' }], []);
  for (const cell of cells) column.push([cell]);
  return column.width;
}

function fitted(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  // The last gap is blank.
  let excess = widths.reduce((sum, each) => sum + each, -GAP) - width;
  while (excess > 0) {
    let widest = -1;
    for (const [at, { shrinkTo = Infinity }] of columns.entries()) {
      const left = widths[at] ?? 0;
      if (left > shrinkTo + GAP && left > (widths[widest] ?? 0)) widest = at;
    }
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

function newTable(columns: readonly Column[], colWidths: number[]): Table.Table {
  return new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [], compact: true },
    colAligns: columns.map(({ align = 'left' }) => align),
    colWidths,
  });
}
