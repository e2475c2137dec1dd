/**
 * Asks a server 50 times a second, in a process of its own. A request is due by the clock, whether or not those before
 * it were answered, and its time counts from when it was due: a server that stands still can't slow the questions down
 * and so hide that it does.
 */
import { rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { LatencyLog } from './latencies.js';
import {
  PROBE_INTERVAL_MS,
  PROBE_PATIENCE_MS,
  PROBE_TIMEOUT_MS,
  type ProbeOrder,
  type ProbeReport,
} from './probe-protocol.js';

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
let port = 0;
let queries: readonly string[] = [];
let directory = '';
let log = new LatencyLog();
let asked = 0;
let underWay = 0;
let startedMs = 0;
let timer: NodeJS.Timeout | null = null;
let reporting = false;

function say(report: ProbeReport): void {
  process.send?.(report);
}

function tick(): void {
  // All that have come due since the last tick, each with its own time.
  for (;;) {
    const dueMs = startedMs + asked * PROBE_INTERVAL_MS;
    if (dueMs > performance.now()) break;
    ask(queries[asked % queries.length] ?? '', dueMs);
    asked++;
  }
  timer = setTimeout(tick, Math.max(0, startedMs + asked * PROBE_INTERVAL_MS - performance.now()));
}

function ask(query: string, dueMs: number): void {
  const into = log;
  underWay++;
  let over = false;
  const end = (good: boolean | 'given up'): void => {
    if (over) return;
    over = true;
    clearTimeout(patience);
    const ms = performance.now() - dueMs;
    if (good === 'given up') into.givenUp(ms);
    else into.answered(ms, good && ms <= PROBE_TIMEOUT_MS);
    underWay--;
    reportWhenDone();
  };
  const request = get(
    { host: '127.0.0.1', port, path: `/search?q=${encodeURIComponent(query)}`, agent },
    (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.on('end', () => end(response.statusCode === 200 && hasHit(body)));
      response.on('error', () => end(false));
    },
  );
  const patience = setTimeout(
    () => {
      end('given up');
      request.destroy();
    },
    Math.max(0, dueMs + PROBE_PATIENCE_MS - performance.now()),
  );
  request.on('error', () => end(false));
}

function hasHit(body: string): boolean {
  try {
    const answer: unknown = JSON.parse(body);
    return (
      typeof answer === 'object' &&
      answer !== null &&
      'hits' in answer &&
      Array.isArray(answer.hits) &&
      answer.hits.length > 0
    );
  } catch {
    return false;
  }
}

function reportWhenDone(): void {
  if (!reporting || underWay > 0) return;
  reporting = false;
  say({ kind: 'latencies', latencies: log.summary() });
}

process.on('message', (order: ProbeOrder) => {
  if (order.kind === 'start') {
    ({ port, queries, directory } = order);
    say({ kind: 'ready' });
  } else if (order.kind === 'measure') {
    log = new LatencyLog();
    asked = 0;
    startedMs = performance.now();
    say({ kind: 'ready' });
    tick();
  } else {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    reporting = true;
    reportWhenDone();
  }
});

// Ctrl-C reaches every process of the terminal; this one ends when the demo does.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('disconnect', () => {
  // However the demo ended, even by a signal that nothing can catch, nothing stays behind.
  if (directory !== '') rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
});
