import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

interface End {
  readonly code: number | NodeJS.Signals | null;
  readonly output: string[];
  readonly errors: string;
}

async function run(scenario: string): Promise<End> {
  const script = fileURLToPath(new URL('../dist/exit-process.js', import.meta.url));
  const child = spawn(process.execPath, [script, scenario], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const code = await new Promise<End['code']>((resolve) => {
    child.once('close', (exitCode, signal) => resolve(signal ?? exitCode));
  });
  return { code, output: output.split('\n').filter((line) => line !== ''), errors };
}

describe('process.exit() on the host', () => {
  it('with tasks that run and that wait ends it at once, with its code', async () => {
    expect(await run('running and waiting')).toEqual({ code: 7, output: [], errors: '' });
  });

  it('does not wait for work that may be ended by force', async () => {
    expect(await run('killable')).toEqual({ code: 7, output: [], errors: '' });
  });

  it('stops work that must not be ended by force, and waits until its threads have left it', async () => {
    expect(await run('unkillable')).toEqual({ code: 7, output: ['left', 'left'], errors: '' });
  });

  it('stops the one of a pack that runs, and begins none of the others', async () => {
    expect(await run('unkillable, packed')).toEqual({ code: 7, output: ['left'], errors: '' });
  });

  it('does not wait for ever where such work does not listen', async () => {
    expect(await run('unkillable and deaf')).toEqual({ code: 7, output: [], errors: '' });
  });
});

describe('the end of the host', () => {
  it('by an uncaught error waits for such work too', async () => {
    const { code, output, errors } = await run('unkillable, uncaught error');
    expect([code, output]).toEqual([1, ['left']]);
    expect(errors).toContain('the end of the host');
  });

  it('comes by itself when all tasks have settled, if its main module just ends', async () => {
    expect(await run('main module ends')).toEqual({ code: 0, output: Array<string>(5).fill('completed'), errors: '' });
  });

  it('finds no listener of ours once such work is over', async () => {
    expect(await run('after unkillable')).toEqual({ code: 0, output: ['left', '0 listeners'], errors: '' });
  });
});
