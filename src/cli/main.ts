#!/usr/bin/env node
import { CommandError } from './command-error.js';
import { checkPeers } from './peers.js';

// Treadle can be installed without what its command line needs, so all of that is loaded once it is known to be there.
try {
  checkPeers('treadle', ['commander']);
  const { runCommandLine } = await import('./command-line.js');
  process.exitCode = await runCommandLine(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
