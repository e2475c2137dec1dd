import type { Statement } from 'better-sqlite3';
import type { Layout, UserId } from './layout.js';

/** One query in its forms: over all rows, a user's, or a namespace's. Each is prepared when it is first needed. */
export class Statements {
  readonly #layout: Layout;
  readonly #prepare: (within: string) => Statement;
  readonly #prepared = new Map<string, Statement>();

  /** @param prepare is given the condition on the rows */
  constructor(layout: Layout, prepare: (within: string) => Statement) {
    this.#layout = layout;
    this.#prepare = prepare;
  }

  for(userId: UserId | null, namespace: string | null): Statement {
    const within = this.#layout.within(userId, namespace);
    let statement = this.#prepared.get(within);
    if (statement === undefined) {
      statement = this.#prepare(within);
      this.#prepared.set(within, statement);
    }
    return statement;
  }
}
