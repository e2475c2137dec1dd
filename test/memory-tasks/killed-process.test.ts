import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import embedBatch from '../../dist/tasks/embed-batch.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { handContext, runByHand } from '../support/memory-task.js';
import {
  connection,
  currentIndex,
  expectIndexMatchesRows,
  expectNoDebris,
  fill,
  idWindows,
  temporaryPath,
  temporaryStore,
} from '../support/memories.js';

const ROWS = 1_500;
const WINDOWS = 15;

/** Runs a task in a process that is killed by SIGKILL in the middle of it. */
async function kill(...args: string[]): Promise<void> {
  const script = fileURLToPath(new URL('../dist/killed-process.js', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  child.stdout.on('data', (data: Buffer) => {
    if (data.toString() === 'stuck\n') child.kill('SIGKILL');
    else output += data.toString();
  });
  const ended = await new Promise((resolve) => void child.once('close', (code, signal) => resolve(signal ?? code)));
  expect([ended, output]).toEqual(['SIGKILL', '']);
}

function change(path: string, id: number): void {
  connection(path).prepare('UPDATE memories SET content = ? WHERE id = ?').run(`changed${id}`, id);
}

describe('a thread that is killed', () => {
  it('in the middle of a chunk of rebuild_fts_index loses that chunk only, and another thread goes on', async () => {
    const path = temporaryPath();
    fill(path, ROWS);
    const thread = new Worker(new URL('../dist/killed-process.js', import.meta.url), {
      argv: [path, 'rebuild_fts_index', 'indexing', '4'],
    });
    await new Promise((resolve, reject) => void thread.once('message', resolve).once('error', reject));
    await thread.terminate();
    const context = handContext({ path }, { taskId: 'killed' });
    const { steps } = rebuild;
    await steps.run?.(idWindows(connection(path), { min: 100, max: 100 }, null), context, {});
    expect(await steps.finish?.([], context, {})).toEqual({ rows: ROWS, replayed: 0, removed: 0 });
    await steps.cleanup?.(context, {});
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });
});

describe('a process that is killed', () => {
  it('in the middle of embed_batch leaves whole chunks, and the next run stores the rest', async () => {
    const path = temporaryPath();
    await kill(path, 'embed_batch', '4');
    const left = temporaryStore({ path }).count('ada');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(400);
    expectIndexMatchesRows(path);
    expect(connection(path).prepare('SELECT count(*) FROM vectors').pluck().get()).toBe(left);
    const contents = Array.from({ length: 400 }, (_, n) => `text number${n}`);
    const result = await runByHand(embedBatch, { userId: 'ada', contents }, handContext({ path }), 100);
    expect(result).toEqual({ stored: 400 - left, skipped: left });
    expect(connection(path).prepare('SELECT count(*) FROM vectors').pluck().get()).toBe(400);
    expectIndexMatchesRows(path);
  });

  // Looking in `preparing`, and in `indexing` after the last window, is done inside a write transaction.
  it.each([
    ['preparing', '1'],
    ['indexing', '3'],
    ['indexing', String(WINDOWS + 1)],
    ['catching up', '1'],
    ['swapping', '0'],
    ['removing the old index', '0'],
  ])(
    'in the middle of rebuild_fts_index (%s, %s) leaves an index that answers, and the next run completes',
    async (stage, times) => {
      const path = temporaryPath();
      fill(path, ROWS);
      if (stage === 'preparing') await kill(path, 'rebuild_fts_index', 'catching up', '0');
      await kill(path, 'rebuild_fts_index', stage, times);
      const store = temporaryStore({ path });
      expect(await store.search('row7', { userId: 'user1' })).toMatchObject([{ content: 'row7 about subject0' }]);
      // Life goes on before the next run.
      change(path, 8);
      await store.add({ userId: 'user1', content: 'added afterwards' });
      expect(await store.search('changed8', { userId: 'user1' })).toHaveLength(1);
      const before = currentIndex(connection(path));
      expect(await runByHand(rebuild, {}, handContext({ path }))).toEqual({ rows: ROWS + 1, replayed: 0, removed: 0 });
      expect(currentIndex(connection(path))).not.toBe(before);
      expect(await store.search('changed8', { userId: 'user1' })).toHaveLength(1);
      expectIndexMatchesRows(path);
      expectNoDebris(path);
    },
  );

  it('while a thread of its rebuilds the index leaves an index that answers, and the next run completes', async () => {
    const path = temporaryPath();
    fill(path, 5_000);
    await kill(path, 'rebuild_fts_index');
    expectIndexMatchesRows(path);
    expect(await runByHand(rebuild, {}, handContext({ path }), 50)).toMatchObject({ rows: 5_000 });
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });
});
