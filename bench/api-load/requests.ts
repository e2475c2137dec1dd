/**
 * The process that asks. A request is due by the clock, whether or not those before it were answered, and its time counts
 * from when it was due: a server that stands still can't slow the questions down and so hide that it does.
 */
import { answerQuestions } from '../runner/answering.js';
import { call } from './call.js';
import { RequestMix, type Route, WAITING, hundred } from './request-mix.js';
import { REQUESTS_A_SECOND } from './sizes.js';

/** A request that was answered. Milliseconds. */
export interface Timed {
  readonly route: Route;
  /** From the start. */
  readonly dueMs: number;
  /** From when it was due until its answer was read. */
  readonly latencyMs: number;
  /** How much later than due it was made: what of the latency is this process's own. */
  readonly lateMs: number;
}

export interface RequestReport {
  readonly timed: readonly Timed[];
  /** Why answers were wrong. */
  readonly wrong: readonly string[];
  /** Tasks that were taken on. */
  readonly submitted: readonly string[];
}

const mix = new RequestMix();
let wrong: string[] = [];

export const requestAnswers = {
  /** Asks for one thing after another, so that the first that are measured find what they need. */
  begin: async (port: number): Promise<void> => {
    for (let at = 0; at < 3 * (WAITING + 1); at++) await ask(port, 'submit');
    // All connections are open then.
    await Promise.all([...hundred(0), ...hundred(0)].map((route) => ask(port, route)));
    refuseWrong();
  },

  /** So many seconds of requests, each at its time. */
  load: async ({ port, seconds }: { port: number; seconds: number }): Promise<RequestReport> => {
    mix.submitted = [];
    wrong = [];
    const due = Array.from({ length: seconds }, (_, second) => hundred(second + 1)).flat();
    const timed = await loaded(port, due);
    return { timed, wrong, submitted: mix.submitted };
  },
};

function loaded(port: number, routes: readonly Route[]): Promise<Timed[]> {
  const everyMs = 1_000 / REQUESTS_A_SECOND;
  const timed: Timed[] = [];
  const startedMs = performance.now();
  let asked = 0;
  return new Promise((resolve) => {
    const one = async (route: Route, dueMs: number): Promise<void> => {
      const lateMs = performance.now() - startedMs - dueMs;
      await ask(port, route);
      timed.push({ route, dueMs, lateMs, latencyMs: performance.now() - startedMs - dueMs });
      if (timed.length === routes.length) resolve(timed);
    };
    const tick = (): void => {
      // All that have come due since the last tick, each with its own time.
      for (; asked * everyMs <= performance.now() - startedMs; asked++) {
        const route = routes[asked];
        if (route === undefined) return;
        void one(route, asked * everyMs);
      }
      setTimeout(tick, asked * everyMs - (performance.now() - startedMs));
    };
    tick();
  });
}

async function ask(port: number, route: Route): Promise<void> {
  const planned = mix.plan(route);
  try {
    planned.check(await call(port, planned));
  } catch (error) {
    wrong.push(`${route}: ${String(error)}`);
  }
}

function refuseWrong(): void {
  if (wrong.length > 0) throw new Error(wrong[0]);
}

answerQuestions(requestAnswers);
