import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os, { getPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { lowerPriority } from '../../dist/engine/thread-priority.js';
import { resolveOptions } from '../../dist/engine/options.js';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type priority from '../tasks/priority.task.js';

const run = promisify(execFile);
const NICE_FIELD = 16;
const PRIORITY_FILE = fileURLToPath(new URL('../../dist/engine/thread-priority.js', import.meta.url));

/** Nobody has read a file when a thread lowers its priority and then reads one. Tells the nice values of all threads. */
const FIRST_TO_READ = `
const { Worker } = require('node:worker_threads');
const { readFileSync, readdirSync } = require('node:fs');
const threads = () => readdirSync('/proc/self/task');
const niceOf = (id) => Number(readFileSync('/proc/self/task/' + id + '/stat', 'utf8').split(') ')[1].split(' ')[${NICE_FIELD}]);
const before = threads().length;
const worker = new Worker(\`
  const { readFile } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  require(workerData).lowerPriority(7);
  readFile(workerData, () => parentPort.postMessage('read'));
  parentPort.on('message', () => {});
\`, { eval: true, workerData: process.argv[1] });
worker.on('message', () => {
  console.log(JSON.stringify({ before, after: threads().map(niceOf) }));
  process.exit();
});`;

/** The nice value of each thread of this process, by its id: proc_pid_stat(5). */
function niceValues(): Map<number, number> {
  return new Map(
    readdirSync('/proc/self/task').map((id): [number, number] => {
      const stat = readFileSync(`/proc/self/task/${id}/stat`, 'utf8');
      // The name before the bracket may have blanks in it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [Number(id), Number(fields[NICE_FIELD])];
    }),
  );
}

async function niceOfThread(nice: number | undefined): Promise<number> {
  const threads = { max: 1, ...(nice === undefined ? {} : { nice }) };
  const types = { priority: taskType(taskModule<typeof priority>(builtTask('priority'))) };
  const tasks = closedAtEnd(new TaskManager({ types, threads }));
  const others = niceValues();
  const id = await (await tasks.submit('priority')).result();
  const now = niceValues();
  for (const [other, before] of others) expect(now.get(other) ?? before).toBe(before);
  return (now.get(id) ?? Number.NaN) - (now.get(process.pid) ?? Number.NaN);
}

describe.runIf(process.platform === 'linux')('a worker thread', () => {
  it.each([0, 3, 7])('is as much nicer than the process as it is told to be: %i', async (nice) => {
    expect(await niceOfThread(nice)).toBe(nice);
  });

  it('is by default as nice as the default says', async () => {
    expect(await niceOfThread(undefined)).toBe(resolveOptions({ types: {} }).threads.nice);
  });

  it('leaves the threads of libuv as they are, though it is the first to need them', async () => {
    // A process of its own, because here they run already.
    const { stdout } = await run(process.execPath, ['--eval', FIRST_TO_READ, PRIORITY_FILE]);
    const { before, after } = JSON.parse(stdout) as { before: number; after: number[] };
    expect(after.length).toBeGreaterThan(before + 1);
    expect(after.filter((nice) => nice !== Math.min(...after))).toEqual([Math.min(...after) + 7]);
  });
});

describe('lowering the priority of a thread', () => {
  it('leaves it as it is where priorities belong to processes', () => {
    const before = getPriority();
    const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor;
    Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' });
    onTestFinished(() => void Object.defineProperty(process, 'platform', platform));
    lowerPriority(5);
    expect(getPriority()).toBe(before);
  });

  it.runIf(process.platform === 'linux')('goes on where it is forbidden', () => {
    const refuse = vi.spyOn(os, 'setPriority').mockImplementation(() => {
      throw new Error('EPERM');
    });
    syncBuiltinESMExports();
    onTestFinished(() => {
      refuse.mockRestore();
      syncBuiltinESMExports();
    });
    lowerPriority(5);
    expect(refuse).toHaveBeenCalledWith(0, Math.min(19, getPriority() + 5));
  });
});
