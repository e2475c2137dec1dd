import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { CommandError, EXIT } from '../command-error.js';

/**
 * The value that an option gives as JSON, in a file (`@path`) or on standard input (`-`).
 *
 * @throws CommandError
 */
export async function jsonFrom(option: string, source: string): Promise<unknown> {
  const given = await textFrom(option, source);
  try {
    return JSON.parse(given) as unknown;
  } catch (error) {
    // What the parser says quotes what it was given.
    const why = given.trim() === '' ? 'nothing' : `what is none (${(error as Error).message})`;
    throw new CommandError(`Expected ${option} to be JSON, got ${why}`, EXIT.usage);
  }
}

async function textFrom(option: string, source: string): Promise<string> {
  if (source === '-') return await text(process.stdin);
  if (!source.startsWith('@')) return source;
  try {
    return readFileSync(source.slice(1), 'utf8');
  } catch (error) {
    throw new CommandError(`Expected ${option} to name a file: ${(error as Error).message}`, EXIT.usage);
  }
}
