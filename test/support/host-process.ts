import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../dist/host-process.js', import.meta.url));

/** How a whole process ended: `ended` is `'code 0'` or `'signal SIGABRT'`. */
export interface ProcessEnd {
  readonly ended: string;
  readonly output: string;
  readonly errors: string;
}

/** Runs a fault in a process of its own that it may end: `giant` fills a heap at one stroke; `no-thread`: none starts. */
export async function hostProcess(fault: 'giant' | 'no-thread'): Promise<ProcessEnd> {
  const child = spawn(process.execPath, [FILE, fault], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [[code, signal], output, errors] = await Promise.all([
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { ended: code === null ? `signal ${signal}` : `code ${code}`, output, errors };
}
