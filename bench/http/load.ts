/**
 * Asks a server in a process of its own. A request is due by the clock, whether or not those before it were answered, and
 * its time counts from when it was due: a server that stands still can't slow the questions down and so hide that it does.
 */
import { Agent, get } from 'node:http';
import { answerQuestions } from '../runner/answering.js';
import { integerHash } from '../tasks/integer-hash.js';
import { type LoadOrder, type LoadReport, askedPath } from './load-protocol.js';

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

function load({ port, dueMs }: LoadOrder): Promise<LoadReport> {
  const latenciesMs: number[] = [];
  const lateMs: number[] = [];
  let wrong = 0;
  let asked = 0;
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const end = (due: number, right: boolean): void => {
      latenciesMs.push(performance.now() - startedMs - due);
      if (!right) wrong++;
      if (latenciesMs.length === dueMs.length) resolve({ latenciesMs, lateMs, wrong });
    };
    const tick = (): void => {
      // All that have come due since the last tick, each with its own time.
      for (;;) {
        const due = dueMs[asked];
        if (due === undefined) return;
        const late = performance.now() - startedMs - due;
        if (late < 0) break;
        lateMs.push(late);
        ask(port, asked++, (right) => end(due, right));
      }
      setTimeout(tick, (dueMs[asked] ?? 0) - (performance.now() - startedMs));
    };
    tick();
  });
}

function ask(port: number, number: number, end: (right: boolean) => void): void {
  const request = get({ host: '127.0.0.1', port, path: askedPath(number), agent }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => (body += part));
    response.on('end', () => end(body === String(integerHash(number))));
    response.on('error', () => end(false));
  });
  request.on('error', () => end(false));
}

export const loadAnswers = { load };
answerQuestions(loadAnswers);
