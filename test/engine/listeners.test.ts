import { describe, expect, it } from 'vitest';
import { createTestManager } from '../support/test-manager.js';

const echo = { input: { action: 'echo', value: 1 } } as const;

function fail(): never {
  throw new Error('a listener failed');
}

describe('a listener that throws', () => {
  it('keeps no other one from the event, and each error is told', async () => {
    const tasks = createTestManager();
    const heard: string[] = [];
    const errors: unknown[] = [];
    tasks.on('listenerError', (error) => errors.push(error));
    tasks.on('completed', fail).once('completed', fail);
    tasks.on('completed', ({ id }) => heard.push(id));
    const first = await tasks.submit('fault', echo);
    await first.settled();
    const second = await tasks.submit('fault', echo);
    await second.settled();
    expect(heard).toEqual([first.id, second.id]);
    expect(errors).toEqual([expect.any(Error), expect.any(Error), expect.any(Error)]);
  });

  it('of errors keeps the warning', async () => {
    const tasks = createTestManager();
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    tasks.on('listenerError', () => {
      throw new Error('the one of errors too');
    });
    tasks.on('completed', fail);
    await (await tasks.submit('fault', echo)).settled();
    expect((await warned).message).toContain('a listener failed');
  });
});

describe('a listener', () => {
  it('is called with its context, is listed as it was given, and goes when it is taken off', async () => {
    const tasks = createTestManager();
    const calls: unknown[] = [];
    const context = { name: 'mine' };
    function note(this: unknown): void {
      calls.push(this);
    }
    tasks.on('completed', note, context).addListener('submitted', note).once('completed', note);
    expect(tasks.listeners('completed')).toEqual([note, note]);
    await (await tasks.submit('fault', echo)).settled();
    expect(calls).toEqual([tasks, context, tasks]);
    expect(tasks.listenerCount('completed')).toBe(1);
    tasks.off('completed', note).removeListener('submitted', note);
    expect(tasks.eventNames()).toEqual([]);
  });

  it('that is no function is refused', () => {
    const tasks = createTestManager();
    expect(() => tasks.on('completed', 'note' as never)).toThrow(TypeError);
  });
});
