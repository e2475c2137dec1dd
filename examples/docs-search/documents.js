import { opendir, readFile, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** What is read. Everything else in a folder is passed by. */
export const EXTENSIONS = ['.md', '.txt', '.html'];

// Longer files are data more often than documents.
const MAX_FILE_BYTES = 2 * 1024 * 1024;

/**
 * The paths of all documents in a folder and the folders in it, sorted. Symbolic links are not followed, so there is no
 * way round in circles; what begins with a dot and `node_modules` are left out.
 *
 * @param {string} folder
 * @param {AbortSignal} signal
 * @param {(path: string, why: string) => void} onSkipped called for a folder that can't be read
 */
export async function findDocuments(folder, signal, onSkipped) {
  const paths = [];
  // The folder itself has to be readable, those in it do not.
  const waiting = [await realpath(folder)];
  for (const next of waiting) {
    try {
      for await (const entry of await opendir(next)) {
        signal.throwIfAborted();
        if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
        const path = join(next, entry.name);
        if (entry.isDirectory()) waiting.push(path);
        else if (entry.isFile() && EXTENSIONS.includes(extname(path).toLowerCase())) paths.push(path);
      }
    } catch (error) {
      if (signal.aborted || next === waiting[0]) throw error;
      onSkipped(next, error.message);
    }
  }
  return paths.sort();
}

/**
 * The text of a document. Throws with a reason for people where it can't be read or is no text.
 *
 * @param {string} path
 */
export async function readDocument(path) {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new Error(`${size} bytes are more than ${MAX_FILE_BYTES}`);
  const text = new TextDecoder().decode(await readFile(path));
  if (text.includes('\0')) throw new Error('not UTF-8 text');
  return text.replaceAll('\r\n', '\n');
}
