import { expect, it } from 'vitest';
import { FieldIndex } from '../../dist/engine/field-index.js';

it('keeps nothing of what no task has any more', () => {
  const index = new FieldIndex<{ order: number }>(['owner', 'type']);
  const ann = { owner: 'ann', type: 'digest' };
  const first = index.add({ order: 0 }, ann, 0);
  const second = index.add({ order: 1 }, ann, 1);
  expect(index.add({ order: 2 }, { owner: null, type: 'digest' }, 0)).toBeNull();
  expect(index.tree(ann)?.newest(Infinity, 1)).toBe(second);
  if (first !== null) index.remove(first, ann, 0);
  expect(index.tree(ann)?.newest(1, 1)).toBeNull();
  if (second !== null) index.remove(second, ann, 1);
  expect(index.tree(ann)).toBeUndefined();
});
