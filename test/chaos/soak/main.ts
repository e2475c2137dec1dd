/** Runs a mixed load for minutes and measures whether memory grows: writes docs/soak.json, soak.svg and soak.md. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ThreadCensus } from '../thread-census.js';
import { Violations } from '../violations.js';
import { Load } from './load.js';
import { page } from './page.js';
import { type SoakResult, conditionsNow, slopeAfter, slopeText } from './result.js';
import { type Sample, Sampler } from './samples.js';

const SAMPLE_MS = 5_000;
const WARM_UP_SECONDS = 120;
const USAGE = `npm run soak -- [--minutes <number>] [--seed <number>] [--out <folder>]

  --minutes  how long: 10; the first 2 don't count, or a fifth of a shorter run
  --seed     of the tasks: 1
  --out      where soak.json, soak.svg and soak.md go: docs`;

function argumentsOrExit(): { minutes: number; seed: number; out: string } {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string', default: '1' },
        out: { type: 'string', default: 'docs' },
      },
    });
    const minutes = Number(values.minutes);
    if (!(minutes >= 0.5)) throw new RangeError(`Expected \`--minutes\` to be at least 0.5, got ${values.minutes}`);
    const seed = Number(values.seed);
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`Expected \`--seed\` to be an integer >= 0, got ${values.seed}`);
    }
    return { minutes, seed, out: values.out };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

async function sampleFor(load: Load, seconds: number): Promise<Sample[]> {
  const sampler = new Sampler();
  const samples: Sample[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    await new Promise((resolve) => void setTimeout(resolve, SAMPLE_MS));
    const sample = await sampler.take(load.tasks.stats().threads.live, load.settled);
    samples.push(sample);
    const { heapBytes, rssBytes, threads, stallMs, settled } = sample;
    process.stdout.write(
      `${sample.seconds.toFixed(0).padStart(5)} s: heap ${(heapBytes / 1e6).toFixed(2)} MB, RSS ${(rssBytes / 1e6).toFixed(1)} MB, ` +
        `${threads} threads, longest stall ${stallMs.toFixed(0)} ms, ${settled} tasks\n`,
    );
  }
  sampler.stop();
  return samples;
}

const { minutes, seed, out } = argumentsOrExit();
const folder = mkdtempSync(join(tmpdir(), 'treadle-soak-'));
const census = new ThreadCensus();
const violations = new Violations();
process.on('unhandledRejection', (reason) => violations.add(`nobody handled the rejection ${String(reason)}`));
process.on('warning', ({ name, message }) => violations.add(`the process warned: ${name}: ${message}`));
const load = new Load(seed, join(folder, 'soak.db'), violations);
load.start();
const samples = await sampleFor(load, minutes * 60);
await load.stop();
await census.gone();
rmSync(folder, { recursive: true, force: true });

const warmUpSeconds = Math.min(WARM_UP_SECONDS, minutes * 12);
const seedArgument = seed === 1 ? '' : ` --seed ${seed}`;
const result: SoakResult = {
  conditions: conditionsNow(`npm run soak -- --minutes ${minutes}${seedArgument}`),
  seed,
  warmUpSeconds,
  heapSlope: slopeAfter(samples, warmUpSeconds, ({ heapBytes }) => heapBytes),
  rssSlope: slopeAfter(samples, warmUpSeconds, ({ rssBytes }) => rssBytes),
  threadsStarted: census.started,
  violations: violations.lines,
  samples,
};
// Only now: the library that draws takes more of the heap than all that was measured.
const { chart } = await import('./chart.js');
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'soak.json'), `${JSON.stringify(result, null, 2)}\n`);
writeFileSync(join(out, 'soak.svg'), chart(result));
writeFileSync(join(out, 'soak.md'), page(result));
process.stdout.write(
  `heap ${slopeText(result.heapSlope)}, RSS ${slopeText(result.rssSlope)} (95 %), after ${warmUpSeconds} s\n` +
    violations.lines.map((line) => `- ${line}\n`).join(''),
);
process.exitCode = violations.count === 0 ? 0 : 1;
