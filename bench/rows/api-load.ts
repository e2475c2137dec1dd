import { FEED_READERS, HISTORY, REPLAY_BYTES, REQUESTS_A_SECOND, TASK_READERS } from '../api-load/sizes.js';
import { ROUTES, type Route } from '../api-load/request-mix.js';
import type { MemorySample, Watched } from '../api-load/watch.js';
import type { Chart, Series } from '../runner/chart.js';
import { quantileFigure } from '../runner/figures.js';
import type { Effort, Figure, Goal, Measured, Row } from '../runner/row.js';
import { leastSquares } from '../runner/slope.js';
import { quantile } from '../runner/statistics.js';
import { THREADS } from '../runner/threads.js';
import { type ApiLoad, type Phase, apiLoad } from '../scenarios/api-load.js';

const NONE = { atMost: 0 };
/** A request that leaves a kilobyte behind would be 6. */
const MB_A_MINUTE = { atMost: 2 };
const BYTES_PER_MB = 1e6;
/** Requests of each second stand together, and of so many seconds each block of a percentile. */
const BLOCKS = 6;
const POINTS = 30;

/** Row 18. */
export const apiLoadRow: Row = {
  number: 18,
  question: 'The task API under load: 200 event streams and 100 requests a second for a minute',
  goal: 'no error, no end of a task that a reader was not told of, memory bounded (heap and buffers grow by at most 2 MB a minute in the second half), p99 reported',
  about: `A process serves \`createTaskApi\` over a manager whose threads work on batches of four owners all the time. A process of
its own makes ${REQUESTS_A_SECOND} requests a second, each due by the clock whether or not earlier ones were answered; a latency counts from when it was
due, and every answer is checked. Another reads ${FEED_READERS} streams of all tasks (a fifth as operators) and ${TASK_READERS} of single ones, one after another; some
break and come back with \`Last-Event-ID\`, some come back having forgotten it, two read slowly, and two stand still for 15 s at a time. In the end each of
the first must have been told of the end of every task that it may see, once, by an event, or by a list where it was told that its place is
lost. Before that the same requests are made without streams, with threads that are idle and with busy ones. Clients share the cores with the server,
at a higher priority where that is allowed. An event's latency is from the moment of the transition to when a reader
that neither breaks nor waits has it. Memory is taken after a collection, seven times in each part; the history and what is kept for
readers are full early, so nothing has a reason to grow. The resident memory has the heaps of the threads in it, which collect their garbage when they like. Its growth is the slope of the least-squares line through the second half,
with its 95 % confidence interval. The spread of a percentile is that of six blocks of time.`,
  shortfall: '',
  run,
};

async function run({ quick }: Effort): Promise<Measured> {
  const [alone, together] = quick ? [1, 3] : [30, 60];
  const load = await apiLoad({ alone, together });
  const { idle, busy, streams, streamed } = load;
  return {
    config: {
      threads: THREADS,
      'requests/s': REQUESTS_A_SECOND,
      'streams of all tasks': FEED_READERS,
      'streams of one task': TASK_READERS,
      seconds: `${alone} / ${alone} / ${together}`,
      history: HISTORY,
      'bytes kept for readers': REPLAY_BYTES,
      'nice of the clients': load.nice,
    },
    figures: [
      onceFigure('wrong answers and errors', 'requests', 0, NONE),
      onceFigure('ends that a reader was not told of, or twice', 'events', 0, NONE),
      onceFigure('ends that readers were told of', 'events', streamed.ends),
      ...memoryFigures(streams),
      ...latencyFigures('all requests', load, () => true),
      ...ROUTES.flatMap((route) => latencyFigures(route, load, (other) => other === route)),
      latencyFigure('an event, p50', 0.5, blocksOf(streamed.latenciesMs)),
      latencyFigure('an event, p99', 0.99, blocksOf(streamed.latenciesMs)),
      latencyFigure('an event, longest', 1, blocksOf(streamed.latenciesMs)),
      latencyFigure('p99 of how late requests were made', 0.99, blocksOf(streams.timed.map(({ lateMs }) => lateMs))),
      onceFigure('events to readers of all tasks', 'events/s', streamed.framesPerSecond),
      onceFigure('bytes to readers of all tasks', 'MB/s', streamed.megabytesPerSecond),
      onceFigure('tasks followed to their end', 'tasks', streamed.followed),
      onceFigure('connections that readers broke', 'times', streamed.breaks),
      onceFigure('readers dropped for being too slow', 'times', streamed.dropped),
      onceFigure('readers told that their place is lost', 'times', streamed.resets),
      ...[idle, busy, streams].flatMap(({ server }, at) => mainThreadFigures(NAMES[at] as string, server)),
      onceFigure(`threads with work, ${NAMES[2]}`, '%', streams.server.threadsBusy * 100),
    ],
    charts: [latencyChart(load), memoryChart(streams.server.memory)],
  };
}

