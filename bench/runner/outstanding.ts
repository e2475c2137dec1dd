/**
 * Calls `one` for 0 to `count`, so that always `outstanding` of the calls are on their way. Resolves to the
 * milliseconds that all of them took.
 */
export async function keepOutstanding(
  count: number,
  outstanding: number,
  one: (at: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: Math.min(outstanding, count) }, lane));
  return performance.now() - startedAt;
}
