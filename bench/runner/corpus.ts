import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const FULL_CHARS = 300;
const LONGEST_CHARS = 600;
const SHORTEST_CHARS = 60;

/**
 * Real text that every clone has: the Markdown and type declarations of what is installed, cut at blank lines into
 * different passages of some 500 characters. At most `max` of them, taken evenly from all.
 *
 * @throws Error when there are not so many.
 */
export function corpus(max: number): string[] {
  const passages = new Set<string>();
  for (const path of documents(FOLDER)) {
    for (const passage of passagesOf(readFileSync(path, 'utf8'))) passages.add(passage);
  }
  const all = [...passages];
  if (all.length < max) throw new Error(`Expected ${max} passages in node_modules, found ${all.length}`);
  return Array.from({ length: max }, (_, at) => all[Math.floor((at * all.length) / max)] as string);
}

function documents(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => /\.(?:md|d\.[cm]?ts)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

function passagesOf(text: string): string[] {
  const passages: string[] = [];
  let open = '';
  for (const paragraph of text.split(/\n\s*\n/)) {
    for (let at = 0; at < paragraph.length; at += LONGEST_CHARS) {
      open += `${paragraph.slice(at, at + LONGEST_CHARS)}\n\n`;
      if (open.length < FULL_CHARS) continue;
      passages.push(open.trim());
      open = '';
    }
  }
  passages.push(open.trim());
  return passages.filter((passage) => passage.length >= SHORTEST_CHARS);
}
