import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/chaos/main.js', import.meta.url));
const TASKS = 250;

let running: ChildProcess | null = null;

afterEach(() => {
  running?.kill('SIGKILL');
  running = null;
});

/** A run in a process of its own, so that a host that dies or hangs is seen, and what is left behind can be counted. */
async function chaos(...args: string[]): Promise<{ code: number | null; signal: string | null; output: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running = child;
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (output += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (output += part));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, output };
}

describe('chaos', () => {
  it('of a known and of an unknown seed violates nothing, and the host lives', { timeout: 90_000 }, async () => {
    const seeds = [1, Math.floor(Math.random() * 2 ** 32)];
    const { code, signal, output } = await chaos(
      ...seeds.flatMap((seed) => ['--seed', `${seed}`]),
      '--tasks',
      `${TASKS}`,
    );
    console.log(output);
    expect(signal, output).toBeNull();
    expect(code, output).toBe(0);
    for (const seed of seeds) expect(output).toContain(`seed ${seed}: ${TASKS} submissions`);
  });

  it('refuses an option that it does not know, and says how it is used', async () => {
    const { code, output } = await chaos('--fault', 'earthquake');
    expect(code).toBe(2);
    expect(output).toContain('Expected `--fault` to be one of none, throw');
    expect(output).toContain('npm run chaos');
  });
});
