import { extname } from 'node:path';
import { htmlText } from './html-text.js';

/**
 * What is found: a few paragraphs below one heading.
 *
 * @typedef {{ heading: string, body: string }} Passage
 */

// Enough to say one thing, short enough to be about one thing only.
const MAX_CHARACTERS = 1_000;

/**
 * Cuts a document into passages that all differ.
 *
 * @param {string} path tells what kind of document it is
 * @param {string} text
 * @returns {Passage[]}
 */
export function cutPassages(path, text) {
  const extension = extname(path).toLowerCase();
  const sections =
    extension === '.txt' ? [{ heading: '', text }] : sectionsOf(extension === '.md' ? text : htmlText(text));
  const passages = sections.flatMap((section) =>
    packed(paragraphsOf(section.text)).map((body) => ({ heading: section.heading, body })),
  );
  return [...new Map(passages.map((passage) => [keyOf(passage), passage])).values()];
}

/** The same for passages of a file that say the same. @param {Passage} passage */
export function keyOf({ heading, body }) {
  return `${heading}\n${body}`;
}

/** What stands below each heading. A `#` in a block of code is no heading. */
function sectionsOf(markdown) {
  const sections = [{ heading: '', text: '' }];
  let inCode = false;
  for (const line of markdown.split('\n')) {
    if (/^ {0,3}(?:```|~~~)/.test(line)) inCode = !inCode;
    const heading = inCode ? null : /^#{1,6} +(.*)$/.exec(line);
    if (heading !== null) sections.push({ heading: headingOf(heading[1]), text: '' });
    else sections.at(-1).text += `${line}\n`;
  }
  return sections;
}

/** Without the `#`s that may close it. Not as long as it likes: each passage below it repeats it. */
function headingOf(text) {
  return text
    .replace(/(?<! ) +#+ *$/, '')
    .trim()
    .slice(0, 200)
    .toWellFormed();
}

/** What blank lines keep apart; one that is longer than a passage is cut, between words where it has some. */
function paragraphsOf(text) {
  return text
    .split(/\n[^\S\n]*(?=\n)/)
    .flatMap((paragraph) => paragraph.match(PIECE) ?? [])
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
}

const PIECE = new RegExp(`.{1,${MAX_CHARACTERS}}(?!\\S)|.{1,${MAX_CHARACTERS}}`, 'gsu');

/** Neighbouring paragraphs together, as long as they are short. */
function packed(paragraphs) {
  const bodies = [];
  for (const paragraph of paragraphs) {
    const last = bodies.at(-1);
    if (last !== undefined && last.length + 2 + paragraph.length <= MAX_CHARACTERS) {
      bodies[bodies.length - 1] = `${last}\n\n${paragraph}`;
    } else bodies.push(paragraph);
  }
  return bodies;
}
