import { badModel } from './bad-model.js';
import type { SharedTable } from './shared-table.js';
import { type StaticPlan, plannedTokens } from './model-plan.js';
import { type AddRows, numberReader, rowAdder } from './table-numbers.js';

/** The vectors of a model by token, read from a complete table. */
export class TokenVectors {
  /** How many tokens have a vector. */
  readonly tokens: number;
  readonly #path: string;
  readonly #addRows: AddRows;
  readonly #weightOf: ((token: number) => number) | null;
  readonly #rowOf: ((token: number) => number) | null;
  readonly #sum: Float64Array;

  /** @throws TreadleError INVALID_ARGUMENT when a token is mapped to no vector. */
  constructor(plan: StaticPlan, table: SharedTable) {
    const { vectors, weights, mapping, dimensions } = plan;
    const { buffer } = table;
    this.tokens = plannedTokens(plan);
    this.#path = plan.model.path;
    this.#addRows = rowAdder(vectors, buffer, table.placeOf(vectors));
    this.#weightOf = weights && numberReader(weights, buffer, table.placeOf(weights));
    this.#rowOf = mapping && numberReader(mapping, buffer, table.placeOf(mapping));
    this.#sum = new Float64Array(dimensions);
    for (let token = 0; this.#rowOf !== null && token < this.tokens; token++) {
      const row = this.#rowOf(token);
      if (row >= 0 && row < vectors.rows) continue;
      throw badModel(plan.model.path, `tensor "mapping" sends token ${token} to row ${row} of ${vectors.rows}`);
    }
  }

  /**
   * Writes the mean of the tokens' vectors, made length 1, into `vector`; without tokens it is left as it is.
   *
   * @throws TreadleError INVALID_ARGUMENT when the table has no real numbers for them.
   */
  mean(tokens: readonly number[], vector: Float32Array): void {
    const sum = this.#sum.fill(0);
    const rows = this.#rowOf === null ? tokens.slice() : tokens.map(this.#rowOf);
    const weights = tokens.map(this.#weightOf ?? ((): number => 1));
    while (rows.length % 4 !== 0) {
      rows.push(rows[0] as number);
      weights.push(0);
    }
    // It is not divided by their number: the length becomes 1 anyway.
    this.#addRows(sum, rows, weights);
    let squares = 0;
    for (let at = 0; at < sum.length; at++) squares += (sum[at] as number) ** 2;
    if (squares === 0) return;
    if (!Number.isFinite(squares)) throw badModel(this.#path, 'its vectors hold infinities, or NaN');
    const scale = 1 / Math.sqrt(squares);
    for (let at = 0; at < sum.length; at++) vector[at] = (sum[at] as number) * scale;
  }
}
