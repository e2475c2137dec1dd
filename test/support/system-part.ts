import { spawnSync } from 'node:child_process';

/**
 * Whether a program is there that a test needs and npm does not bring. Where it is not, one line says how to get it; with
 * TREADLE_REQUIRE_ALL=1 that is an error.
 */
export function hasProgram(name: string, install: string): boolean {
  const { error } = spawnSync(name, ['--version'], { stdio: 'ignore' });
  if (error === undefined) return true;
  const missing = `\`${name}\` is not there: ${install}`;
  if (process.env.TREADLE_REQUIRE_ALL === '1') throw new Error(missing, { cause: error });
  console.warn(`${missing}. What needs it is skipped.`);
  return false;
}
