/** Runs thousands of faulty tasks through one manager, as a seed says, and checks what the engine promises. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type ChaosArguments, USAGE, readArguments } from './command-line.js';
import { type Holdings, leftBehind, takeHoldings } from './left-behind.js';
import { type StormReport, storm } from './storm.js';
import { ThreadCensus } from './thread-census.js';
import { Violations } from './violations.js';
import { watchdog } from './watchdog.js';
import { MAX_THREADS, type WatchedManager } from './watched-manager.js';

const PATIENCE_MS = 60_000;
// Enough that the code of the engine has been compiled, and most faults have struck.
const WARM_UP = { seed: 1, tasks: 600 };
// The last tasks, in the midst of which the manager is closed.
const LAST = 80;
// For each so many tasks, one more manager is opened and closed in the midst of the few it gets.
const TASKS_FOR_A_CLOSING = 500;
const SHORT = { tasks: 60, last: 60 };
// A record that is kept of each of 10,000 tasks would be more.
const HEAP_SLACK_BYTES = 3 * 2 ** 20;

const census = new ThreadCensus();
let violations = new Violations();

/** Ends the process where it is, with what is known: whatever holds the run up would hold up an orderly end as well. */
function giveUp(seed: number, options: ChaosArguments, lines: readonly string[]): never {
  print([...lines, ...violations.lines, again(seed, options)]);
  process.exit(1);
}

/** One manager, from its start to its end. */
async function run(
  seed: number,
  options: ChaosArguments,
  { tasks, last }: { tasks: number; last: number },
): Promise<StormReport> {
  let stop = (): void => {};
  const onStart = (watched: WatchedManager): void => {
    const { ledger } = watched;
    stop = watchdog(
      () => ledger.pulse,
      PATIENCE_MS,
      () => {
        const stuck = ledger.stuck();
        giveUp(seed, options, [
          `seed ${seed}: nothing has happened for ${PATIENCE_MS / 1_000} s; ${stuck.length} tasks have not settled`,
          ...stuck.slice(0, 30),
          `stats ${JSON.stringify(watched.tasks.stats())}`,
          `${census.living} threads live; timers of the engine: ${watched.clock.timers}; ${watched.clock.tickers} tickers`,
          `what keeps the process alive: ${process.getActiveResourcesInfo().join(', ')}`,
        ]);
      },
    );
  };
  try {
    return await storm({ seed, tasks, last, menu: options.menu, census, violations, onStart });
  } finally {
    stop();
  }
}

/** One seed; false when something was violated. */
async function runSeed(seed: number, options: ChaosArguments, before: Holdings): Promise<boolean> {
  violations = new Violations();
  census.peak = 0;
  const startedBefore = census.started;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const startedAt = performance.now();
  const report = await run(seed, options, {
    tasks: options.tasks,
    last: Math.min(LAST, Math.ceil(options.tasks / 10)),
  });
  const closings: string[] = [];
  for (let at = 0; at < options.tasks / TASKS_FOR_A_CLOSING; at++) {
    // Of another seed each, or they would all be the same.
    const { closing } = await run((seed ^ ((at + 1) << 16)) >>> 0, options, SHORT);
    closings.push(closing);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  delay.disable();
  if (census.peak > MAX_THREADS) violations.add(`${census.peak} threads lived at once, ${MAX_THREADS} may`);
  const after = await takeHoldings();
  for (const what of leftBehind(before, after, HEAP_SLACK_BYTES)) violations.add(what);
  const { refusals } = report;
  print([
    `seed ${seed}: ${options.tasks} submissions in ${seconds.toFixed(1)} s`,
    `  ${report.accepted} tasks; ${refusals.joined} joined another; refused: ${refusals.duplicate} duplicates, ` +
      `${refusals.unserializable} unserializable, ${refusals.gaveUp} gave up at a full queue (met ${refusals.queueFull} times), ${refusals.closed} after close`,
    `  ${[...report.endings]
      .sort(([, a], [, b]) => b - a)
      .map(([ending, count]) => `${ending} ${count}`)
      .join(', ')}`,
    `  ${report.strayHits} were hit by what another task left behind; ${report.errorsOfBystanders} errors of listeners and hooks`,
    `  threads: ${census.started - startedBefore} started, at most ${census.peak} at once, those still ending included; ` +
      `at most ${report.peakTasks} tasks in progress; longest stall ${Math.round(delay.max / 1e6)} ms`,
    `  ${report.closing}; and ${closings.length} other managers after ${SHORT.tasks} tasks`,
    `  heap ${megabytes(before.heapBytes)} before, ${megabytes(after.heapBytes)} after`,
  ]);
  if (violations.count === 0) return true;
  print([`  ${violations.count} violations:`, ...violations.lines.map((line) => `  - ${line}`), again(seed, options)]);
  return false;
}

function again(seed: number, { tasks, menu }: ChaosArguments): string {
  const faults = menu[0] === 'none' && menu.length < 20 ? menu.slice(1).map((name) => ` --fault ${name}`) : [];
  return `  Again: npm run chaos -- --seed ${seed} --tasks ${tasks}${faults.join('')}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

function argumentsOrExit(): ChaosArguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    process.exit(2);
  }
}

const options = argumentsOrExit();
let seedNow = WARM_UP.seed;
process.on('unhandledRejection', (reason) => violations.add(`nobody handled the rejection ${String(reason)}`));
process.on('warning', ({ name, message }) => violations.add(`the process warned: ${name}: ${message}`));
process.on('uncaughtException', (error) => {
  giveUp(seedNow, options, [`seed ${seedNow}: the process would have died of ${error.stack ?? String(error)}`]);
});
print([`chaos: ${options.seeds.length} × ${options.tasks} tasks, seed ${options.seeds.join(', ')}`]);
await run(seedNow, options, { tasks: Math.min(WARM_UP.tasks, Math.ceil(options.tasks / 2)), last: 20 });
print(violations.lines.map((line) => `- in the warm-up, seed ${seedNow}: ${line}`));
let good = violations.count === 0;
const before = await takeHoldings();
for (const seed of options.seeds) {
  seedNow = seed;
  good = (await runSeed(seed, options, before)) && good;
}
print([good ? 'Nothing was violated.' : 'Something was violated: see above.']);
process.exitCode = good ? 0 : 1;
