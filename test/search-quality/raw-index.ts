import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';

/** Plain FTS5 in memory, as anybody would set it up. */
export interface RawIndex {
  /** Ids and scores (the lower the better, as FTS5 has them), best first. */
  find(match: string, limit: number): { id: number; rank: number }[];
}

/**
 * Indexes rows by id, each with its columns in the order of `columns`.
 *
 * @param weights of the columns in BM25. @default 1 each
 */
export function rawIndex(
  columns: readonly string[],
  tokenizer: string,
  rows: Iterable<readonly [id: number, ...columns: string[]]>,
  weights: readonly number[] = columns.map(() => 1),
): RawIndex {
  const db = new Database(':memory:');
  onTestFinished(() => void db.close());
  db.exec(`CREATE VIRTUAL TABLE raw USING fts5(${columns.join(', ')}, tokenize = '${tokenizer}')`);
  const insert = db.prepare(`INSERT INTO raw (rowid, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})`);
  for (const row of rows) insert.run(...row);
  const find = db.prepare(
    `SELECT rowid AS id, bm25(raw, ${weights.map((weight) => weight.toFixed(1)).join(', ')}) AS rank
     FROM raw WHERE raw MATCH ? ORDER BY 2, rowid LIMIT ?`,
  );
  return { find: (match, limit) => find.all(match, limit) as { id: number; rank: number }[] };
}
