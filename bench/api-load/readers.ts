/** The process that reads: so many streams of events, some of all tasks and some of one. */
import { answerQuestions } from '../runner/answering.js';
import { pseudoRandom } from '../runner/pseudo-random.js';
import { call } from './call.js';
import { OPERATOR, OWNERS } from './callers.js';
import type { Frame } from './event-connection.js';
import { FeedReader, type FeedReport, type Habit } from './feed-reader.js';
import { FEED_READERS, TASK_READERS } from './sizes.js';
import { TaskReader, type TaskReport } from './task-reader.js';

export interface ReadersReport {
  readonly feeds: readonly FeedReport[];
  readonly tasks: readonly TaskReport[];
}

const CATCH_UP_MS = 20_000;
const random = pseudoRandom(200);
let feeds: FeedReader[] = [];
let tasks: TaskReader[] = [];
/** Batches in progress, by owner, as the first reader hears of them. */
const running = new Map<string, Set<string>>(OWNERS.map((owner) => [owner, new Set()]));

export const readerAnswers = {
  /** Resolves when all streams have begun. */
  open: async (port: number): Promise<void> => {
    feeds = Array.from({ length: FEED_READERS }, (_, at) => {
      const onFrame = at < OWNERS.length ? noteBatches(OWNERS[at] as string) : undefined;
      return new FeedReader({ port, as: askerOf(at), habit: habitOf(at), random, ...(onFrame && { onFrame }) });
    });
    await Promise.all(feeds.map(({ ready }) => ready));
    for (const owner of OWNERS) await findBatches(port, owner);
    tasks = Array.from({ length: TASK_READERS }, (_, at) => {
      const as = OWNERS[at % OWNERS.length] as string;
      const pick = (): string | undefined => {
        const ids = [...(running.get(as) ?? [])];
        return ids[Math.floor(random() * ids.length)];
      };
      return new TaskReader({ port, as, breaks: at % 5 === 0, random, pick });
    });
    await Promise.all(tasks.map(({ ready }) => ready));
  },

  /** Resolves to what they saw when all have seen the ends of these. Rejects when that takes too long. */
  catchUp: async (last: Readonly<Record<string, string>>): Promise<ReadersReport> => {
    const behind = new Set(feeds);
    let tooLong: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      tooLong = setTimeout(() => {
        const habits = [...behind].map((feed) => feed.leave().habit).join(', ');
        reject(new Error(`${behind.size} of the streams never came to their end: ${habits}`));
      }, CATCH_UP_MS);
    });
    const all = Promise.all(feeds.map((feed) => feed.catchUp(last).then(() => behind.delete(feed))));
    await Promise.race([all, timeout]);
    clearTimeout(tooLong);
    return { feeds: feeds.map((feed) => feed.leave()), tasks: tasks.map((task) => task.leave()) };
  },
};

/** One in five is an operator and sees all. The first of each owner is steady. */
function askerOf(at: number): string {
  return at % 5 === 4 ? OPERATOR : (OWNERS[at % OWNERS.length] as string);
}

/** Of a hundred, 20 break, 3 of them forgetting where they were, and 4 take their time; the operators among them too. */
function habitOf(at: number): Habit {
  if (at === 94 || at === 90) return 'slow';
  if (at === 99 || at === 95) return 'stalls';
  if (at === 11 || at === 22 || at === 33) return 'forgets';
  return at >= OWNERS.length && at % 6 === 5 ? 'breaks' : 'steady';
}

function noteBatches(owner: string): (frame: Frame) => void {
  return ({ name, data }) => {
    if (name !== 'running' && name !== 'completed') return;
    const { task_id: id, task_type: type } = JSON.parse(data) as { task_id: string; task_type: string };
    if (type !== 'batch') return;
    if (name === 'running') running.get(owner)?.add(id);
    else running.get(owner)?.delete(id);
  };
}

/** Those that began before. */
async function findBatches(port: number, as: string): Promise<void> {
  const { text } = await call(port, { method: 'GET', path: '/tasks?task_type=batch&status=running', as });
  const { result } = JSON.parse(text) as { result: { task_id: string }[] };
  for (const { task_id: id } of result) running.get(as)?.add(id);
}

answerQuestions(readerAnswers);
