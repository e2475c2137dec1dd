import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Command, type CommandOptions } from './command.js';

/** A folder of its own, removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A server that `treadle serve` started. */
export interface ServedStore {
  readonly command: Command;
  readonly url: string;
  /** The path of its database. */
  readonly db: string;
}

/** Starts `treadle serve` over a new store, on a port that is free. */
export async function serveStore(args: readonly string[] = [], options: CommandOptions = {}): Promise<ServedStore> {
  const db = join(temporaryFolder(), 'memories.db');
  const command = new Command(['serve', '--db', db, '--port', '0', '--threads', '2', ...args], options);
  const [, url = ''] = await command.printed(/^Listening on (http:\S+)$/m);
  return { command, url, db };
}
