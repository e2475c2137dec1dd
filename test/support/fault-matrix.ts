import type { FaultBench, FaultBenchOptions } from './fault-bench.js';

/** When a fault can strike, as the task that it strikes is concerned. */
export const MOMENTS = ['pending', 'plan', 'run', 'finish', 'cleanup', 'cancelling', 'closing'] as const;
export type Moment = (typeof MOMENTS)[number];

/** A fault that strikes at one moment, and what has to come of it. */
export interface Trial {
  /** A sentence: the name of the test. */
  readonly behaviour: string;
  /**
   * At `pending` the bench has one thread and one slot, at `closing` it is this trial's own and is closed in it; at the
   * other moments it is shared by the row. It is checked afterwards: {@link FaultBench.check}.
   */
  readonly run: (bench: FaultBench) => Promise<void>;
}

/** A pair that can't be. */
export interface ImpossiblePair {
  readonly impossible: string;
}

export type Cell = Trial | ImpossiblePair;

/** One fault, at every moment: a row of the matrix. It is the default export of its file. */
export interface Scenario {
  readonly row: string;
  readonly cells: Readonly<Record<Moment, Cell>>;
  /** What its benches differ in. */
  readonly options?: FaultBenchOptions;
}

/** @param reason why the fault can't strike then: short, for the list below the table. */
export function impossible(reason: string): ImpossiblePair {
  return { impossible: reason };
}

/** What became of a trial. */
export type Mark = 'passed' | 'failed' | 'not run';

const SIGNS = { passed: '✓', failed: '✗', 'not run': '·' } as const satisfies Record<Mark, string>;
const WIDTH = 118;

/** The matrix as a table, with the reasons of impossible pairs below it. */
export function matrixTable(scenarios: readonly Scenario[], markOf: (row: string, moment: Moment) => Mark): string {
  const reasons: string[] = [];
  const letterOf = (reason: string): string => {
    if (!reasons.includes(reason)) reasons.push(reason);
    return letter(reasons.indexOf(reason));
  };
  const width = Math.max(...scenarios.map(({ row }) => row.length));
  const line = (row: string, signs: readonly string[]): string =>
    `${row.padEnd(width)}  ${MOMENTS.map((moment, at) => (signs[at] ?? '').padEnd(moment.length)).join('  ')}`.trimEnd();
  const rows = scenarios.map(({ row, cells }) =>
    line(
      row,
      MOMENTS.map((moment) => {
        const cell = cells[moment];
        return 'impossible' in cell ? letterOf(cell.impossible) : SIGNS[markOf(row, moment)];
      }),
    ),
  );
  const notes = reasons.flatMap((reason) => wrapped(`${letterOf(reason)}  ${reason}`, '   '));
  return [line('', MOMENTS), ...rows, '', '✓ passed  ✗ failed  · not run  letters: impossible', ...notes].join('\n');
}

function letter(index: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  return index < letters.length
    ? (letters[index] as string)
    : `${letters[index % letters.length]}${Math.floor(index / letters.length)}`;
}

function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = line === '' && lines.length === 0 ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
