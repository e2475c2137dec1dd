import { TreadleError } from 'treadle';
import { expect, it } from 'vitest';
import { FailedItemList, MAX_FAILED_ITEMS } from '../../dist/engine/failed-items.js';

const failure = (cause: unknown): TreadleError => new TreadleError('TASK_FAILED', 'Item failed', { cause });

it('names the first fifty that were found, by index, and counts all', () => {
  const list = new FailedItemList();
  for (let index = 9_999; index >= 0; index--) {
    if (list.full) list.addMore(1);
    else list.add(index, failure(new RangeError(`item ${index}`)));
  }
  const { count, items } = list.snapshot();
  expect(count).toBe(10_000);
  expect(items.map(({ index }) => index)).toEqual(Array.from({ length: MAX_FAILED_ITEMS }, (_, at) => 9_950 + at));
  expect(items[0]?.error).toEqual({ code: 'TASK_FAILED', name: 'RangeError', message: 'item 9950', causeCode: null });
});

it('names no more when more are added, and a snapshot stays what it was', () => {
  const list = new FailedItemList();
  for (let index = 0; index < MAX_FAILED_ITEMS + 5; index++) list.add(index, failure(new Error('x')));
  const before = list.snapshot();
  list.add(1_000, failure(new Error('y')));
  expect(before).toMatchObject({ count: MAX_FAILED_ITEMS + 5 });
  expect([before.items.length, list.snapshot().items.length, list.count]).toEqual([50, 50, MAX_FAILED_ITEMS + 6]);
  expect(Object.isFrozen(before) && Object.isFrozen(before.items) && Object.isFrozen(before.items[0])).toBe(true);
});

it('keeps no secret of an error, and not much of a long one', () => {
  const list = new FailedItemList();
  list.add(0, failure(new Error('https://me:hunter2@example.org/a failed')));
  list.add(1, failure(Object.assign(new Error('no '.repeat(1_000)), { code: 'E_LONG' })));
  const [first, second] = list.snapshot().items;
  expect(first?.error.message).not.toContain('hunter2');
  expect(second?.error.message).toHaveLength(500 + '...[truncated]'.length);
  expect(second?.error.causeCode).toBe('E_LONG');
});
