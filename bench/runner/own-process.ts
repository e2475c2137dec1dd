import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/**
 * Runs a script of `bench/processes` in a process of its own, with `gc()` and no heap but its own. Resolves to the JSON
 * that it prints; rejects when it fails.
 */
export async function inOwnProcess<Result>(script: string, ...args: readonly (string | number)[]): Promise<Result> {
  const path = fileURLToPath(new URL(`../processes/${script}.js`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', path, ...args.map(String)], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return JSON.parse(stdout) as Result;
}

/** Inside of it: lets go of everything that nobody holds. */
export function collectGarbage(): void {
  const collect = globalThis.gc as (() => void) | undefined;
  if (collect === undefined) throw new Error('Expected node --expose-gc');
  // What has a finaliser goes with the second.
  collect();
  collect();
}
