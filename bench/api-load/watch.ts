import { collectGarbage } from '../runner/garbage.js';
import { mainThreadCpuMs } from '../runner/main-thread-cpu.js';
import type { BusyManager } from './server.js';

/** What the server's process holds, after a collection. */
export interface MemorySample {
  readonly seconds: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** How the server was while it was watched. */
export interface Watched {
  readonly memory: readonly MemorySample[];
  /** How much of the time threads had work: 0 to 1. */
  readonly threadsBusy: number;
  /** How much of a core the main thread took: 0 to 1. */
  readonly mainThread: number;
  /** The most tasks that waited for their first or next try. */
  readonly mostPending: number;
}

/** So many spans, each between two collections: few enough for their pauses to be no part of a p99. */
const SPANS = 6;
const LOOK_EVERY_MS = 50;

/** Watches the process of the server for some time. */
export class Watch {
  readonly #manager: BusyManager;
  readonly #memory: MemorySample[] = [];
  readonly #startedMs = performance.now();
  readonly #startedCpuMs = mainThreadCpuMs();
  readonly #timers: NodeJS.Timeout[];
  #looks = 0;
  #busy = 0;
  #mostPending = 0;

  constructor(manager: BusyManager, durationMs: number) {
    this.#manager = manager;
    this.#weigh();
    this.#timers = [
      setInterval(() => this.#look(), LOOK_EVERY_MS),
      ...Array.from({ length: SPANS - 1 }, (_, at) => setTimeout(() => this.#weigh(), ((at + 1) * durationMs) / SPANS)),
    ];
  }

  end(): Watched {
    for (const timer of this.#timers) clearTimeout(timer);
    const mainThread = (mainThreadCpuMs() - this.#startedCpuMs) / (performance.now() - this.#startedMs);
    this.#weigh();
    const threadsBusy = this.#busy / Math.max(1, this.#looks);
    return { memory: this.#memory, threadsBusy, mainThread, mostPending: this.#mostPending };
  }

  #look(): void {
    const { threads, pending } = this.#manager.stats();
    this.#looks++;
    this.#busy += threads.busy / threads.max;
    this.#mostPending = Math.max(this.#mostPending, pending);
  }

  #weigh(): void {
    collectGarbage();
    const { heapUsed, rss } = process.memoryUsage();
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    this.#memory.push({ seconds, heapBytes: heapUsed, rssBytes: rss });
  }
}
