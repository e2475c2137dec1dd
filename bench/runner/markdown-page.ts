import { goalText, metText, spreadText, valueText } from './number-text.js';
import type { RowResult } from './results-file.js';
import { type Row, isMet } from './row.js';

const PREAMBLE = `# Benchmarks

Written by \`npm run bench -- --write\`; the samples are in \`bench/results.json\`.

Machines are shared and noisy, so a figure is a ratio against a baseline in the same run wherever the question allows it
(unit ×). Contestants take turns, in another order each round, after one round that is not counted; each ratio is
taken within a round, and the figure is the median. The spread is the middle half of the rounds; of a percentile it is the lowest and
highest that one block of the samples has alone; charts show it as whiskers. n is the number of rounds or samples. Every result is checked: a wrong
one ends the run. A line without a goal is there for comparison.
`;

/** Where the charts are, seen from the page. */
export const CHART_FOLDER = 'benchmarks';

/** The file of a row's chart, of which there may be several: `row-04.svg`, `row-04-2.svg`. */
export function chartName(row: number, at: number): string {
  return `row-${String(row).padStart(2, '0')}${at === 0 ? '' : `-${at + 1}`}.svg`;
}

/** The page of all results, row by row. */
export function markdownPage(rows: readonly Row[], results: readonly RowResult[]): string {
  const sections = rows.flatMap((row) => {
    const result = results.find((each) => each.row === row.number);
    return result === undefined ? [] : [section(row, result)];
  });
  return [PREAMBLE, ...sections].join('\n');
}

function section(
  row: Row,
  { row: number, config, figures, charts = [], conditions, rounds, quick }: RowResult,
): string {
  const missed = figures.some((figure) => isMet(figure) === false);
  const settings = Object.entries(config).map(([name, value]) => `${name} ${value}`);
  const lines = figures.map((figure) =>
    [
      figure.name,
      valueText(figure),
      spreadText(figure.spread),
      figure.count,
      goalText(figure.goal),
      metText(isMet(figure)),
    ].join(' | '),
  );
  const { command, commit, node, cpu, cores, platform, measuredAt } = conditions;
  return [
    `## ${row.number}. ${row.question}`,
    '',
    `Goal: ${row.goal}.`,
    '',
    row.about,
    '',
    '| | figure | spread | n | goal | met |',
    '| --- | ---: | ---: | ---: | ---: | --- |',
    ...lines.map((line) => `| ${line} |`),
    '',
    ...charts.flatMap(({ title }, at) => [`![${title}](${CHART_FOLDER}/${chartName(number, at)})`, '']),
    ...(missed && row.shortfall !== '' ? [`**Where it falls short:** ${row.shortfall}`, ''] : []),
    `Conditions: ${settings.join(', ')}; ${rounds} rounds${quick ? ', quick' : ''}; Node ${node}, ${cpu}, ${cores} cores, ${platform};`,
    `commit ${commit ?? 'unknown'}, ${measuredAt.slice(0, 10)}. Run: \`${command}\``,
    '',
  ].join('\n');
}
