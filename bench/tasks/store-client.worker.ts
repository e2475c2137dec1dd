import { parentPort, workerData } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from 'treadle/store';

/** What a client of the store is to do until it is told to stop. */
export interface ClientOrder {
  readonly path: string;
  readonly userId: string;
  /** Texts to look for, one after the other; each must be found. None: it writes instead. */
  readonly queries: readonly string[];
  /** Makes what this client writes different from what others wrote. */
  readonly name: string;
  readonly pauseMs: number;
}

/** What a client saw. */
export interface ClientReport {
  /** How long each call took, in milliseconds. */
  readonly ms: number[];
  readonly failures: string[];
}

const { path, userId, queries, name, pauseMs } = workerData as ClientOrder;
const store = openStore({ path });
const report: ClientReport = { ms: [], failures: [] };
const stop = new AbortController();
parentPort?.once('message', () => stop.abort());

parentPort?.postMessage('ready');

async function call(at: number): Promise<void> {
  const query = queries[at % queries.length];
  if (query === undefined) {
    const { stored } = await store.add({ userId, content: `Row ${at} that ${name} adds while the index is rebuilt` });
    if (!stored) report.failures.push(`row ${at} was not stored`);
    return;
  }
  const hits = await store.search(query, { userId, limit: 5 });
  if (hits.length === 0) report.failures.push(`nothing was found for ${query}`);
}

for (let at = 0; !stop.signal.aborted; at++) {
  const startedAt = performance.now();
  try {
    await call(at);
  } catch (error) {
    report.failures.push(String(error));
  }
  report.ms.push(performance.now() - startedAt);
  await sleep(pauseMs);
}
store.close();
parentPort?.postMessage(report);
parentPort?.close();
