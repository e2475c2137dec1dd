import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { builtModule } from '../runner/threads.js';
import type { FullTextStore } from './full-text-store.js';
import type { ClientOrder, ClientReport } from '../tasks/store-client.worker.js';

const WRITER_PAUSE_MS = 10;
const READER_PAUSE_MS = 10;

/** What a writer and a reader, each on a thread of its own, saw while something went on. */
export interface Seen {
  readonly writer: ClientReport;
  readonly reader: ClientReport;
}

let clients = 0;

/** Lets one client write and one search all the while that `work` takes. */
export async function withClients(
  { path, userIds, queries }: Pick<FullTextStore, 'path' | 'userIds' | 'queries'>,
  work: () => Promise<unknown>,
): Promise<Seen> {
  const userId = userIds[0] as string;
  const writer = client({ path, userId, queries: [], name: `writer ${clients++}`, pauseMs: WRITER_PAUSE_MS });
  const reader = client({ path, userId, queries, name: 'reader', pauseMs: READER_PAUSE_MS });
  await Promise.all([once(writer, 'message'), once(reader, 'message')]);
  await work();
  return { writer: await reportOf(writer), reader: await reportOf(reader) };
}

function client(workerData: ClientOrder): Worker {
  return new Worker(builtModule('store-client.worker'), { workerData });
}

async function reportOf(worker: Worker): Promise<ClientReport> {
  const reported = once(worker, 'message') as Promise<[ClientReport]>;
  worker.postMessage('stop');
  const [report] = await reported;
  if (report.ms.length === 0) throw new Error('A client of the store did nothing');
  return report;
}
