import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

it('loads eventsource-parser, and nothing else from outside its folder', async () => {
  const loaded = new Set<string>();
  const outside = new Set<string>();
  const follow = async (file: string): Promise<void> => {
    if (loaded.has(file)) return;
    loaded.add(file);
    const code = await readFile(file, 'utf8');
    for (const [, name = ''] of code.matchAll(/^(?:import|export)\s(?:[^'";]*\sfrom\s)?['"]([^'"]+)['"]/gm)) {
      if (name.startsWith('.')) await follow(join(dirname(file), name));
      else outside.add(name);
    }
    expect(code).not.toMatch(/\b(?:import|require)\s*\(/);
  };
  await follow(join(ROOT, 'dist/client/index.js'));
  expect([...outside]).toEqual(['eventsource-parser']);
  const folders = new Set([...loaded].map((file) => relative(ROOT, dirname(file))));
  expect([...folders]).toEqual([join('dist', 'client')]);
  expect(loaded.size).toBeGreaterThan(5);
});

it('compiles with the types of a browser alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'treadle-client-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(join(ROOT, 'src/client'), join(folder, 'src/client'), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  // A page, and what only Node has.
  await writeFile(
    join(folder, 'src/page.ts'),
    `import { createTaskClient } from './client/index.js';
     const client = createTaskClient({ url: '/api/v1' });
     for await (const { status } of client.watch('id')) document.title = status;
     for await (const event of client.events({ signal: AbortSignal.timeout(5) })) console.log(event.id);`,
  );
  await writeFile(join(folder, 'src/node.ts'), `import 'node:fs';\nexport const bytes = Buffer.from('a');\n`);
  const { compilerOptions } = JSON.parse(await readFile(join(ROOT, 'tsconfig.base.json'), 'utf8')) as {
    compilerOptions: { lib: string[] };
  };
  const options = {
    ...compilerOptions,
    lib: [...compilerOptions.lib, 'dom', 'dom.iterable', 'dom.asynciterable'],
    types: [],
    module: 'esnext',
    moduleResolution: 'bundler',
    noEmit: true,
    // What the client takes types from is there as it was built, without its own sources.
    rootDirs: [join(folder, 'src'), join(ROOT, 'dist')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['src'] }));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
  }).catch((error: unknown) => error as { stdout: string });
  const errors = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
  expect(errors.map((line) => line.slice(0, line.indexOf(':', line.indexOf('error'))))).toEqual([
    'src/node.ts(1,8): error TS2882',
    'src/node.ts(2,22): error TS2591',
  ]);
});
