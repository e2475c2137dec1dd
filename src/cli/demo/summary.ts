import type { PhaseResult } from './inline-phase.js';
import { type Latencies, quantile } from './latencies.js';
import type { Row } from './result-table.js';
import { count, milliseconds } from './figures.js';
import type { ThreadedResult } from './threaded-phase.js';

/** All that was measured. */
export interface Measured {
  readonly idle: Latencies;
  readonly inline: PhaseResult;
  readonly threaded: ThreadedResult;
}

export const TABLE_HEAD: Row = ['', 'idle', 'inline', 'Treadle'];

/** The rows of the table that the demo ends with. A cell is empty where the question makes no sense. */
export function tableRows({ idle, inline, threaded }: Measured): Row[] {
  const probed = [idle, inline.latencies, threaded.latencies];
  const row = (label: string, cell: (latencies: Latencies) => string): Row => [label, ...probed.map(cell)];
  const { startDelaysMs, cancelsMs } = threaded;
  return [
    row('search answered, median', ({ p50Ms }) => milliseconds(p50Ms)),
    row('search answered, 99 %', ({ p99Ms }) => milliseconds(p99Ms)),
    row('search answered, slowest', ({ maxMs, maxGivenUp }) => `${maxGivenUp ? '> ' : ''}${milliseconds(maxMs)}`),
    row('searches failed', ({ failed, requests }) => `${count(failed)} of ${count(requests)}`),
    ['passages embedded', '', rate(inline), rate(threaded)],
    ['index rebuilt in', '', milliseconds(inline.rebuildMs), milliseconds(threaded.rebuildMs)],
    ['passages in the store', '', count(inline.stored), count(threaded.stored)],
    ['small task began after, median', '', '', milliseconds(quantile(startDelaysMs, 0.5))],
    ['small task began after, slowest', '', '', milliseconds(startDelaysMs.at(-1) ?? Number.NaN)],
    ['cancelled task left its core after', '', '', milliseconds(quantile(cancelsMs, 0.5))],
  ];
}

function rate({ embedded, embedMs }: PhaseResult): string {
  return `${count((embedded * 1000) / embedMs)}/s`;
}
