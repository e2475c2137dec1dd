import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Hooks, type SettledHook } from '../../dist/engine/hooks.js';
import type { SettledRecord } from '../../dist/engine/task-record.js';
import { ManualClock } from '../support/manual-clock.js';

const record = (id: string): SettledRecord => ({ id }) as SettledRecord;

/** Hooks whose next turn comes when the test says so. */
function turned() {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const turns: (() => void)[] = [];
  const hooks = new Hooks(
    clock,
    (error) => errors.push(error),
    (fire) => void turns.push(fire),
  );
  const turn = (): void => {
    for (const fire of turns.splice(0)) fire();
  };
  return { clock, errors, turns, hooks, turn };
}

describe('hooks', () => {
  it('are each called once for each task, in order, whatever they cost and whenever their turns come', () => {
    const firing = fc.record({ own: fc.nat(2), ofType: fc.boolean(), turns: fc.nat(2), late: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(firing, { maxLength: 20 }),
        fc.array(fc.nat(8), { minLength: 1 }),
        fc.nat(3),
        (all, costs, ofAll) => {
          const { clock, hooks, turns, turn, errors } = turned();
          const called: string[] = [];
          const expected: string[] = [];
          const hook =
            (who: string): SettledHook =>
            ({ id }) => {
              called.push(`${who} of ${id}`);
              clock.advance(costs[called.length % costs.length] as number);
            };
          for (let at = 0; at < ofAll; at++) hooks.add(hook(`all ${at}`));
          for (const [at, { own, ofType, turns: passing, late }] of all.entries()) {
            const id = `task ${at}`;
            const ofTask = Array.from({ length: own }, (_, index) => hook(`own ${index}`));
            expected.push(...ofTask.map((_, index) => `own ${index} of ${id}`));
            if (ofType) expected.push(`type of ${id}`);
            expected.push(...Array.from({ length: ofAll }, (_, index) => `all ${index} of ${id}`));
            hooks.fire(record(id), ofTask, ofType ? hook('type') : null);
            for (let pass = 0; pass < passing; pass++) turn();
            if (late) hooks.catchUp();
            expect(called).toEqual(expected.slice(0, called.length));
            expect(hooks.due).toBe(expected.length - called.length);
            // Whatever is due has a turn coming.
            if (hooks.due > 0) expect(turns.length).toBeGreaterThan(0);
          }
          while (hooks.due > 0) turn();
          expect(called).toEqual(expected);
          expect(errors).toEqual([]);
        },
      ),
    );
  });

  it('have five milliseconds of a turn, and at least one of them is called in each', () => {
    const { clock, hooks, turn } = turned();
    const called: number[] = [];
    const costs = [1, 3, 2, 50, 0, 4, 4, 4];
    const own = costs.map((costMs, at): SettledHook => () => {
      called.push(at);
      clock.advance(costMs);
    });
    hooks.fire(record('a'), own, null);
    const upTo = [called.length];
    while (hooks.due > 0) {
      turn();
      upTo.push(called.length);
    }
    expect(upTo).toEqual([3, 4, 7, 8]);
  });

  it('of a task that settles in the middle of a call come after all others that are due', () => {
    const { hooks } = turned();
    const called: string[] = [];
    const note =
      (what: string): SettledHook =>
      () =>
        void called.push(what);
    hooks.fire(
      record('a'),
      [
        () => {
          called.push('outer begins');
          hooks.fire(record('b'), [note('inner')], null);
          expect(hooks.catchUp()).toBe(0);
          called.push('outer ends');
        },
        note('second'),
      ],
      null,
    );
    expect(called).toEqual(['outer begins', 'outer ends', 'second', 'inner']);
  });

  it('cost no turn where nobody is to be called', () => {
    const { hooks, turns } = turned();
    hooks.fire(record('a'), [], null);
    expect([turns.length, hooks.due, hooks.catchUp()]).toEqual([0, 0, 0]);
  });

  it('are all called when asked to wait for that, also those that settle others', async () => {
    const clock = new ManualClock();
    const hooks = new Hooks(clock, () => {});
    let left = 30;
    const again: SettledHook = () => {
      clock.advance(6);
      if (--left > 0) hooks.fire(record('next'), [again], null);
    };
    hooks.fire(record('first'), [again], null);
    await hooks.allCalled();
    expect([left, hooks.due]).toEqual([0, 0]);
  });
});
