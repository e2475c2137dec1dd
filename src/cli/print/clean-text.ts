import { stripVTControlCharacters } from 'node:util';

// What moves a cursor, ends a line, or turns the direction of writing.
// oxlint-disable-next-line no-control-regex -- these are what it is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** A text of others in one line, without anything that a terminal would obey. */
export function cleanLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' ')
    .replaceAll(CONTROLS, '\ufffd');
}

/** The same, line by line. */
export function cleanLines(text: string): string[] {
  return text.split(/\r\n|[\n\r]/).map(cleanLine);
}

/** JSON without any character that a terminal would obey; a parser reads the same value. */
export function cleanJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replaceAll(CONTROLS, (character) =>
    // The line ends of an indented text.
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
