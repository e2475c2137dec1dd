import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A code block of the README that starts with its file name, and the output that is printed below it. */
export interface Snippet {
  readonly file: string;
  readonly code: string;
  readonly output: string | null;
}

export async function snippets(): Promise<Snippet[]> {
  const text = await readFile(join(root, 'README.md'), 'utf8');
  const shape = /```js\n\/\/ ([\w.-]+\.js)\b[^\n]*\n([^]*?)\n```\n(?:\n(?!```)[^\n]+\n)?(?:\n```text\n([^]*?)\n```)?/g;
  const blocks = [...text.matchAll(shape)];
  return blocks.map(([, file = '', code = '', output]) => ({ file, code, output: output ?? null }));
}

/** A project of a user's with all files that the README shows; `dispose` removes it. */
export async function readmeProject(): Promise<{ readonly folder: string; dispose(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'treadle-readme-'));
  await mkdir(join(folder, 'node_modules', '@hono'), { recursive: true });
  await symlink(root, join(folder, 'node_modules', 'treadle'), 'dir');
  for (const name of ['better-sqlite3', 'croner', '@hono/node-server', 'eventsource-parser']) {
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'dir');
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { file, code } of await snippets()) await writeFile(join(folder, file), code);
  return { folder, dispose: () => rm(folder, { recursive: true, force: true }) };
}
