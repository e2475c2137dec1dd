import { type Clock, type StopTimer, type Ticker, systemClock } from 'treadle';

/** The machine's clock, which knows how many timers of the engine are left, those that keep nothing alive included. */
export class CountingClock implements Clock {
  timers = 0;
  tickers = 0;

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(ms: number, fire: () => void, keepAlive?: boolean): StopTimer {
    let left = true;
    const leave = (): void => {
      if (left) this.timers--;
      left = false;
    };
    this.timers++;
    const stop = systemClock.after(
      ms,
      () => {
        leave();
        fire();
      },
      keepAlive,
    );
    return () => {
      leave();
      stop();
    };
  }

  every(ms: number, fire: () => void): Ticker {
    let left = true;
    this.tickers++;
    const ticker = systemClock.every(ms, fire);
    return {
      keepAlive: (keep) => ticker.keepAlive(keep),
      stop: () => {
        if (left) this.tickers--;
        left = false;
        ticker.stop();
      },
    };
  }
}
