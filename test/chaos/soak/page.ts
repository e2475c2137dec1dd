import { BYTES_PER_MB, type SoakResult, slopeText } from './result.js';

/** The result as `docs/soak.md` shows it. */
export function page(result: SoakResult): string {
  const { conditions, samples, warmUpSeconds, heapSlope, rssSlope, threadsStarted, violations } = result;
  const { command, commit, node, cpu, cores, platform, measuredAt } = conditions;
  const last = samples.at(-1);
  const seconds = last?.seconds ?? 0;
  const counted = samples.filter((sample) => sample.seconds >= warmUpSeconds);
  const most = (of: (sample: (typeof samples)[number]) => number): number => Math.max(...counted.map(of));
  const rows: readonly (readonly [string, string])[] = [
    ['Heap of the host, after collections', slopeText(heapSlope)],
    ['Memory of the process (RSS)', slopeText(rssSlope)],
    ['Largest heap, RSS', `${megabytes(most((s) => s.heapBytes))}, ${megabytes(most((s) => s.rssBytes))}`],
    ['Longest stall of the event loop', `${most((sample) => sample.stallMs).toFixed(0)} ms`],
    ['Tasks settled', `${last?.settled.toLocaleString('en') ?? 0} in ${(seconds / 60).toFixed(1)} minutes`],
    ['Threads', `at most ${most((sample) => sample.threads)} at once, ${threadsStarted.toLocaleString('en')} started`],
    ['Wrong results or endings', violations.length === 0 ? 'none' : violations.join('; ')],
    ['Command', `\`${command}\``],
    ['Commit', `${commit ?? 'unknown'}, ${measuredAt.slice(0, 10)}`],
    ['Machine', `Node ${node}, ${cpu}, ${cores} cores, ${platform}`],
  ];
  return [
    '# Soak',
    '',
    'A mixed load at a steady rate: small tasks, batches of every kind, `embed_batch` and `ttl_sweep` on a store; one in ten',
    'tasks is faulty (it throws, exits, hangs, fills its heap, …), others are cancelled. The history holds 500 records and is full',
    `long before the first ${warmUpSeconds} s are over, which don't count. Slopes are least-squares lines with their 95 %`,
    'confidence intervals, allowing for the likeness of neighbouring samples. The heap holds the code that V8 compiles as it',
    'goes. Written by the command below; the samples are in',
    '`soak.json`.',
    '',
    '![Memory over time](soak.svg)',
    '',
    '| | |',
    '| --- | --- |',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / BYTES_PER_MB).toFixed(1)} MB`;
}
