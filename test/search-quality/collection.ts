import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Judgments } from './metrics.js';

/** How a query is put: what makes it hard. */
export type QueryKind = 'keyword' | 'question' | 'inflected' | 'typo' | 'compound' | 'order' | 'paraphrase';

export interface JudgedQuery {
  readonly id: string;
  readonly kind: QueryKind;
  readonly text: string;
  readonly relevant: Judgments;
  /** Weights and defaults were chosen by the `tune` queries alone; `held-out` ones only measure them. */
  readonly split: 'tune' | 'held-out';
}

/** Documents of many topics, and queries with what a person judged to answer them. */
export interface Collection {
  readonly documents: ReadonlyMap<string, string>;
  readonly queries: readonly JudgedQuery[];
}

interface Topic {
  documents: Record<string, string>;
  queries: Omit<JudgedQuery, 'split'>[];
}

/** Reads the collection; its topics are files of a folder. */
export function readCollection(): Collection {
  const folder = fileURLToPath(new URL('./collection/', import.meta.url));
  const topics = readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(folder + name, 'utf8')) as Topic);
  return {
    documents: new Map(topics.flatMap(({ documents }) => Object.entries(documents))),
    queries: topics.flatMap(({ queries }) => queries.map((query) => ({ ...query, split: splitOf(query.id) }))),
  };
}

/** By the first byte of the hash of its id: nobody chooses where a query goes, and adding one moves no other. */
function splitOf(id: string): 'tune' | 'held-out' {
  return (createHash('sha256').update(id).digest()[0] as number) % 2 === 0 ? 'tune' : 'held-out';
}
