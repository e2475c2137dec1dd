import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/demo/main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

let temporary: string;
let running: ChildProcess | null = null;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'treadle-demo-test-'));
});

afterEach(() => {
  running?.kill('SIGKILL');
  running = null;
  rmSync(temporary, { recursive: true, force: true });
});

/**
 * Runs the demo until it and all its children are gone: they share its output, which is closed only by the last of
 * them.
 *
 * @param onLine called with each line that it prints.
 */
async function demo(args: readonly string[], onLine?: (line: string, child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child;
  const lines: string[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (errors += part));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    onLine?.(line, child);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, lines, errors };
}

/** The numbers of the table's row with this label, one a column. */
function cells(lines: readonly string[], label: string): number[] {
  const row = lines.find((line) => line.trimStart().startsWith(label)) ?? '';
  return (row.slice(row.indexOf(label) + label.length).match(/[\d,.]+/g) ?? []).map((text) =>
    Number(text.replaceAll(',', '')),
  );
}

describe('the demo', () => {
  it('ends with a table of plausible numbers and with hits, and leaves nothing behind', async () => {
    const { code, lines, errors } = await demo(['--passages', '400', '--idle', '2']);
    expect(errors).toBe('');
    expect(code).toBe(0);
    for (const label of ['search answered, median', 'search answered, 99 %', 'search answered, slowest']) {
      const times = cells(lines, label);
      expect(times, label).toHaveLength(3);
      for (const ms of times) expect(ms, label).toBeGreaterThan(0);
    }
    const [idleFailed, idleAsked, , inlineAsked, , treadleAsked] = cells(lines, 'searches failed');
    expect(idleFailed).toBe(0);
    expect(idleAsked).toBeGreaterThan(50);
    expect(inlineAsked).toBeGreaterThan(0);
    expect(treadleAsked).toBeGreaterThan(10);
    for (const label of ['passages embedded', 'index rebuilt in']) {
      expect(cells(lines, label), label).toHaveLength(2);
      for (const value of cells(lines, label)) expect(value, label).toBeGreaterThan(0);
    }
    expect(cells(lines, 'passages in the store')).toEqual([400, 400]);
    for (const label of [
      'small task began after, median',
      'small task began after, slowest',
      'cancelled task left its core after',
    ]) {
      expect(cells(lines, label), label).toHaveLength(1);
      expect(cells(lines, label)[0], label).toBeGreaterThan(0);
    }
    expect(
      lines.filter((line) => /^ {2}thread \d+ was killed: it had committed [1-9]\d* passages/.test(line)),
    ).toHaveLength(1);
    const searches = lines.flatMap((line, at) => (line.startsWith('GET /search?mode=') ? [at] : []));
    expect(searches).toHaveLength(2);
    for (const at of searches) {
      expect(lines[at + 1]).toMatch(/^ +\d+\.\d+ {2}\S+\.(?:md|d\.[cm]?ts):\d+$/);
      expect(lines[at + 2]?.trim()).not.toBe('');
    }
    expect(readdirSync(temporary)).toEqual([]);
  }, 120_000);

  it('ends cleanly with 130 when it is interrupted while threads work', async () => {
    const { code, lines, errors } = await demo(['--passages', '2000', '--idle', '1'], (line, child) => {
      if (line.startsWith('Treadle: the same work')) child.kill('SIGINT');
    });
    expect(errors).toBe('');
    expect(code).toBe(130);
    expect(lines).toContain('SIGINT: stopping threads, server and probe');
    expect(readdirSync(temporary)).toEqual([]);
  }, 120_000);

  it('ends at once when it is interrupted while the event loop is blocked, and the probe cleans up', async () => {
    let interrupted = false;
    const { code, signal, lines } = await demo(['--idle', '1'], (line, child) => {
      // The first line of progress, whatever share it tells: the first bar is that of the inline phase.
      if (interrupted || !/embedding \d+ %/.test(line)) return;
      interrupted = child.kill('SIGINT');
    });
    // No handler can run then, so the signal ends the process itself; a shell calls that 130 too. On a machine so busy that
    // it comes after all of that work, the handler ends it.
    expect(['SIGINT', 130]).toContain(signal ?? code);
    expect(lines).not.toContain('Result');
    expect(readdirSync(temporary)).toEqual([]);
  }, 120_000);

  it.each([
    [['--passages', '10'], 'Expected --passages to be an integer >= 300, got 10'],
    [['--passages', 'many'], 'Expected --passages to be an integer >= 300, got many'],
    [['--idle', '0.5'], 'Expected --idle to be an integer >= 1, got 0.5'],
    [['--pasages', '10'], "Unknown option '--pasages'"],
  ])('refuses %j and says what it expects', async (args, message) => {
    const { code, errors } = await demo(args);
    expect(code).toBe(2);
    expect(errors).toContain(message);
    expect(errors).toContain('Usage: npm run demo');
  });
});
