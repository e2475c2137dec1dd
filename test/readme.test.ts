import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** A code block of the README that starts with its file name, and the output that is printed below it. */
interface Snippet {
  readonly file: string;
  readonly code: string;
  readonly output: string | null;
}

async function snippets(): Promise<Snippet[]> {
  const text = await readFile(join(root, 'README.md'), 'utf8');
  const shape = /```js\n\/\/ ([\w.-]+\.js)\b[^\n]*\n([^]*?)\n```\n(?:\n(?!```)[^\n]+\n)?(?:\n```text\n([^]*?)\n```)?/g;
  const blocks = [...text.matchAll(shape)];
  return blocks.map(([, file = '', code = '', output]) => ({ file, code, output: output ?? null }));
}

describe('the snippets of the README', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'treadle-readme-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules', 'treadle'), 'dir');
    for (const name of ['better-sqlite3', 'croner']) {
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'dir');
    }
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const { file, code } of await snippets()) await writeFile(join(folder, file), code);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('run as they stand and print what is printed below them', async () => {
    const shown = (await snippets()).filter((snippet) => snippet.output !== null);
    expect(shown.length).toBeGreaterThanOrEqual(5);
    for (const { file, output } of shown) {
      const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder });
      expect({ file, stderr }).toEqual({ file, stderr: '' });
      expect({ file, printed: stable(stdout) }).toEqual({ file, printed: stable(output ?? '') });
    }
  });
});

/** Lines about work under way differ from run to run. */
function stable(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('running ') && line !== '…');
}
