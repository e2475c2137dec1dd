import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Latencies } from './latencies.js';
import type { ProbeOrder, ProbeReport } from './probe-protocol.js';

/** The demo's end of the probe: a process of its own that asks the server 50 times a second. */
export class ProbeProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * @param port of the server, on the loopback interface.
   * @param queries what to ask, in turn.
   * @param directory removed by the probe when this process has ended without doing so.
   */
  static async start(port: number, queries: readonly string[], directory: string): Promise<ProbeProcess> {
    const child = fork(fileURLToPath(new URL('./probe.js', import.meta.url)), [], { execArgv: [] });
    const probe = new ProbeProcess(child);
    await probe.#ask({ kind: 'start', port, queries, directory });
    return probe;
  }

  /** Begins a new phase. Requests are made and counted when the promise resolves. */
  async measure(): Promise<void> {
    await this.#ask({ kind: 'measure' });
  }

  /** Ends the phase: no more requests, and the summary when all have been answered or given up. */
  async report(): Promise<Latencies> {
    const report = await this.#ask({ kind: 'report' });
    if (report.kind !== 'latencies') throw new Error(`Expected the probe to report latencies, got ${report.kind}`);
    return report.latencies;
  }

  /** Ends the process. Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.connected) child.disconnect();
    else child.kill('SIGKILL');
    await gone;
  }

  #ask(order: ProbeOrder): Promise<ProbeReport> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        act();
      };
      const onMessage = (report: unknown): void => settle(() => resolve(report as ProbeReport));
      const onExit = (): void => settle(() => reject(new Error('The probe ended before it answered')));
      child.on('message', onMessage);
      child.on('exit', onExit);
      // With a callback a closed channel is no 'error' event, which would end the process.
      child.send(order, (error) => {
        if (error !== null) settle(() => reject(error));
      });
    });
  }
}
