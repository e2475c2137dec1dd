import { type ChunkOptions, boxMsOf, resolveChunkOptions } from '../../dist/engine/chunk.js';
import type { Cut } from '../../dist/engine/item-source.js';
import { type ItemWorkBench, chunkOf, workOn } from './item-work-bench.js';

/** What a message costs, measured roughly: the host's part, one after the other, and the way there and back. */
const HOST_MS = 0.04;
const WAY_MS = 0.05;

export interface RaceResult {
  readonly ms: number;
  readonly chunks: number;
  readonly longestMs: number;
}

// More lose by far, and take long to try.
const MOST_CHUNKS = 10_000;

interface Flight {
  readonly cut: Cut;
  readonly done: number;
  readonly ms: number;
  readonly endsAtMs: number;
}

/** A task on threads that are made up: how long it takes when its items cost so many milliseconds each. */
export function raceOf(costsMs: readonly number[], threads: number, chunk: ChunkOptions, isBoxed: boolean): RaceResult {
  const { work }: ItemWorkBench = workOn({ from: 0, to: costsMs.length }, { chunk });
  const boxMs = isBoxed ? boxMsOf(resolveChunkOptions(chunk)) : Infinity;
  const flights: Flight[] = [];
  let nowMs = 0;
  let hostMs = 0;
  let chunks = 0;
  let longestMs = 0;
  for (;;) {
    while (flights.length < threads) {
      const cut = work.cut(threads);
      if (cut === null) break;
      hostMs = Math.max(hostMs, nowMs) + HOST_MS;
      let ms = 0;
      let at = cut.from;
      while (at < cut.to && ms < boxMs) ms += costsMs[at++] as number;
      flights.push({ cut, done: at - cut.from, ms, endsAtMs: hostMs + ms + 2 * WAY_MS });
      chunks++;
      longestMs = Math.max(longestMs, ms);
    }
    const [next] = flights.sort((a, b) => a.endsAtMs - b.endsAtMs).splice(0, 1);
    if (next === undefined) break;
    nowMs = next.endsAtMs;
    work.returned(chunkOf(next.cut), next);
  }
  if (!work.allOver) throw new Error('Items are missing');
  return { ms: nowMs, chunks, longestMs };
}

/** The best of fixed sizes, powers of 4, with no time box. */
export function bestRung(costsMs: readonly number[], threads: number): RaceResult & { readonly size: number } {
  let best: (RaceResult & { readonly size: number }) | null = null;
  for (let size = 1; size <= costsMs.length / threads; size *= 4) {
    if (costsMs.length / size > MOST_CHUNKS) continue;
    const raced = raceOf(costsMs, threads, { min: size, max: size }, false);
    if (best === null || raced.ms < best.ms) best = { ...raced, size };
  }
  if (best === null) throw new Error('Too few items for a ladder');
  return best;
}
