import { CommandError, EXIT } from '../command-error.js';
import { count } from '../print/figures.js';
import type { Operator } from './operator.js';

/** Lets no further work begin, or go on. @returns the code that the process exits with. */
export async function pauseOrResume(operator: Operator, word: 'pause' | 'resume'): Promise<number> {
  const { json, output } = operator;
  const stats = await operator.ask((client) => client[word]());
  if (stats.paused !== (word === 'pause'))
    throw new CommandError('The server is closing, and finishes what it has begun');
  const { running, cancelling, pending } = stats;
  const counts = `${count(running + cancelling)} in progress, ${count(pending)} pending`;
  if (json) output.json(stats, 2);
  else output.line(`${stats.paused ? 'Paused' : 'Resumed'}: ${counts}`);
  return EXIT.ok;
}
