import { isDeepStrictEqual } from 'node:util';
import { throwDice } from './dice.js';
import type { Driver } from './driver.js';
import type { StormOptions } from './storm.js';
import type { WatchedManager } from './watched-manager.js';

// The numbers of tasks and of the closing must not meet.
const CLOSING = 2_000_000_000;

/** Closes the manager while it works; says how, and what its report said. */
export async function closeInTheMidst(
  { seed, census, violations }: StormOptions,
  watched: WatchedManager,
  driver: Driver,
): Promise<string> {
  const { tasks, ledger, clock } = watched;
  const dice = throwDice(seed, CLOSING);
  // At once, when nothing has begun, or later.
  for (let left = dice.pick([0, 0, 1, 5, 20, 40]); left > 0; left--) await ledger.nextSettled();
  const timeoutMs = dice.pick([0, 20, 100, 2_000]);
  const hurryMs = dice.chance(0.3) ? dice.integer(0, 20) : null;
  if (dice.chance(0.2)) tasks.pause();
  driver.closing = true;
  for (const entry of ledger.entries.values()) entry.closing = entry.settled === null;
  const closed = tasks.close({ timeoutMs });
  if (hurryMs !== null) driver.appointments.after(hurryMs, () => void tasks.close({ timeoutMs: 0 }));
  const late = tasks.submit('piece').catch((error: unknown) => (error as { code?: unknown }).code);
  const { cancelled, interrupted, alive } = await closed;
  const threadsAtOnce = census.living;
  for (const id of [...cancelled, ...interrupted]) {
    const entry = ledger.entries.get(id);
    if (entry === undefined) violations.add(`the report of close() names ${id}, which nobody submitted`);
    else entry.stopped = true;
  }
  for (const id of cancelled) {
    const entry = ledger.entries.get(id);
    if (entry?.settled?.status !== 'cancelled') violations.add('close() reports it as cancelled', entry?.plan);
  }
  const unsettled = [...ledger.entries.values()].filter(({ settled }) => settled === null).map(({ id }) => id);
  if (!isDeepStrictEqual(new Set(unsettled), new Set(alive))) {
    violations.add(`close() reports ${alive.length} tasks as alive, and ${unsettled.length} have not settled`);
  }
  if ((await late) !== 'CLOSED') violations.add(`submit() after close() gave ${String(await late)}`);
  if (threadsAtOnce > alive.length) {
    violations.add(`${threadsAtOnce} threads lived when close() was over, and it reported ${alive.length}`);
  }
  await ledger.allSettled();
  await census.gone();
  await driver.watchersDone();
  const { live } = tasks.stats().threads;
  if (live > 0) violations.add(`stats() says that ${live} threads live, and none does`);
  if (clock.timers + clock.tickers > 0) {
    violations.add(`the engine left ${clock.timers} timers and ${clock.tickers} tickers`);
  }
  return `close({ timeoutMs: ${timeoutMs} })${hurryMs === null ? '' : `, again after ${hurryMs} ms`}: ${cancelled.length} cancelled, ${interrupted.length} interrupted, ${alive.length} alive`;
}
