import { parseArgs } from 'node:util';
import { MAX_SEED } from './dice.js';
import { FAULTS, type FaultName } from './faults.js';

/** What the command line asks for. */
export interface ChaosArguments {
  readonly seeds: readonly number[];
  /** Submissions of a run. */
  readonly tasks: number;
  readonly menu: readonly FaultName[];
}

const DEFAULT_TASKS = 10_000;
const ALL_FAULTS = Object.keys(FAULTS) as FaultName[];

export const USAGE: string = `npm run chaos -- [--seed <number>]… [--seeds <number>] [--tasks <number>] [--fault <name>]…

  --seed   the seed of a run; may be given again; a random one unless told
  --seeds  how many runs for each of them, with the next seeds: 1
  --tasks  submissions of a run: ${DEFAULT_TASKS.toLocaleString('en')}
  --fault  only this fault, and tasks without any; may be given again: ${ALL_FAULTS.join(', ')}`;

/** @throws RangeError saying what was expected and what came; TypeError for an unknown option. */
export function readArguments(argv: readonly string[]): ChaosArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: 'string', multiple: true, default: [] },
      seeds: { type: 'string', default: '1' },
      tasks: { type: 'string', default: String(DEFAULT_TASKS) },
      fault: { type: 'string', multiple: true, default: [] },
    },
  });
  const firsts = values.seed.map((text) => wholeNumber('--seed', text, { min: 0, max: MAX_SEED }));
  if (firsts.length === 0) firsts.push(Math.floor(Math.random() * (MAX_SEED + 1)));
  const count = wholeNumber('--seeds', values.seeds, { min: 1, max: 10_000 });
  const unknown = values.fault.find((name) => !(name in FAULTS));
  if (unknown !== undefined)
    throw new RangeError(`Expected \`--fault\` to be one of ${ALL_FAULTS.join(', ')}, got ${unknown}`);
  return {
    seeds: firsts.flatMap((first) => Array.from({ length: count }, (_, at) => (first + at) % (MAX_SEED + 1))),
    tasks: wholeNumber('--tasks', values.tasks, { min: 1, max: 10_000_000 }),
    menu: values.fault.length === 0 ? ALL_FAULTS : ['none', ...(values.fault as FaultName[])],
  };
}

function wholeNumber(name: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new RangeError(`Expected \`${name}\` to be an integer from ${min} to ${max}, got ${text}`);
}
