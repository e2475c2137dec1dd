import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { TASK_STATUSES } from '../engine/task-record.js';
import { TreadleError } from '../engine/errors.js';
import { durationMs, integer } from './arguments.js';
import { CommandError, EXIT } from './command-error.js';
import type { OperateOptions, Operator } from './operate/operator.js';
import type { ListedOptions } from './operate/ps.js';
import type { RerunFlags } from './operate/rerun.js';
import type { SubmitFlags } from './operate/submit.js';
import { PEERS, checkPeers } from './peers.js';
import { Output } from './print/output.js';
import type { ServeOptions } from './serve/serve.js';

const DEFAULT_URL = 'http://127.0.0.1:3000';

/**
 * Runs what the arguments ask for.
 *
 * @param args without the program itself.
 * @returns the code that the process exits with.
 * @throws CommandError
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  process.stdout.on('error', leave);
  const program = programOf((given) => (code = given));
  try {
    await program.parseAsync(withIdsLast(args), { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said already what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof TreadleError) throw new CommandError(error.message);
    throw error;
  }
}

/** Whoever read this has gone, as `head` does, or there is no room for it: nothing more to say. */
function leave({ code, message }: NodeJS.ErrnoException): never {
  if (code === 'EPIPE') process.exit(EXIT.ok);
  process.stderr.write(`treadle: ${message}\n`);
  process.exit(EXIT.failed);
}

function programOf(end: (code: number) => void): Command {
  const output = new Output();
  const program = new Command('treadle')
    .description('Serves heavy tasks over HTTP, and operates a server that does.')
    .version(versionOfPackage())
    .exitOverride()
    .showHelpAfterError('(--help tells more)');

  program
    .command('serve')
    .description('serve the task API over a store of memories and its four tasks')
    .requiredOption('--db <file>', 'the database of the store; made where there is none')
    .option('--port <port>', 'where to listen; 0 for any that is free', integer(0, 65_535), 3_000)
    .option('--host <host>', 'the address to listen on', '127.0.0.1')
    .addOption(
      new Option(
        '--api-key <key>',
        'what callers must know, 16 characters or more; TREADLE_API_KEY keeps it out of process lists',
      ).env('TREADLE_API_KEY'),
    )
    .option('--allow-unauthenticated', 'serve whoever can reach it without a key')
    .option('--threads <n>', 'how many worker threads (default: as many as cores)', integer(1, 1_024))
    .option('--concurrency <n>', 'how many tasks at once (default: 16, or 4 for each thread)', integer(1))
    .addOption(
      new Option('--grace <duration>', 'how long running tasks may go on when the server ends')
        .argParser(durationMs)
        .default(30_000, '30s'),
    )
    .action(async (options: ServeOptions) => {
      checkPeers('treadle serve', PEERS.serve);
      // A server goes on when nobody reads any more what it prints.
      process.stdout.off('error', leave).on('error', () => {});
      const { serve } = await import('./serve/serve.js');
      end(await serve({ ...options, apiKey: options.apiKey === '' ? undefined : options.apiKey }, output));
    });

  operating('ps', 'what is in progress and what waits, by type')
    .option('--status <status>', `only tasks that are so: ${TASK_STATUSES.join(', ')}`)
    .option('--type <type>', 'only tasks of this type')
    .option('--group <group>', 'only tasks of this group')
    .option('--owner <owner>', 'only tasks of this owner')
    .option('--all', 'settled tasks too')
    .option('--limit <n>', 'how many tasks at most', integer(1, 200), 20)
    .option('--watch', 'go on, and show what changes')
    .action(async (options: OperateOptions & ListedOptions) => {
      const operator = await operatorOf(options);
      const { ps } = await import('./operate/ps.js');
      end(await ps(operator, options));
    });
  operating('threads', 'what each thread works on, and whether it shows signs of life')
    .option('--owner <owner>', 'only what this owner may see')
    .option('--watch', 'go on, and show what changes')
    .action(async (options: OperateOptions & { owner?: string }) => {
      const operator = await operatorOf(options);
      const { threads } = await import('./operate/threads.js');
      end(await threads(operator, options));
    });
  operating('show', 'all that is known of a task')
    .argument('<id>')
    .option('--watch', 'go on until it has settled')
    .action(async (id: string, options: OperateOptions) => {
      const operator = await operatorOf(options);
      const { show } = await import('./operate/show.js');
      end(await show(operator, id));
    });
  operating('cancel', 'ask tasks to stop')
    .argument('<id...>')
    .action(async (ids: string[], options: OperateOptions) => {
      const operator = await operatorOf(options);
      const { cancel } = await import('./operate/cancel.js');
      end(await cancel(operator, ids));
    });
  for (const word of ['pause', 'resume'] as const) {
    operating(word, word === 'pause' ? 'let no further work begin' : 'go on after a pause').action(
      async (options: OperateOptions) => {
        const operator = await operatorOf(options);
        const { pauseOrResume } = await import('./operate/pause.js');
        end(await pauseOrResume(operator, word));
      },
    );
  }
  operating('rerun', 'run a failed task again, as a new one; prints its id')
    .argument('<id>')
    .option('--only-failed', 'only the items that failed')
    .action(async (id: string, options: OperateOptions & RerunFlags) => {
      const operator = await operatorOf(options);
      const { rerun } = await import('./operate/rerun.js');
      end(await rerun(operator, id, options));
    });
  operating('submit', 'submit a task; prints its id')
    .argument('<type>')
    .option('--input <json>', 'its input as JSON; @file reads it from a file, - from standard input')
    .option('--items <json>', 'the items to work on, in the same way')
    .option('--resource-id <id>', 'what it works on: another on it meanwhile is a duplicate')
    .option('--group <group>', 'what it belongs to')
    .option('--priority <n>', 'from -5 to 5; higher goes first', integer(-5, 5))
    .option('--wait', 'until it has settled, and show it')
    .action(async (type: string, options: OperateOptions & SubmitFlags) => {
      const operator = await operatorOf(options);
      const { submit } = await import('./operate/submit.js');
      end(await submit(operator, type, options));
    });
  return program;

  function operating(name: string, description: string): Command {
    return program
      .command(name)
      .description(description)
      .addOption(new Option('--url <url>', 'where the server is').env('TREADLE_URL').default(DEFAULT_URL))
      .addOption(new Option('--key <key>', 'what the server asks for').env('TREADLE_API_KEY'))
      .option('--json', 'print JSON');
  }

  async function operatorOf(options: OperateOptions): Promise<Operator> {
    checkPeers(`treadle ${program.args[0] ?? ''}`.trim(), PEERS.operate);
    const { Operator: Loaded } = await import('./operate/operator.js');
    return new Loaded(options, output);
  }
}

const ID_COMMANDS: ReadonlySet<string | undefined> = new Set(['show', 'cancel', 'rerun']);
const TAKES_VALUE: ReadonlySet<string | undefined> = new Set(['--url', '--key']);

/** One id in 64 begins with a hyphen, and would be taken for an option. */
function withIdsLast(args: readonly string[]): string[] {
  const [command] = args;
  if (!ID_COMMANDS.has(command) || args.includes('--')) return [...args];
  const isId = (arg: string, at: number): boolean => /^-[\w-]{20}$/.test(arg) && !TAKES_VALUE.has(args[at - 1]);
  const ids = args.filter(isId);
  return ids.length === 0 ? [...args] : [...args.filter((arg, at) => !isId(arg, at)), '--', ...ids];
}

function versionOfPackage(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
