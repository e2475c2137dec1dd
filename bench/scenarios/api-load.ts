import { eventLatencies, faultsOf, visibleTo } from '../api-load/lost-events.js';
import type { readerAnswers } from '../api-load/readers.js';
import type { Timed, requestAnswers } from '../api-load/requests.js';
import type { serverAnswers } from '../api-load/server.js';
import type { Watched } from '../api-load/watch.js';
import { AskedProcess } from '../runner/asked-process.js';

/** A time of requests, and how the server was meanwhile. */
export interface Phase {
  readonly seconds: number;
  readonly timed: readonly Timed[];
  readonly server: Watched;
}

/** What readers of events had of it. */
export interface Streamed {
  /** Ends of tasks that readers of all events were to be told of, each counted for each reader. */
  readonly ends: number;
  /** From the end of a task to a reader that just reads. */
  readonly latenciesMs: readonly number[];
  /** Events that all readers of all tasks were given, and what they take. */
  readonly framesPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly breaks: number;
  readonly dropped: number;
  readonly resets: number;
  /** Tasks that were followed to their end by readers of one. */
  readonly followed: number;
}

export interface ApiLoad {
  readonly idle: Phase;
  readonly busy: Phase;
  readonly streams: Phase;
  readonly streamed: Streamed;
  /** Of the processes that ask and read. */
  readonly nice: number;
}

/**
 * The same requests three times: while threads have nothing else to do, while they are busy, and with readers of events too.
 * Rejects when any answer was wrong, or an end was not told.
 */
export async function apiLoad({ alone, together }: { alone: number; together: number }): Promise<ApiLoad> {
  const here = (name: string): URL => new URL(`../api-load/${name}.js`, import.meta.url);
  await using server = new AskedProcess<typeof serverAnswers>(here('server'));
  await using requests = new AskedProcess<typeof requestAnswers>(here('requests'));
  await using readers = new AskedProcess<typeof readerAnswers>(here('readers'));
  const nice = Math.max(requests.raise(), readers.raise());
  const port = await server.ask('open');
  let submitted: readonly string[] = [];
  const phase = async (seconds: number): Promise<Phase> => {
    await server.ask('watch', seconds * 1_000);
    const report = await requests.ask('load', { port, seconds });
    refuse(report.wrong);
    ({ submitted } = report);
    return { seconds, timed: report.timed, server: await server.ask('watched') };
  };

  await requests.ask('begin', port);
  const idle = await phase(alone);
  await server.ask('work');
  const busy = await phase(alone);
  const openedMs = performance.now();
  await readers.ask('open', port);
  const streams = await phase(together);

  const { ended, last } = await server.ask('finish');
  const seen = await readers.ask('catchUp', last);
  const streamedSeconds = (performance.now() - openedMs) / 1_000;
  refuse(faultsOf(ended, seen));
  const ids = new Set(ended.map(({ taskId }) => taskId));
  refuse(submitted.filter((id) => !ids.has(id)).map((id) => `${id} did not end`));
  await server.ask('close');

  const { feeds, tasks } = seen;
  const all = [...feeds, ...tasks];
  return {
    idle,
    busy,
    streams,
    nice,
    streamed: {
      ends: sum(feeds.map((feed) => visibleTo(feed, ended).length)),
      latenciesMs: eventLatencies(ended, feeds),
      framesPerSecond: sum(feeds.map(({ frames }) => frames)) / streamedSeconds,
      megabytesPerSecond: sum(feeds.map(({ bytes }) => bytes)) / streamedSeconds / 1e6,
      breaks: sum(all.map(({ breaks }) => breaks)),
      dropped: sum(feeds.map(({ dropped }) => dropped)),
      resets: sum(all.map(({ resets }) => resets)),
      followed: sum(tasks.map(({ followed }) => followed)),
    },
  };
}

function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return;
  throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join('; ')}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
