import type { Chart } from '../runner/chart.js';
import { inOwnProcess } from '../runner/own-process.js';
import type { Effort, Figure, Goal, Measured, Row } from '../runner/row.js';
import { leastSquares } from '../runner/slope.js';
import type { MemorySample } from '../processes/many-tasks.js';

// One pointer that is kept of each task would be 8.
const SLOPE_GOAL = { atMost: 4 };
const BYTES_PER_MB = 1e6;

/** Row 11. */
export const millionTasks: Row = {
  number: 11,
  question: '1,000,000 tasks through a history of 10,000',
  goal: 'no growth in the second half: at most 4 bytes a task (a pointer has 8), of the heap and of the resident memory',
  about: `No-op tasks with an owner, a group, a resource and meta, 1,000 outstanding, in a process of its own. A
hundred times on the way everything that nobody holds is collected, and the heap and the resident memory (threads included) are
noted. Growth is the slope of the least-squares line through the second half; the spread is its 95 % confidence interval, allowing for
the likeness of neighbouring samples. Each result is compared, and in the end the counts and the history.`,
  shortfall: '',
  run,
};

async function run({ quick }: Effort): Promise<Measured> {
  const tasks = quick ? 20_000 : 1_000_000;
  const samples = await inOwnProcess<MemorySample[]>('many-tasks', tasks, quick ? 10 : 100);
  const half = samples.slice(samples.length / 2);
  const last = samples.at(-1) as MemorySample;
  return {
    config: { tasks, history: 10_000, outstanding: 1_000 },
    figures: [
      slopeFigure('heap after a collection, growth in the second half', half, ({ heapBytes }) => heapBytes, SLOPE_GOAL),
      slopeFigure('resident memory, growth in the second half', half, ({ rssBytes }) => rssBytes, SLOPE_GOAL),
      onceFigure('heap in the end', 'MB', last.heapBytes / BYTES_PER_MB),
      onceFigure('resident memory in the end', 'MB', last.rssBytes / BYTES_PER_MB),
    ],
    charts: [memoryChart(samples)],
  };
}

function slopeFigure(
  name: string,
  samples: readonly MemorySample[],
  bytes: (sample: MemorySample) => number,
  goal: Goal,
): Figure {
  const values = samples.map(bytes);
  const { perUnit, margin } = leastSquares(
    samples.map(({ tasks }) => tasks),
    values,
  );
  return {
    name,
    unit: 'bytes a task',
    value: perUnit,
    spread: { low: perUnit - margin, high: perUnit + margin },
    goal,
    count: values.length,
    samples: values,
  };
}

function onceFigure(name: string, unit: string, value: number): Figure {
  return { name, unit, value, spread: null, goal: null, count: 1, samples: [value] };
}

function memoryChart(samples: readonly MemorySample[]): Chart {
  const line = (bytes: (sample: MemorySample) => number): [number, number][] =>
    samples.map((sample) => [sample.tasks, bytes(sample) / BYTES_PER_MB]);
  return {
    kind: 'lines',
    title: 'Memory while a million tasks pass through',
    xName: 'tasks settled',
    yName: 'MB',
    series: [
      { name: 'resident memory', points: line(({ rssBytes }) => rssBytes) },
      { name: 'heap after a collection', points: line(({ heapBytes }) => heapBytes) },
    ],
  };
}
