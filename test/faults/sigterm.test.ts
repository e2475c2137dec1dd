import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readmeProject } from '../support/readme.js';

/** The server of the README, in a process of its own. */
async function startServer(folder: string) {
  const child = spawn(process.execPath, ['graceful.js'], {
    cwd: folder,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => ((await lines.next()) as { value?: string }).value ?? '';
  const url = `http://127.0.0.1:${(await line()).replace('port ', '')}`;
  const stats = async () => (await (await fetch(url)).json()) as { running: number; pending: number };
  /** Has `count` texts digested; resolves when a thread works on them. */
  const post = async (count: number) => {
    const answer = fetch(`${url}/${count}`, { method: 'POST' });
    while ((await stats()).running === 0);
    return { answer };
  };
  /** Resolves when the server takes no more connections. */
  const closing = async () => {
    while (await stats().then(Boolean, () => false));
  };
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>;
  return { child, line, post, closing, exited };
}

describe('a server that is told to end', () => {
  let project: Awaited<ReturnType<typeof readmeProject>>;
  beforeAll(async () => {
    project = await readmeProject();
  });
  afterAll(() => project.dispose());

  it('answers what it has begun, and ends by itself', async () => {
    const { child, line, post, exited } = await startServer(project.folder);
    const { answer } = await post(200_000);
    child.kill('SIGTERM');
    expect(await (await answer).text()).toBe('completed 200000');
    expect(await line()).toBe('closed {"cancelled":[],"interrupted":[],"alive":[]}');
    expect(await exited).toEqual([0, null]);
  });

  it('told again, cuts short what still runs, and says so', async () => {
    const { child, line, post, closing, exited } = await startServer(project.folder);
    const { answer } = await post(1e12);
    child.kill('SIGTERM');
    // Signals that come together count as one.
    await closing();
    child.kill('SIGTERM');
    expect(await (await answer).text()).toMatch(/^cancelled \d+$/);
    expect(await line()).toMatch(/^closed \{"cancelled":\[\],"interrupted":\["[\w-]+"\],"alive":\[\]\}$/);
    expect(await exited).toEqual([1, null]);
  });
});
