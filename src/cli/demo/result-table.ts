/** A row: what it is about, and a cell for each column. */
export type Row = readonly [label: string, ...cells: string[]];

/**
 * Lays out rows under a head. Where the terminal is too narrow for that, the same as a list, column by column.
 *
 * @param columns how many characters a line may have; Infinity where nobody counts.
 */
export function layOut(head: Row, rows: readonly Row[], columns: number): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  const width = widths.reduce((sum, each) => sum + each + 3, -3) + 2;
  if (width > columns) return asList(head, rows);
  const print = (row: Row): string =>
    `  ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('   ')}`;
  const rule = `  ${'-'.repeat(width - 2)}`;
  return [print(head), rule, ...rows.map(print)];
}

function asList(head: Row, rows: readonly Row[]): string[] {
  const lines: string[] = [];
  for (const [at, name] of head.entries()) {
    if (at === 0) continue;
    lines.push(`${name}:`);
    for (const row of rows) if ((row[at] ?? '') !== '') lines.push(`  ${row[0]}: ${row[at]}`);
  }
  return lines;
}
