import { hashingEmbedder } from '../../embedders/index.js';
import { createTaskApi } from '../../http/index.js';
import { TaskManager } from '../../index.js';
import { taskMetrics } from '../../metrics/index.js';
import { type Store, openStore } from '../../store/index.js';
import { CommandError, EXIT } from '../command-error.js';
import type { Output } from '../print/output.js';
import { accessOf } from './access.js';
import { Listener } from './listener.js';
import { addSearchRoute } from './search-route.js';
import { servedTypes } from './served-types.js';
import { describeStop, untilStopped } from './stopping.js';

/** What `treadle serve` was told. */
export interface ServeOptions {
  /** The store's database. */
  readonly db: string;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly apiKey?: string | undefined;
  readonly allowUnauthenticated?: boolean;
  readonly threads?: number;
  /** How many tasks may be in progress at once. */
  readonly concurrency?: number;
  /** How long running tasks may go on once the server is to end. */
  readonly grace: number;
}

const BASE_PATH = '/api/v1';

/** Texts to embed come in one body. */
const MAX_BODY_BYTES = 16 * 2 ** 20;

/**
 * Serves the API over a store and its four tasks until a signal ends it.
 *
 * @returns the code that the process exits with.
 * @throws CommandError where it can't begin.
 */
export async function serve(options: ServeOptions, output: Output): Promise<number> {
  const { db, host, port, threads, concurrency } = options;
  const access = await accessOf(host, options.apiKey, options.allowUnauthenticated === true);
  const store = storeIn(db);
  const types = servedTypes(db);
  const tasks = new TaskManager({
    types,
    ...(threads === undefined ? {} : { threads: { max: threads } }),
    ...(concurrency === undefined ? {} : { maxConcurrentTasks: concurrency }),
  });
  const metrics = taskMetrics(tasks);
  const api = createTaskApi(tasks, {
    ...access,
    metrics,
    types: Object.keys(types) as (keyof typeof types)[],
    basePath: BASE_PATH,
    maxBodyBytes: MAX_BODY_BYTES,
    extend: (app) => {
      addSearchRoute(app, BASE_PATH, store);
      // Where Prometheus looks by itself. All callers of this server are operators.
      app.get('/metrics', async () => {
        return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } });
      });
    },
  });
  try {
    // A signal that comes earlier ends the process at once, as there is nothing to lose.
    await tasks.ready();
    const listener = await Listener.start(api, host, port);
    const stopping = untilStopped(tasks, options.grace, output);
    const { max } = tasks.stats().threads;
    output.line(`${db}: ${Object.keys(types).join(', ')} on ${max} threads; pid ${process.pid}`);
    output.line(`Listening on ${listener.url}`);
    const { report, forcedBy } = await stopping;
    api.close();
    await listener.close();
    output.line(describeStop(report));
    // Threads in native code can't be ended, and would keep the process.
    if (report.alive.length > 0 || report.leftBehind !== undefined) process.once('beforeExit', () => process.exit());
    return forcedBy === null ? EXIT.ok : forcedBy === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
  } finally {
    await tasks.close({ timeoutMs: 0 });
    metrics.close();
    store.close();
  }
}

function storeIn(db: string): Store {
  try {
    return openStore({ path: db, embedder: hashingEmbedder() });
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}
