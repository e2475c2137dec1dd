import type { CloseReport } from '../../index.js';
import type { AnyTaskManager } from '../../http/api-context.js';
import { duration } from '../print/figures.js';
import type { Output } from '../print/output.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** How a server came to its end. */
export interface Stopped {
  readonly report: CloseReport;
  /** The second signal, which let nothing end any more; null where there was none. */
  readonly forcedBy: StopSignal | null;
}

/**
 * Waits for SIGINT or SIGTERM, then closes the manager: what runs may go on for `graceMs`, unless a second signal comes.
 * Whoever reads is answered until then.
 */
export async function untilStopped(tasks: AnyTaskManager, graceMs: number, output: Output): Promise<Stopped> {
  let forcedBy: StopSignal | null = null;
  let closing: Promise<CloseReport> | null = null;
  return await new Promise((resolve, reject) => {
    const onSignal = (signal: StopSignal): void => {
      if (closing !== null) {
        forcedBy ??= signal;
        void tasks.close({ timeoutMs: 0 });
        return;
      }
      output.line(
        `${signal}: no further tasks; those that run have ${duration(graceMs / 1_000)} to end, or until the next signal`,
      );
      closing = tasks.close({ timeoutMs: graceMs });
      // Further signals go on to be caught until the process is at its end.
      closing.then((report) => resolve({ report, forcedBy }), reject);
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
  });
}

/** What was cut short, in a line. */
export function describeStop({ cancelled, interrupted, alive, leftBehind = 0 }: CloseReport): string {
  const parts = [
    cut(cancelled, 'cancelled before they began'),
    cut(interrupted, 'interrupted'),
    cut(alive, 'still at work on their threads'),
    leftBehind === 0 ? '' : `threads busy with what settled tasks left behind: ${leftBehind}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'Stopped; nothing was cut short' : `Stopped; ${parts.join('; ')}`;
}

const MAX_NAMED = 10;

function cut(ids: readonly string[], what: string): string {
  if (ids.length === 0) return '';
  const more = ids.length > MAX_NAMED ? `, and ${ids.length - MAX_NAMED} more` : '';
  return `${ids.length} ${what}: ${ids.slice(0, MAX_NAMED).join(', ')}${more}`;
}
