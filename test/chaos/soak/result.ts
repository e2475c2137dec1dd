import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import type { Sample } from './samples.js';
import { type Slope, leastSquares } from './slope.js';

/** What the figures depend on besides the code. */
export interface Conditions {
  /** What to type to measure this again. */
  readonly command: string;
  /** Null where there is no repository; ends in `+` where files differ from the commit. */
  readonly commit: string | null;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  /** ISO 8601, UTC. */
  readonly measuredAt: string;
}

/** A whole soak, as `docs/soak.json` keeps it. */
export interface SoakResult {
  readonly conditions: Conditions;
  readonly seed: number;
  /** Samples before this do not count for the slopes. */
  readonly warmUpSeconds: number;
  /** MB (1,000,000 bytes) per hour. */
  readonly heapSlope: Slope;
  readonly rssSlope: Slope;
  readonly threadsStarted: number;
  readonly violations: readonly string[];
  readonly samples: readonly Sample[];
}

export const BYTES_PER_MB = 1e6;

/** The line through what was sampled after the warm-up: MB per hour. */
export function slopeAfter(
  samples: readonly Sample[],
  warmUpSeconds: number,
  bytesOf: (sample: Sample) => number,
): Slope {
  const counted = samples.filter(({ seconds }) => seconds >= warmUpSeconds);
  return leastSquares(
    counted.map(({ seconds }) => seconds / 3_600),
    counted.map((sample) => bytesOf(sample) / BYTES_PER_MB),
  );
}

export function slopeText({ perUnit, margin }: Slope): string {
  return `${perUnit >= 0 ? '+' : '−'}${Math.abs(perUnit).toFixed(2)} ± ${margin.toFixed(2)} MB/hour`;
}

export function conditionsNow(command: string): Conditions {
  return {
    command,
    commit: commitNow(),
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    measuredAt: new Date().toISOString(),
  };
}

function commitNow(): string | null {
  try {
    const differs = git(
      'status',
      '--porcelain',
      '--untracked-files=no',
      '--',
      'src',
      'test/chaos',
      'package-lock.json',
    );
    return git('rev-parse', '--short', 'HEAD') + (differs === '' ? '' : '+');
  } catch {
    return null;
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
