import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TextKind, cutPassages } from './passage-cuts.js';

/** Real text that every install has, and how much of it there is. */
export interface Corpus {
  /** Each begins with a line that names its file, so that a hit tells where it is from. All differ. */
  readonly passages: readonly string[];
  /** Passages there were before the cap was applied. */
  readonly found: number;
  readonly files: number;
  /** Of the passages, in UTF-8. */
  readonly bytes: number;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Source and tests are no documents; `.git` and the like are not read at all. */
const SKIPPED = new Set(['src', 'test', 'bench', 'coverage', '.bin']);

/**
 * Reads the Markdown files and type declarations of this project and of all that is installed for it, in the order of
 * their names, and cuts them into passages. Where there are more than `max`, every so-many-th is taken, so that no
 * package is left out for its name.
 */
export function collectCorpus(max: number): Corpus {
  const distinct = new Map<string, string>();
  let files = 0;
  for (const path of documents(ROOT)) {
    const kind: TextKind = path.endsWith('.md') ? 'markdown' : 'declarations';
    const name = relative(ROOT, path)
      .split(sep)
      .join('/')
      .replace(/^.*node_modules\//, '');
    files++;
    for (const { text, line } of cutPassages(readFileSync(path, 'utf8'), kind)) {
      if (!distinct.has(text)) distinct.set(text, `${name}:${line}\n${text}`);
    }
  }
  const all = [...distinct.values()];
  const count = Math.min(max, all.length);
  const passages = Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)] ?? '');
  const bytes = passages.reduce((sum, passage) => sum + Buffer.byteLength(passage), 0);
  return { passages, found: all.length, files, bytes };
}

function* documents(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const ours = folder === ROOT && SKIPPED.has(entry.name);
      if (!ours && (!entry.name.startsWith('.') || entry.name === '.pnpm')) yield* documents(path);
    } else if (entry.isFile() && /\.(?:md|d\.[cm]?ts)$/.test(entry.name)) {
      yield path;
    }
  }
}

/**
 * Queries of two words that stand in one passage, so that each of them has a hit. Long words, since they are rare: a search
 * for what stands everywhere is slow on any machine, and not what is measured here.
 *
 * @param passages what is in the store while they are asked.
 */
export function queriesFrom(passages: readonly string[], count: number): string[] {
  const queries = new Set<string>();
  for (const passage of passages) {
    if (queries.size === count) break;
    const words = new Set(
      passage
        .split('\n')
        .slice(1)
        .join(' ')
        .match(/\b[a-z]{6,16}\b/g),
    );
    const [first, second] = [...words].sort((a, b) => b.length - a.length);
    if (first !== undefined && second !== undefined) queries.add(`${first} ${second}`);
  }
  return [...queries];
}
