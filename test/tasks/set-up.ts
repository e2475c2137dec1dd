/** A thread that opens a table when its gate opens, and says how that went. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SqliteTable, openSearch } from 'treadle/store';

const { path, table, gate } = workerData as { path: string; table: SqliteTable; gate: Int32Array };
parentPort?.postMessage('ready');
Atomics.wait(gate, 0, 0);
try {
  openSearch({ path, ...table }).close();
  parentPort?.postMessage('open');
} catch (error) {
  parentPort?.postMessage(String(error));
}
