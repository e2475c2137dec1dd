import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { transformersModel } from 'treadle/embedders/transformers';
import { memoryTasks } from 'treadle/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryPath } from '../support/memories.js';
import { type TinyTransformer, temporaryTransformer } from '../support/tiny-transformer.js';

/** How a process ended, and what it said. */
interface End {
  /** Its exit code, or the signal that ended it. */
  end: number | NodeJS.Signals | null;
  output: string[];
  errors: string;
}

// Takes some hundred milliseconds for a long text, nearly all of them inside ONNX Runtime.
const SLOW: TinyTransformer = { hidden: 256, idleLayers: 200 };

/** Runs a scenario in a process of its own: where it aborts, only that process does. */
async function run(scenario: string, model: TinyTransformer = {}): Promise<End> {
  const script = fileURLToPath(new URL('../dist/transformer-process.js', import.meta.url));
  const args = [script, scenario, temporaryTransformer(model), temporaryPath()];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const end = await new Promise<End['end']>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  return { end, output: output.split('\n').filter((line) => line !== ''), errors };
}

describe('embed_batch with a transformer model', () => {
  it('is of a type that is never ended by force', () => {
    const embedder = transformersModel({ model: temporaryTransformer() });
    expect(memoryTasks({ path: temporaryPath(), embedder }).embed_batch.policy.killable).toBe(false);
  });

  it('embeds on several threads at once, and the host finds what is alike', async () => {
    expect(await run('search')).toEqual({ end: 0, output: ['{ stored: 3, skipped: 0 }', 'blue bird'], errors: '' });
  });

  it('when cancelled ends between two batches, and its thread works on', async () => {
    expect(await run('cancel', SLOW)).toEqual({ end: 0, output: ['cancelled true'], errors: '' });
  });

  it('would abort the process if its thread were ended in the model: why the type is not killable', async () => {
    const { end, output, errors } = await run('killable', SLOW);
    // Not on Windows, where an abort has an exit code.
    expect([end, output]).toEqual([process.platform === 'win32' ? expect.any(Number) : 'SIGABRT', []]);
    expect(errors).toContain('Napi::Error');
  });

  it.each([1, 2, 3])('is waited for when the process is told to exit, which would abort (%i)', async () => {
    // A chunk ends well within the time that an exit waits.
    expect(await run('exit while embedding', { ...SLOW, idleLayers: 40 })).toEqual({ end: 0, output: [], errors: '' });
  });

  it('is reported alive by close() at its deadline, and the process ends in order when its thread has left', async () => {
    const output = ['true cancelling', 'cancelled', 'no thread is left'];
    expect(await run('deadline', SLOW)).toEqual({ end: 0, output, errors: '' });
  });
});

describe('a thread with a transformer model ends in order', () => {
  it.each([
    ['when it was idle for too long', 'retire', []],
    ['when there are to be fewer threads', 'resize', []],
    ['by force, when another task hangs on it', 'neighbour', Array<string>(10).fill('cancelled')],
    ['with the process, when nobody closes the manager', 'left alone', []],
    ['with the process, when it is told to exit', 'exit', []],
  ])('%s', async (_, scenario, output) => {
    expect(await run(scenario)).toEqual({ end: 0, output, errors: '' });
  });
});
