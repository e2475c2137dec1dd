/** Stops a timer; calling it twice does nothing. */
export type StopTimer = () => void;

/** A timer that fires again and again. */
export interface Ticker {
  /** Whether the process stays alive for it. At first it does. */
  keepAlive(keep: boolean): void;
  stop(): void;
}

/** All the time Treadle's host side knows. Tests hold it still. */
export interface Clock {
  /** Milliseconds since the epoch, for what people read. */
  now(): number;
  /** Milliseconds that never run backwards, for durations. */
  monotonic(): number;
  /** Calls `fire` once after `ms`. Does not keep the process alive unless `keepAlive`. */
  after(ms: number, fire: () => void, keepAlive?: boolean): StopTimer;
  /** Calls `fire` every `ms`. */
  every(ms: number, fire: () => void): Ticker;
}

// setTimeout turns a longer delay into 1 ms.
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fire, keepAlive = false) {
    let timer: NodeJS.Timeout;
    const wait = (restMs: number): void => {
      const next = restMs > MAX_DELAY_MS ? () => wait(restMs - MAX_DELAY_MS) : fire;
      timer = setTimeout(next, Math.min(restMs, MAX_DELAY_MS));
      if (!keepAlive) timer.unref();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
  every(ms, fire) {
    const timer = setInterval(fire, Math.min(ms, MAX_DELAY_MS));
    return {
      keepAlive: (keep) => void (keep ? timer.ref() : timer.unref()),
      stop: () => clearInterval(timer),
    };
  },
};
