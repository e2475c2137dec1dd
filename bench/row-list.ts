import type { Row } from './runner/row.js';
import { apiLoadRow } from './rows/api-load.js';
import { cancelLatency } from './rows/cancel-latency.js';
import { coldStart } from './rows/cold-start.js';
import { embedCorpus } from './rows/embed-corpus.js';
import { eventLoopDelay } from './rows/event-loop-delay.js';
import { fullTextRebuild } from './rows/full-text-rebuild.js';
import { httpLatency } from './rows/http-latency.js';
import { millionMemories } from './rows/million-memories.js';
import { millionTasks } from './rows/million-tasks.js';
import { noOpThroughput } from './rows/no-op-throughput.js';
import { packedThroughput } from './rows/packed-throughput.js';
import { pendingTasks } from './rows/pending-tasks.js';
import { progressCost } from './rows/progress-cost.js';
import { readingRecords } from './rows/reading-records.js';
import { returnedVectors } from './rows/returned-vectors.js';
import { roundTrip } from './rows/round-trip.js';
import { startDelay } from './rows/start-delay.js';
import { tinyItems } from './rows/tiny-items.js';

/** All rows, in the order in which they run. */
export const ROWS: readonly Row[] = [
  packedThroughput,
  noOpThroughput,
  roundTrip,
  tinyItems,
  embedCorpus,
  eventLoopDelay,
  httpLatency,
  startDelay,
  progressCost,
  cancelLatency,
  millionTasks,
  readingRecords,
  fullTextRebuild,
  coldStart,
  returnedVectors,
  millionMemories,
  pendingTasks,
  apiLoadRow,
];
