import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import assert from 'node:assert/strict';
import { corpus } from '../runner/corpus.js';
import { medianFigure, quantileFigure } from '../runner/figures.js';
import type { Effort, Figure, Measured, Row } from '../runner/row.js';
import { THREADS } from '../runner/threads.js';
import { LargeStore } from '../scenarios/large-store.js';

const DELAY_GOAL = { atMost: 8 };
const MEMORY_GOAL = { atMost: 1_000 };
const SAMPLE_MS = 100;
const MODES = ['text', 'vector', 'hybrid'] as const;

/** Row 16. */
export const millionMemories: Row = {
  number: 16,
  question: 'A store of 1,000,000 memories: embed, rebuild, migrate, sweep, search',
  goal: 'p99 of the event-loop delay at most that of an idle process + 8 ms; at most 1,000 MB of memory',
  about: `100 users with 10,000 passages of the corpus each. All are embedded and stored (480 dimensions), the full-text index is rebuilt,
all vectors are migrated to another model (256 dimensions), and every tenth memory, expired, is swept, once each, one after the other. Meanwhile
\`monitorEventLoopDelay\` (resolution 1 ms) watches the main thread, and the resident memory of the process, threads included,
is looked at every 100 ms. Searches are for two words of a passage, among the memories of one user, on the main thread, while nothing else runs. Every result is
checked: counts of each task, and that in the end every memory has one entry and one vector and nothing is left over.`,
  shortfall: '',
  run,
};

interface Watched {
  readonly seconds: number;
  readonly delayMs: number;
  readonly longestMs: number;
  readonly memoryMb: number;
}

async function run({ quick }: Effort): Promise<Measured> {
  const users = Array.from({ length: quick ? 10 : 100 }, (_, user) => `user${user}`);
  const each = quick ? 200 : 10_000;
  const passages = corpus(quick ? 1_000 : 20_000);
  const rows = users.length * each;
  const passagesOf = (user: number): string[] =>
    Array.from({ length: each }, (_, at) => passages[(user * 7 + at) % passages.length] as string);
  await using store = new LargeStore();
  const idle = await watched(() => sleep(quick ? 300 : 5_000));
  const embed = await watched(() => store.fill(users, passagesOf));
  const fileMb = store.fileMb();
  const searches = await searchTimes(store, users, passagesOf, quick ? 20 : 300);
  const rebuild = await watched(() => store.rebuild(rows));
  const migrate = await watched(() => store.migrate(rows));
  const expired = store.expireTenth();
  const sweep = await watched(() => store.sweep(expired));
  store.check(rows - expired);
  const tasks = { embed_batch: embed, rebuild_fts_index: rebuild, migrate_embeddings: migrate, ttl_sweep: sweep };
  return {
    config: { memories: rows, users: users.length, threads: THREADS, 'file, MB': Math.round(fileMb) },
    figures: [
      ...Object.entries(tasks).flatMap(([name, seen]) => taskFigures(name, seen, idle)),
      medianFigure('idle, p99 of the delay', 'ms', [idle.delayMs]),
      medianFigure('idle, most memory', 'MB', [idle.memoryMb]),
      ...MODES.flatMap((mode) => [
        quantileFigure(`search, ${mode}, p50`, 'ms', 0.5, [searches[mode]]),
        quantileFigure(`search, ${mode}, p99`, 'ms', 0.99, [searches[mode]]),
      ]),
    ],
  };
}

function taskFigures(name: string, { seconds, delayMs, longestMs, memoryMb }: Watched, idle: Watched): Figure[] {
  return [
    medianFigure(name, 's', [seconds]),
    medianFigure(`${name}, p99 of the delay less idle`, 'ms', [delayMs - idle.delayMs], DELAY_GOAL),
    medianFigure(`${name}, longest delay`, 'ms', [longestMs]),
    medianFigure(`${name}, most memory`, 'MB', [memoryMb], MEMORY_GOAL),
  ];
}

/** Runs `work` once and watches the event loop and the memory of the process meanwhile. */
async function watched(work: () => Promise<unknown>): Promise<Watched> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  let memory = process.memoryUsage.rss();
  const timer = setInterval(() => {
    memory = Math.max(memory, process.memoryUsage.rss());
  }, SAMPLE_MS);
  const startedAt = performance.now();
  histogram.enable();
  try {
    await work();
  } finally {
    histogram.disable();
    clearInterval(timer);
  }
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    delayMs: histogram.percentile(99) / 1e6,
    longestMs: histogram.max / 1e6,
    memoryMb: memory / 1e6,
  };
}

async function searchTimes(
  store: LargeStore,
  users: readonly string[],
  passagesOf: (user: number) => string[],
  count: number,
): Promise<Record<(typeof MODES)[number], number[]>> {
  const times = { text: [] as number[], vector: [] as number[], hybrid: [] as number[] };
  for (let at = 0; at < count; at++) {
    const user = (at * 13) % users.length;
    const passage = passagesOf(user)[(at * 97) % 100] as string;
    const query = (passage.match(/\b[a-z]{5,}\b/g) ?? [passage]).slice(0, 2).join(' ');
    for (const mode of MODES) {
      const startedAt = performance.now();
      const hits = await store.search(query, users[user] as string, mode);
      times[mode].push(performance.now() - startedAt);
      assert.ok(hits.length > 0, `"${query}" finds nothing by ${mode}`);
    }
  }
  return times;
}
