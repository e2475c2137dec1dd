import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readmeProject, snippets } from './support/readme.js';

const run = promisify(execFile);

describe('the snippets of the README', () => {
  let project: Awaited<ReturnType<typeof readmeProject>>;

  beforeAll(async () => {
    project = await readmeProject();
  });
  afterAll(() => project.dispose());

  it('run as they stand and print what is printed below them', async () => {
    const shown = (await snippets()).filter((snippet) => snippet.output !== null);
    expect(shown.length).toBeGreaterThanOrEqual(5);
    for (const { file, output } of shown) {
      const { stdout, stderr } = await run(process.execPath, [file], { cwd: project.folder });
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
