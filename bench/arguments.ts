import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Arguments {
  /** Numbers of the rows to run; empty for all. */
  readonly rows: readonly number[];
  readonly quick: boolean;
  readonly rounds: number;
  /** False to measure nothing. */
  readonly run: boolean;
  /** Where the JSON goes; null for nowhere. */
  readonly json: string | null;
  /** Write the page of the documentation too. */
  readonly write: boolean;
}

/** How many times each contestant runs unless told otherwise. */
export const DEFAULT_ROUNDS = 9;

export const USAGE = `npm run bench -- [--row <number>]… [--quick] [--rounds <number>] [--json <file>] [--write [--no-run]]

  --row     only this row; may be given again
  --quick   each row once and briefly: shows that it works
  --rounds  how many times each contestant runs: ${DEFAULT_ROUNDS}, or 1 with --quick
  --json    where the results go: bench/results.json, or nowhere with --quick
  --write   write docs/benchmarks.md and its charts from the results
  --no-run  measure nothing, only write the page`;

const FEWEST_ROUNDS = 7;

/** @throws Error saying what was expected and what came. */
export function readArguments(argv: readonly string[], known: readonly number[]): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      row: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
      'no-run': { type: 'boolean', default: false },
    },
  });
  const rows = values.row.map((text) => wholeNumber('--row', text));
  for (const row of rows) {
    if (!known.includes(row)) throw new RangeError(`Expected \`--row\` to be one of ${known.join(', ')}, got ${row}`);
  }
  const { quick, write } = values;
  const rounds = values.rounds === undefined ? (quick ? 1 : DEFAULT_ROUNDS) : wholeNumber('--rounds', values.rounds);
  if (write && (quick || rounds < FEWEST_ROUNDS)) {
    throw new RangeError(`Expected \`--write\` without \`--quick\` and with at least ${FEWEST_ROUNDS} rounds`);
  }
  return {
    rows,
    quick,
    rounds,
    run: !values['no-run'],
    json: values.json ?? (quick ? null : 'bench/results.json'),
    write,
  };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`Expected \`${name}\` to be an integer >= 1, got ${text}`);
  return value;
}
