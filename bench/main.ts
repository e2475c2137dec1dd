import { type Arguments, DEFAULT_ROUNDS, USAGE, readArguments } from './arguments.js';
import { ROWS } from './row-list.js';
import { chartSvg } from './runner/chart-svg.js';
import { conditionsNow } from './runner/conditions.js';
import { writeDocumentation } from './runner/documentation.js';
import { type RowResult, readResults, writeResults } from './runner/results-file.js';
import type { Row } from './runner/row.js';
import { terminalTable } from './runner/terminal-table.js';

const PAGE = 'docs/benchmarks.md';

async function measure(row: Row, { quick, rounds }: Arguments): Promise<RowResult> {
  const measured = await row.run({ quick, rounds });
  const effort = quick ? ' --quick' : rounds === DEFAULT_ROUNDS ? '' : ` --rounds ${rounds}`;
  const command = `npm run bench -- --row ${row.number}${effort}`;
  return { row: row.number, quick, rounds, conditions: conditionsNow(command), ...measured };
}

async function main(args: Arguments): Promise<void> {
  const wanted = args.rows.length === 0 ? ROWS : ROWS.filter((row) => args.rows.includes(row.number));
  for (const row of args.run ? wanted : []) {
    const result = await measure(row, args);
    process.stdout.write(`${terminalTable(row, result)}\n`);
    // A chart that can't be drawn is to be known now, not when the page is written.
    for (const chart of result.charts ?? []) chartSvg(chart, result.figures);
    // After each row, so that a run which ends early leaves what it has.
    if (args.json !== null) writeResults(args.json, result);
  }
  if (args.write && args.json !== null) writeDocumentation(PAGE, ROWS, readResults(args.json));
}

function argumentsOrExit(): Arguments {
  try {
    return readArguments(
      process.argv.slice(2),
      ROWS.map((row) => row.number),
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

await main(argumentsOrExit());
