import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Cut, itemSource } from '../../dist/engine/item-source.js';

/** An iterator that counts what is asked of it. */
export function counted<Item>(items: Iterable<Item>, { throwAt = Infinity }: { throwAt?: number } = {}) {
  const calls = { next: 0, return: 0 };
  const inner = items[Symbol.iterator]();
  const next = (): IteratorResult<Item> => {
    if (calls.next++ === throwAt) throw new RangeError('the iterator broke');
    return inner.next();
  };
  const end = (): IteratorResult<Item> => {
    calls.return++;
    return { done: true, value: undefined };
  };
  const sync: Iterable<Item> = { [Symbol.iterator]: () => ({ next, return: end }) };
  const async: AsyncIterable<Item> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        await turn();
        return next();
      },
      return: async () => end(),
    }),
  };
  return { calls, sync, async };
}

export function opened(items: Parameters<typeof itemSource>[0]) {
  let wake: () => void = () => {};
  const seen = { ready: 0, errors: [] as unknown[] };
  const source = itemSource(items, {
    onReady: () => {
      seen.ready++;
      wake();
    },
    onError: (error) => {
      seen.errors.push(error);
      wake();
    },
  });
  /** Takes a cut, waiting where none is at hand; null at the end. */
  const take = async (count: number): Promise<Cut | null> => {
    for (;;) {
      const before = seen.ready + seen.errors.length;
      const cut = source.take(count);
      if (cut !== null || source.exhausted || seen.errors.length > 0) return cut;
      if (seen.ready + seen.errors.length === before) await new Promise<void>((resolve) => void (wake = resolve));
    }
  };
  return { source, seen, take };
}

const itemsOf = (cut: Cut): readonly unknown[] =>
  cut.items ?? Array.from({ length: cut.to - cut.from }, (_, at) => cut.from + at + (cut.offset ?? 0));

export async function drain({ source, take }: ReturnType<typeof opened>, sizes: readonly number[]): Promise<unknown[]> {
  const got: unknown[] = [];
  for (let chunk = 0; ; chunk++) {
    const size = sizes[chunk % sizes.length] as number;
    const cut = await take(size);
    if (cut === null) return got;
    expect(cut.from).toBe(got.length);
    const items = itemsOf(cut);
    expect(items.length).toBe(cut.to - cut.from);
    expect(items.length).toBeGreaterThan(0);
    expect(items.length).toBeLessThanOrEqual(size);
    got.push(...items);
    expect(source.total === null || source.rest === source.total - cut.to).toBe(true);
  }
}
