import { type Stats, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

/** How a file was when it was first looked at: threads that read it later must find the same one. */
export interface FileStamp {
  readonly path: string;
  readonly bytes: number;
  /** Its time of modification, epoch ms with fractions. */
  readonly modifiedMs: number;
}

/** Null where there is no such file. */
export function stampOf(path: string): FileStamp | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true ? { path, bytes: stats.size, modifiedMs: stats.mtimeMs } : null;
}

/** @throws Error when the file is another than at first. */
export function checkUnchanged({ path, bytes, modifiedMs }: FileStamp, stats: Pick<Stats, 'size' | 'mtimeMs'>): void {
  if (stats.size === bytes && stats.mtimeMs === modifiedMs) return;
  throw fileChanged(path);
}

export function fileChanged(path: string): Error {
  return new Error(`${path} has changed since staticModel() looked at it: call staticModel() again for the new model`);
}

/** All of a file, provided that it is still the same. @throws Error when it has changed. */
export async function readUnchanged(stamp: FileStamp): Promise<Buffer> {
  const content = await readFile(stamp.path);
  checkUnchanged(stamp, await stat(stamp.path));
  if (content.length !== stamp.bytes) throw fileChanged(stamp.path);
  return content;
}
