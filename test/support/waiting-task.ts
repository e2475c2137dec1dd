import { expect } from 'vitest';
import { createTestManager } from './test-manager.js';

/** For arguments that the types would refuse. */
export const untyped = (value: unknown): never => value as never;

/** A paused manager with one task in its queue. `unchanged` checks that there still is just that. */
export async function oneWaiting() {
  const made: string[] = [];
  const id = (): string => {
    made.push(`id ${made.length}`);
    return made.at(-1) as string;
  };
  const tasks = createTestManager({ id });
  tasks.pause();
  const waiting = await tasks.submit('fault', { input: { action: 'echo' }, owner: 'me', group: 'g', resourceId: 'r' });
  const state = (): unknown => ({
    stats: tasks.stats(),
    records: tasks.list(),
    made: [...made],
    record: waiting.record,
  });
  const before = state();
  return {
    tasks,
    waiting,
    submit: (options: unknown) => tasks.submit('fault', untyped(options)),
    unchanged: (): void => expect(state()).toEqual(before),
  };
}
