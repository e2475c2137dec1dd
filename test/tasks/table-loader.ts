/** A thread that loads the table it is given, and says when it has. */
import { parentPort, workerData } from 'node:worker_threads';
import type { SharedModel } from 'treadle/embedders/static';

const url = new URL('../../dist/embedders/static/shared-table.js', import.meta.url).href;
const { SharedTable } = (await import(url)) as typeof import('../../dist/embedders/static/shared-table.js');
const { plan, buffer } = workerData as SharedModel;
const table = new SharedTable(plan, buffer);
await table.load();
parentPort?.postMessage(table.digest().toString('hex'));
