import { AskedProcess } from '../runner/asked-process.js';
import type { loadAnswers } from './load.js';
import type { LoadOrder, LoadReport } from './load-protocol.js';

/** A process that makes load for a server. */
export class LoadProcess implements AsyncDisposable {
  /** Its OS priority: a client on the same cores as the server must not be what is measured. */
  readonly nice: number;
  readonly #process = new AskedProcess<typeof loadAnswers>(new URL('./load.js', import.meta.url));

  constructor() {
    this.nice = this.#process.raise();
  }

  /** @throws Error when any answer was wrong, or the process has ended. */
  async run(order: LoadOrder): Promise<LoadReport> {
    const report = await this.#process.ask('load', order);
    if (report.wrong > 0) throw new Error(`${report.wrong} of ${order.dueMs.length} requests got a wrong answer`);
    return report;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
