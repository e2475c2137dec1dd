/** What the person who typed the command did wrong. */
export class UsageError extends Error {}

/**
 * Runs a command and sets the exit code of the process: what `main` returns, 2 for an error. Errors are shown as a line,
 * with the usage where the command line was at fault.
 *
 * @param {string} usage
 * @param {() => Promise<number>} main
 */
export async function runCommand(usage, main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error.message);
    if (isUsage(error)) console.error(usage);
    process.exitCode = 2;
  }
}

function isUsage(error) {
  return (
    error instanceof UsageError || error.code === 'INVALID_ARGUMENT' || String(error.code).startsWith('ERR_PARSE_ARGS')
  );
}
