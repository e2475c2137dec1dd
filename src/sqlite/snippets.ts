import Database, { type Statement } from 'better-sqlite3';
import { invalidArgument } from '../engine/errors.js';
import { type Snippet, beginningOf, clipped, markedSnippet } from './snippet-text.js';

/** A hit, and what its content columns hold. */
export interface SnippetRow<Id> {
  readonly id: Id;
  /** One for each column that {@link Snippets} was made for, in the same order; null counts as empty. */
  readonly texts: readonly (string | null)[];
}

/** The most words of a snippet: FTS5 makes no longer ones. */
export const MAX_SNIPPET_WORDS = 64;

// How much of a text is looked into, in UTF-16 code units: a snippet is made while somebody waits for it.
const MAX_TEXT_LENGTH = 100_000;

// Noncharacters, which no text should have, and those that have them lose them: where a highlight begins and ends, and
// where text was left out.
const OPEN = '\uFDD0';
const CLOSE = '\uFDD1';
const CUT = '\uFDD2';

// Besides these, NUL, which would end FTS5's answer, and halves of surrogate pairs, which have no UTF-8.
const UNWANTED = /[\0\p{Cs}\uFDD0-\uFDD2]/gu;

const TABLE = 'treadle_hits';

/**
 * Makes snippets of hits: the part of each that fits the query best, and which words of it match. FTS5 does that itself,
 * by its own tokenizer, but a contentless index has no texts to cut. So the texts of the few hits are indexed once more,
 * in memory. Costs about 40 µs for each kilobyte of text.
 */
export class Snippets {
  readonly #tokenizer: string;
  readonly #columns: readonly string[];
  #work: ((match: string, texts: readonly string[][], words: number) => Map<number, string>) | null = null;
  #db: Database.Database | null = null;

  /**
   * @param tokenizer as in `tokenize = '…'` of the index that found the hits.
   * @param columns the names of its content columns, which a match expression may speak of.
   */
  constructor(tokenizer: string, columns: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#columns = columns;
  }

  /**
   * A snippet for each row. The best column is shown; of a row that does not match (one that a vector found), the
   * beginning of its first column that has text.
   *
   * @param match an FTS5 expression over the content columns alone; null matches nothing.
   * @param words about so many words a snippet, an integer from 1 to 64. Only the first 100,000 UTF-16 code units of each
   *   text are looked into, and a snippet has at most 16 × `words` of them however long its words are.
   * @throws TreadleError INVALID_ARGUMENT
   * @throws SqliteError when `match` is no valid expression.
   */
  of<Id>(match: string | null, rows: readonly SnippetRow<Id>[], words: number): Map<Id, Snippet> {
    if (!Number.isSafeInteger(words) || words < 1 || words > MAX_SNIPPET_WORDS) {
      throw invalidArgument('words', `an integer from 1 to ${MAX_SNIPPET_WORDS}`, words);
    }
    const texts = rows.map((row) => this.#columns.map((_, column) => cleaned(row.texts[column] ?? '')));
    const found = match === null || rows.length === 0 ? new Map<number, string>() : this.#find(match, texts, words);
    const limit = words * 16;
    return new Map(
      rows.map(({ id }, at) => {
        const marked = found.get(at);
        const text = texts[at]?.find((candidate) => candidate.trim() !== '') ?? '';
        const snippet = marked === undefined ? beginningOf(text, words) : markedSnippet(marked, [OPEN, CLOSE, CUT]);
        return [id, clipped(snippet, limit)];
      }),
    );
  }

  /** Gives back the memory it holds. It may be used again. */
  close(): void {
    this.#db?.close();
    this.#db = null;
    this.#work = null;
  }

  #find(match: string, texts: readonly string[][], words: number): Map<number, string> {
    this.#work ??= this.#open();
    return this.#work(match, texts, words);
  }

  #open(): (match: string, texts: readonly string[][], words: number) => Map<number, string> {
    const db = new Database(':memory:');
    const columns = this.#columns.map((name) => `"${name.replaceAll('"', '""')}"`);
    db.exec(
      `CREATE VIRTUAL TABLE ${TABLE} USING fts5(${columns.join(', ')}, tokenize = '${this.#tokenizer.replaceAll("'", "''")}')`,
    );
    this.#db = db;
    const begin = db.prepare('BEGIN');
    const insert = db.prepare(
      `INSERT INTO ${TABLE} (rowid, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})`,
    );
    const find: Statement = db
      .prepare(
        `SELECT rowid, snippet(${TABLE}, -1, '${OPEN}', '${CLOSE}', '${CUT}', ?) FROM ${TABLE} WHERE ${TABLE} MATCH ?`,
      )
      .raw();
    // Taking back is quicker than deleting, which would cut each text into words once more.
    const rollback = db.prepare('ROLLBACK');
    return (match, texts, words) => {
      begin.run();
      try {
        for (const [row, ofRow] of texts.entries()) insert.run(row, ofRow);
        return new Map(find.all(words, match) as [number, string][]);
      } finally {
        rollback.run();
      }
    };
  }
}

function cleaned(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH).replace(UNWANTED, '\uFFFD');
}
