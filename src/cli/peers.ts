import { CommandError } from './command-error.js';

/** What a command needs beside Treadle's own dependencies. */
export const PEERS = {
  serve: [
    'better-sqlite3',
    'hono',
    '@hono/zod-openapi',
    'zod',
    '@hono/node-server',
    'rate-limiter-flexible',
    'prom-client',
  ],
  operate: ['eventsource-parser', 'cli-table3', 'log-update'],
} as const;

/** @throws CommandError that says what to install, where something of it is not there. */
export function checkPeers(command: string, names: readonly string[]): void {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const list = missing.join(' ');
  throw new CommandError(`${command} needs what is not installed: npm i ${list}`);
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
