import { parseArgs } from 'node:util';
import { CleanUp } from './clean-up.js';
import { runDemo } from './demo.js';
import { Interrupt } from './interrupt.js';
import { Screen } from './screen.js';

const MIN_PASSAGES = 300;
const MAX_PASSAGES = 30_000;
const IDLE_SECONDS = 5;

const USAGE = `Usage: npm run demo -- [--passages <n>] [--idle <s>]

  --passages <n>   How many passages to work on, at least ${MIN_PASSAGES}. Default: all there are, at most ${MAX_PASSAGES}.
  --idle <s>       How long to watch the idle server first, in seconds. Default: ${IDLE_SECONDS}.
  --help           Show this.`;

interface Arguments {
  readonly maxPassages: number;
  readonly idleMs: number;
}

/** @returns what was asked for, or what to say instead of running. */
function readArguments(): Arguments | { say: string; code: number } {
  try {
    const { values } = parseArgs({
      options: { passages: { type: 'string' }, idle: { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help === true) return { say: USAGE, code: 0 };
    const maxPassages = integer('--passages', values.passages, MIN_PASSAGES, MAX_PASSAGES);
    return { maxPassages, idleMs: 1_000 * integer('--idle', values.idle, 1, IDLE_SECONDS) };
  } catch (error) {
    return { say: `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, code: 2 };
  }
}

function integer(name: string, text: string | undefined, min: number, usual: number): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`Expected ${name} to be an integer >= ${min}, got ${text}`);
}

const given = readArguments();
if ('say' in given) {
  (given.code === 0 ? process.stdout : process.stderr).write(`${given.say}\n`);
  process.exit(given.code);
}

const screen = new Screen(process.stdout);
const cleanUp = new CleanUp();
const interrupt = new Interrupt(async (signal) => {
  screen.close(`${signal}: stopping threads, server and probe`);
  await cleanUp.run();
});

// Whoever read this has gone (`npm run demo | head`): the probe cleans up.
process.stdout.on('error', () => process.exit(1));

try {
  await runDemo({ screen, cleanUp, interrupt, ...given });
} catch (error) {
  // What was going on fails when all is closed under it; that is no news.
  if (!interrupt.interrupted) {
    screen.close();
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
await cleanUp.run();
// After an interrupt the handler ends the process, with the signal's code.
if (!interrupt.interrupted) interrupt.release();
