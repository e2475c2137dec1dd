import { goalText, metText, spreadText, valueText } from './number-text.js';
import { type Measured, type Row, isMet } from './row.js';

const HEADER = ['', 'figure', 'spread', 'n', 'goal', 'met'];

/** A row's figures as lines for the terminal. */
export function terminalTable(row: Row, { config, figures }: Measured): string {
  const lines = figures.map((figure) => [
    figure.name,
    valueText(figure),
    spreadText(figure.spread),
    String(figure.count),
    goalText(figure.goal),
    metText(isMet(figure)),
  ]);
  const widths = HEADER.map((_, column) =>
    Math.max(...[HEADER, ...lines].map((line) => (line[column] as string).length)),
  );
  const settings = Object.entries(config).map(([name, value]) => `${name} ${value}`);
  return [
    `${row.number}. ${row.question}`,
    `   goal: ${row.goal}`,
    `   ${settings.join(', ')}`,
    ...[HEADER, ...lines].map((line) =>
      `   ${line.map((cell, column) => pad(cell, widths[column] as number, column)).join('  ')}`.trimEnd(),
    ),
    '',
  ].join('\n');
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
