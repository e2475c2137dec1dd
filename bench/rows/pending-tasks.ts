import type { Chart } from '../runner/chart.js';
import { medianFigure } from '../runner/figures.js';
import { inOwnProcess } from '../runner/own-process.js';
import type { Effort, Figure, Measured, Row } from '../runner/row.js';
import { median } from '../runner/statistics.js';
import type { PendingCosts } from '../processes/pending-tasks.js';

type Call = keyof PendingCosts;

const NAMES: Record<Call, string> = {
  submit: 'submit',
  cancel: 'cancel',
  run: 'taken, sent and settled',
  get: 'get',
  list: 'list, newest 50',
  page: 'list, 50 in the middle',
  filter: 'list, 50 of an owner and a status',
  noMatch: 'list, nothing matches',
};

const LARGEST_GROWTH = { atMost: 3 };

/** Row 17. */
export const pendingTasks: Row = {
  number: 17,
  question: 'What a call costs by how many tasks are pending',
  goal: 'at 1,000,000 at most 3 × what it costs at 100',
  about: `Microseconds of the main thread for a call (for the thread, while tasks run: the time its event loop was active), with 100 to
1,000,000 tasks waiting, each number in a process of its own. The 1,000 tasks that a round adds are cancelled or run
again in the same round, so that the number stays. With a million waiting, a call touches memory that is in no cache, and the garbage
collector has a gigabyte to look after. Every answer is checked.`,
  shortfall: `what grows is the time to reach memory: a million tasks take hundreds of megabytes, and an id that is asked for at random is in no cache. The\nnumber of steps is the same, but for the height of a tree with 32 children a node.`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const sizes = quick ? [100, 1_000, 10_000] : [100, 1_000, 10_000, 100_000, 1_000_000];
  const costs: PendingCosts[] = [];
  for (const size of sizes) costs.push(await inOwnProcess<PendingCosts>('pending-tasks', size, quick ? 3 : 5 * rounds));
  const calls = Object.keys(NAMES) as Call[];
  return {
    config: { pending: sizes.map((size) => size.toLocaleString('en')).join(' / ') },
    figures: calls.flatMap((call) => figuresOf(call, sizes, costs)),
    charts: [costChart(calls, sizes, costs)],
  };
}

function figuresOf(call: Call, sizes: readonly number[], costs: readonly PendingCosts[]): Figure[] {
  const each = costs.map((cost) => cost[call]);
  const [fewest, most] = [each[0] as number[], each.at(-1) as number[]];
  const growth = most.map((cost) => cost / median(fewest));
  return [
    medianFigure(`${NAMES[call]}, growth`, '×', growth, LARGEST_GROWTH),
    ...sizes.map((size, at) =>
      medianFigure(`${NAMES[call]}, ${size.toLocaleString('en')}`, 'µs', each[at] as number[]),
    ),
  ];
}

function costChart(calls: readonly Call[], sizes: readonly number[], costs: readonly PendingCosts[]): Chart {
  return {
    kind: 'lines',
    title: 'What a call costs by how many tasks are pending',
    xName: 'tasks pending',
    yName: 'µs a call',
    xLog: true,
    yLog: true,
    series: calls.map((call) => ({
      name: NAMES[call],
      points: sizes.map((size, at): [number, number] => [size, median((costs[at] as PendingCosts)[call])]),
    })),
  };
}
