import { openSync, readSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The longest pauses of a watch. Milliseconds. */
export interface Pauses {
  /** Of a timer that is due each millisecond, or between two turns of the event loop: whichever is longer. */
  readonly longestMs: number;
  /** Between two turns, without what the main thread waited for a core that others had. Null where the system does not tell. */
  readonly longestAtWorkMs: number | null;
}

/** Watches for how long the main thread is not to be had. */
export class PauseWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: 1 });
  #longestMs = 0;
  #longestAtWorkMs = 0;
  #last = performance.now();
  #lastWaitMs = waitedMs();
  #over = false;

  constructor() {
    this.#histogram.enable();
    this.#turn();
  }

  end(): Pauses {
    this.#over = true;
    this.#histogram.disable();
    return {
      longestMs: Math.max(this.#longestMs, this.#histogram.max / 1e6),
      longestAtWorkMs: this.#lastWaitMs === null ? null : this.#longestAtWorkMs,
    };
  }

  #turn(): void {
    if (this.#over) return;
    const [now, waitMs] = [performance.now(), waitedMs()];
    const pauseMs = now - this.#last;
    this.#longestMs = Math.max(this.#longestMs, pauseMs);
    this.#longestAtWorkMs = Math.max(this.#longestAtWorkMs, pauseMs - ((waitMs ?? 0) - (this.#lastWaitMs ?? 0)));
    this.#last = now;
    this.#lastWaitMs = waitMs;
    setImmediate(() => this.#turn());
  }
}

const SCHEDULING = schedulingFile();
const text = Buffer.alloc(128);

function schedulingFile(): number | null {
  try {
    return openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return null;
  }
}

/** How long the main thread has waited for a core since it began: the second number, in nanoseconds. Linux only. */
function waitedMs(): number | null {
  if (SCHEDULING === null) return null;
  const length = readSync(SCHEDULING, text, 0, text.length, 0);
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6;
}
