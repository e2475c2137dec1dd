import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';

/** What figures depend on besides the code of the bench. */
export interface Conditions {
  /** What to type to measure this row again. */
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
    const differs =
      git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'bench', 'package-lock.json') !== '';
    return git('rev-parse', '--short', 'HEAD') + (differs ? '+' : '');
  } catch {
    return null;
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
