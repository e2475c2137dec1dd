import { expectTypeOf, it } from 'vitest';
import { type Cell, type Moment, type Scenario, impossible } from '../support/fault-matrix.js';

const cell = impossible('not here');

it('a row that misses a moment is a type error', () => {
  const cells = { pending: cell, plan: cell, run: cell, finish: cell, cleanup: cell, cancelling: cell };
  expectTypeOf<{ row: string; cells: typeof cells }>().not.toExtend<Scenario>();
  expectTypeOf<{ row: string; cells: typeof cells & { closing: Cell } }>().toExtend<Scenario>();
  expectTypeOf<keyof Scenario['cells']>().toEqualTypeOf<Moment>();
});