const NAMES = ['idle threads', 'busy threads', 'busy threads and streams'] as const;

function latencyFigures(name: string, { idle, busy, streams }: ApiLoad, wanted: (route: Route) => boolean): Figure[] {
  return [idle, busy, streams].flatMap(({ timed }, at) => {
    const blocks = blocksOf(timed.filter(({ route }) => wanted(route)).map(({ latencyMs }) => latencyMs));
    const of = `${name}, ${NAMES[at]}`;
    return [
      latencyFigure(`${of}, p50`, 0.5, blocks),
      latencyFigure(`${of}, p99`, 0.99, blocks),
      latencyFigure(`${of}, longest`, 1, blocks),
    ];
  });
}

/** Without the samples: there are too many to keep. */
function latencyFigure(name: string, q: number, blocks: readonly (readonly number[])[]): Figure {
  return { ...quantileFigure(name, 'ms', q, blocks), samples: [] };
}

function blocksOf(samples: readonly number[]): number[][] {
  const edge = (at: number): number => Math.round((at * samples.length) / BLOCKS);
  return Array.from({ length: BLOCKS }, (_, at) => samples.slice(edge(at), edge(at + 1)));
}

function onceFigure(name: string, unit: string, value: number, goal: Goal | null = null): Figure {
  return { name, unit, value, spread: null, goal, count: 1, samples: [value] };
}

/** With how long it waited where that is known: on a machine with other work, latencies are those of that. */
function mainThreadFigures(name: string, { mainThread, waiting }: Watched): Figure[] {
  const figures = [onceFigure(`main thread, ${name}`, '% of a core', mainThread * 100)];
  if (waiting !== null) {
    figures.push(onceFigure(`main thread waiting for a core, ${name}`, '% of the time', waiting * 100));
  }
  return figures;
}

function memoryFigures({ server: { memory } }: Phase): Figure[] {
  const half = memory.slice(Math.floor(memory.length / 2));
  const kinds: [name: string, bytes: (sample: MemorySample) => number, goal?: Goal][] = [
    ['heap and buffers after a collection', ({ heapBytes }) => heapBytes, MB_A_MINUTE],
    ['heaps of the threads, with garbage', ({ threadHeapBytes }) => threadHeapBytes],
    ['resident memory', ({ rssBytes }) => rssBytes],
  ];
  return kinds.flatMap(([name, bytes, goal = null]) => {
    const values = half.map((sample) => bytes(sample) / BYTES_PER_MB);
    const { perUnit, margin } = leastSquares(
      half.map(({ seconds }) => seconds / 60),
      values,
    );
    const at = (when: string, sample: MemorySample | undefined): Figure =>
      onceFigure(`${name}, ${when}`, 'MB', sample === undefined ? Number.NaN : bytes(sample) / BYTES_PER_MB);
    return [
      at('start', memory[0]),
      at('middle', half[0]),
      at('end', memory.at(-1)),
      {
        name: `${name}, growth in the second half`,
        unit: 'MB a minute',
        value: perUnit,
        spread: { low: perUnit - margin, high: perUnit + margin },
        goal,
        count: values.length,
        samples: values,
      },
    ];
  });
}

function latencyChart({ idle, busy, streams }: ApiLoad): Chart {
  return {
    kind: 'lines',
    title: 'p99 of requests over time',
    xName: 'seconds',
    yName: 'ms',
    yLog: true,
    series: [idle, busy, streams].map((phase, at) => p99Series(NAMES[at] as string, phase)),
  };
}

function p99Series(name: string, { seconds, timed }: Phase): Series {
  const spanMs = (seconds * 1_000) / POINTS;
  const spans = Array.from({ length: POINTS }, (_, at) =>
    timed.filter(({ dueMs }) => Math.floor(dueMs / spanMs) === at).map(({ latencyMs }) => latencyMs),
  );
  return {
    name,
    points: spans.map((span, at): [number, number] => [((at + 1) * spanMs) / 1_000, quantile(span, 0.99)]),
  };
}

function memoryChart(memory: readonly MemorySample[]): Chart {
  const line = (bytes: (sample: MemorySample) => number): [number, number][] =>
    memory.map((sample) => [sample.seconds, bytes(sample) / BYTES_PER_MB]);
  return {
    kind: 'lines',
    title: 'Memory of the server under load',
    xName: 'seconds',
    yName: 'MB',
    series: [
      { name: 'resident memory', points: line(({ rssBytes }) => rssBytes) },
      { name: 'heaps of the threads, with garbage', points: line(({ threadHeapBytes }) => threadHeapBytes) },
      { name: 'heap and buffers after a collection', points: line(({ heapBytes }) => heapBytes) },
    ],
  };
}
