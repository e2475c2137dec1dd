import Table from 'cli-table3';
import type { Output } from './output.js';

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Cells of it may be cut to so many columns of the terminal where the table is too wide. @default never */
  readonly shrinkTo?: number;
  /** Where the table is too wide even so, the column that has the highest is left out, then the next. @default never */
  readonly drop?: number;
}

const PLACES =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle';
const NO_BORDERS = Object.fromEntries(PLACES.split(' ').map((place) => [place, '']));
const GAP = 2;

/**
 * A table without borders, aligned, with its titles above. Columns without any cell are left out. Where it is wider than
 * `width`, the widest of those that may shrink are cut first; what is cut off ends with `…`.
 *
 * @param rows cells without line ends; escape codes of colours take no room.
 */
export function table(all: readonly Column[], rows: readonly (readonly string[])[], width: number): string[] {
  const natural = all.map(({ title }, at) => widthOf([title, ...rows.map((row) => row[at] ?? '')]));
  const filled = [...all.keys()].filter((at) => rows.some((row) => row[at] !== ''));
  const shown = thatFit(all, filled, natural, width);
  const columns = shown.map((at) => all[at] as Column);
  const drawn = newTable(
    columns,
    fitted(
      columns,
      shown.map((at) => natural[at] as number),
      width,
    ),
  );
  drawn.push(columns.map(({ title }) => title));
  for (const row of rows) drawn.push(shown.map((at) => row[at] ?? ''));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

/** The same for an output, its titles dimmed. */
export function printedTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  output: Output,
): string[] {
  const [titles = '', ...lines] = table(columns, rows, output.columns);
  return [output.paint('dim', titles), ...lines];
}

/** Without those that have to go. */
function thatFit(
  all: readonly Column[],
  given: readonly number[],
  natural: readonly number[],
  width: number,
): number[] {
  const left = [...given];
  const least = (at: number): number => Math.min(natural[at] ?? 0, (all[at]?.shrinkTo ?? Infinity) + GAP);
  for (;;) {
    const needed = left.reduce((sum, at) => sum + least(at), -GAP);
    const drops = left.filter((at) => all[at]?.drop !== undefined);
    if (needed <= width || drops.length === 0) return left;
    const first = drops.reduce((one, other) => ((all[one]?.drop ?? 0) > (all[other]?.drop ?? 0) ? one : other));
    left.splice(left.indexOf(first), 1);
  }
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
