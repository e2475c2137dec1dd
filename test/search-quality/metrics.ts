/** What a document is worth for a query, by id: 2 answers it, 1 is related; what is not named is worth nothing. */
export type Judgments = Readonly<Record<string, number>>;

/**
 * Normalised discounted cumulative gain of the first `depth` hits: each adds (2^grade - 1) / log2(rank + 1), divided by
 * what the best possible order would add up to. From 0 to 1.
 *
 * @see Järvelin, Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques"; the exponential gain is that of
 *   Burges et al. 2005
 */
export function ndcg(ranking: readonly string[], judgments: Judgments, depth: number): number {
  const gain = (grades: readonly number[]): number =>
    grades.slice(0, depth).reduce((sum, grade, at) => sum + (2 ** grade - 1) / Math.log2(at + 2), 0);
  const ideal = gain(Object.values(judgments).sort((a, b) => b - a));
  return ideal === 0 ? 0 : gain(ranking.map((id) => judgments[id] ?? 0)) / ideal;
}

/**
 * The mean, over all relevant documents, of the precision at the place where each is found; 0 for one that is not. Of
 * any grade above 0 a document is relevant. From 0 to 1; its mean over queries is known as MAP.
 */
export function averagePrecision(ranking: readonly string[], judgments: Judgments): number {
  const relevant = Object.values(judgments).filter((grade) => grade > 0).length;
  let [found, sum] = [0, 0];
  for (const [at, id] of ranking.entries()) {
    if ((judgments[id] ?? 0) > 0) sum += ++found / (at + 1);
  }
  return relevant === 0 ? 0 : sum / relevant;
}
