import { OPERATOR } from './callers.js';
import type { FeedReport } from './feed-reader.js';
import type { ReadersReport } from './readers.js';
import type { Ended } from './server.js';

/**
 * What is wrong with what readers saw, in words: each must have been told once of the end of every task that it may see, by
 * an event, or, where its place was lost, by the list that it asked for then.
 */
export function faultsOf(ended: readonly Ended[], { feeds, tasks }: ReadersReport): string[] {
  return [
    ...feeds.flatMap((feed) => [
      ...visibleTo(feed, ended)
        .filter(({ taskId }) => !feed.ended.has(taskId) && !feed.listed.has(taskId))
        .map(({ taskId }) => `${nameOf(feed)} was not told of the end of ${taskId}`),
      ...feed.twice.map((taskId) => `${nameOf(feed)} was told twice of the end of ${taskId}`),
      ...feed.wrong,
    ]),
    ...tasks.flatMap(({ wrong }) => wrong),
  ];
}

/** From the end of a task until a reader that just reads had it in its process: all of them, in the order of the ends. Milliseconds. */
export function eventLatencies(ended: readonly Ended[], feeds: readonly FeedReport[]): number[] {
  const steady = feeds.filter(({ habit }) => habit === 'steady');
  return ended.flatMap(({ taskId, atMs }) =>
    steady.flatMap((feed) => {
      const seenMs = feed.ended.get(taskId);
      return seenMs === undefined ? [] : [seenMs - atMs];
    }),
  );
}

export function visibleTo({ as }: FeedReport, ended: readonly Ended[]): Ended[] {
  return as === OPERATOR ? [...ended] : ended.filter(({ owner }) => owner === as);
}

function nameOf({ as, habit }: FeedReport): string {
  return `A reader that ${habit === 'steady' ? 'reads' : habit} as ${as}`;
}
