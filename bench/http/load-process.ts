import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadReport } from './load-protocol.js';

const BEFORE_OTHERS = -10;

/** A process that makes load for a server. */
export class LoadProcess implements AsyncDisposable {
  /** Its OS priority: a client on the same cores as the server must not be what is measured. */
  readonly nice: number;
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('./load.js', import.meta.url)));

  constructor() {
    this.nice = raised(this.#child.pid as number);
  }

  /** @throws Error when any answer was wrong, or the process has ended. */
  async run(order: LoadOrder): Promise<LoadReport> {
    const ended = new AbortController();
    this.#child.send(order);
    const exit = once(this.#child, 'exit', ended).then(() => Promise.reject(new Error('The load process has ended')));
    try {
      const [report] = (await Promise.race([once(this.#child, 'message', ended), exit])) as [LoadReport];
      if (report.wrong > 0) throw new Error(`${report.wrong} of ${order.dueMs.length} requests got a wrong answer`);
      return report;
    } finally {
      exit.catch(() => {});
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}

/** Puts a process before others where that is allowed; gives its nice value. */
function raised(pid: number): number {
  try {
    setPriority(pid, BEFORE_OTHERS);
    return BEFORE_OTHERS;
  } catch {
    return 0;
  }
}
