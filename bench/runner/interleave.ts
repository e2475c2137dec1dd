/** Measures one contestant once: resolves to the number that is compared. Rejects when a result was wrong. */
export type Measure = () => Promise<number>;

/**
 * Runs all contestants once in each round, each round in another order, so that a slow minute of the machine hits
 * them alike. One more run of each goes before, and is not counted.
 */
export async function interleave<Name extends string>(
  contestants: Readonly<Record<Name, Measure>>,
  rounds: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[];
  const samples = Object.fromEntries(names.map((name): [string, number[]] => [name, []])) as Record<Name, number[]>;
  for (const name of names) await contestants[name]();
  for (let round = 0; round < rounds; round++) {
    for (const at of names.keys()) {
      const name = names[(at + round) % names.length] as Name;
      samples[name].push(await contestants[name]());
    }
  }
  return samples;
}
