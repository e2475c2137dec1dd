import { availableParallelism, cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { CleanUp } from './clean-up.js';
import { collectCorpus } from './corpus.js';
import { describeHit, fetchHits } from './hits.js';
import { inlinePhase } from './inline-phase.js';
import type { Interrupt } from './interrupt.js';
import type { Latencies } from './latencies.js';
import { layOut } from './result-table.js';
import { count } from './figures.js';
import type { Screen } from './screen.js';
import { type Stage, freshStore, setUp } from './stage.js';
import { type Measured, TABLE_HEAD, tableRows } from './summary.js';
import { threadedPhase } from './threaded-phase.js';

const QUERIES = [
  { mode: 'text', query: 'abort a task that is already running', remark: '' },
  { mode: 'vector', query: 'format of the progres bar', remark: '   (mistyped, and found by its parts)' },
] as const;

/** What the demo is given to work with. */
export interface DemoOptions {
  readonly screen: Screen;
  readonly cleanUp: CleanUp;
  readonly interrupt: Interrupt;
  readonly maxPassages: number;
  /** How long to watch the idle server, in milliseconds. */
  readonly idleMs: number;
}

/** Runs the whole demo. Throws where what it shows is not so. */
export async function runDemo({ maxPassages, idleMs, ...parts }: DemoOptions): Promise<void> {
  const { screen } = parts;
  const [cpu] = cpus();
  screen.line(screen.bold('Treadle: heavy work beside a server that goes on answering'));
  screen.line(`  Node ${process.version}, ${cpu?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores`);
  const corpus = collectCorpus(maxPassages);
  const { passages, found, files, bytes } = corpus;
  const share = passages.length < found ? ` of ${count(found)}` : '';
  screen.line(
    `  ${count(passages.length)}${share} passages, ${(bytes / 1e6).toFixed(1)} MB, from ${count(files)} Markdown files and type declarations`,
  );
  screen.line('  GET /search runs in this process; a probe in its own asks it 50 times a second');
  const stage = await setUp({ ...parts, corpus });

  screen.heading('Idle: what the server does when nothing else happens');
  const idle = await idlePhase(stage, idleMs);
  screen.heading('Inline: the work runs on the event loop (the server stands still; Ctrl-C still ends it)');
  const inline = await inlinePhase(stage);
  screen.heading('Treadle: the same work on worker threads');
  const threaded = await threadedPhase(stage);
  await conclude(stage, { idle, inline, threaded });
}

async function idlePhase(stage: Stage, idleMs: number): Promise<Latencies> {
  await freshStore(stage, 'idle');
  await stage.probe.measure();
  await delay(idleMs);
  return await stage.probe.report();
}

/** Prints the table and two searches, then makes sure that what they show is true. */
async function conclude({ screen, server, corpus }: Stage, measured: Measured): Promise<void> {
  screen.heading('Result');
  for (const line of layOut(TABLE_HEAD, tableRows(measured), screen.columns)) screen.line(line);
  for (const { mode, query, remark } of QUERIES) {
    screen.heading(`GET /search?mode=${mode}&q=${query.replaceAll(' ', '+')}${remark}`);
    const hits = await fetchHits(server.port, query, mode);
    if (hits.length === 0) throw new Error(`Expected "${query}" to have hits`);
    for (const hit of hits) for (const line of describeHit(hit, query, screen.columns)) screen.line(line);
  }
  screen.line();
  for (const { stored } of [measured.inline, measured.threaded]) {
    if (stored === corpus.passages.length) continue;
    throw new Error(`Expected ${corpus.passages.length} passages in the store, got ${stored}`);
  }
  if (!measured.threaded.threadDied) throw new Error('Expected a thread to die amid the embedding, none did');
}
