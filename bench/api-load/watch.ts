import { collectGarbage } from '../runner/garbage.js';
import { mainThreadCpuMs, mainThreadWaitMs } from '../runner/main-thread-cpu.js';
import type { BusyManager } from './server.js';

/** What the server's process holds, after a collection. */
export interface MemorySample {
  readonly seconds: number;
  /** Of JavaScript, with its buffers; without the threads. */
  readonly heapBytes: number;
  /** Of the threads, with garbage: they collect it when they like. */
  readonly threadHeapBytes: number;
  /** Of the whole process, with the threads. */
  readonly rssBytes: number;
}

/** How the server was while it was watched. */
export interface Watched {
  readonly memory: readonly MemorySample[];
  /** How much of the time threads had work: 0 to 1. */
  readonly threadsBusy: number;
  /** How much of a core the main thread took: 0 to 1. */
  readonly mainThread: number;
  /** How much of the time it had something to do and no core for it: 0 to 1, null where that can't be known. */
  readonly waiting: number | null;
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
  readonly #startedWaitMs = mainThreadWaitMs();
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
    const ms = performance.now() - this.#startedMs;
    const mainThread = (mainThreadCpuMs() - this.#startedCpuMs) / ms;
    const waitMs = mainThreadWaitMs();
    const waiting = waitMs === null ? null : (waitMs - (this.#startedWaitMs ?? 0)) / ms;
    this.#weigh();
    const threadsBusy = this.#busy / Math.max(1, this.#looks);
    return { memory: this.#memory, threadsBusy, mainThread, waiting, mostPending: this.#mostPending };
  }

  #look(): void {
    const { threads, pending } = this.#manager.stats();
    this.#looks++;
    this.#busy += threads.busy / threads.max;
    this.#mostPending = Math.max(this.#mostPending, pending);
  }

  #weigh(): void {
    collectGarbage();
    const { heapUsed, external, rss } = process.memoryUsage();
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    const threadHeaps = this.#manager.threads().map(({ heapUsedBytes }) => heapUsedBytes ?? 0);
    const threadHeapBytes = threadHeaps.reduce((sum, bytes) => sum + bytes, 0);
    this.#memory.push({ seconds, heapBytes: heapUsed + external, threadHeapBytes, rssBytes: rss });
  }
}
