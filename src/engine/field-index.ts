import { type Ordered, type Place, StatusTree, type StatusNumber, removeFrom } from './status-tree.js';

/** The fields of a task that `list` filters by, besides its status. */
export const FILTER_FIELDS = ['type', 'resourceId', 'group', 'owner'] as const;

export type FilterField = (typeof FILTER_FIELDS)[number];

/** What a task, or a filter, says about them. */
export type FieldValues = { readonly [Field in FilterField]?: string | null };

/** Tasks by what they have in certain fields: a tree for each combination that there is. */
export class FieldIndex<T extends Ordered> {
  readonly #fields: readonly FilterField[];
  readonly #trees = new Map<string, StatusTree<T>>();
  /** The order of the last value that was added; it has all up to there. */
  reached = -1;
  /** It has them all. */
  complete = false;

  constructor(fields: readonly FilterField[]) {
    this.#fields = fields;
  }

  /** Those that have what the filter asks for. */
  tree(filter: FieldValues): StatusTree<T> | undefined {
    return this.#trees.get(this.#keyOf(filter) ?? '');
  }

  /** They must come in their order. Null for one that lacks a field: it is not in it. */
  add(value: T, fields: FieldValues, status: StatusNumber): Place<T> | null {
    this.reached = value.order;
    const key = this.#keyOf(fields);
    if (key === null) return null;
    let tree = this.#trees.get(key);
    if (tree === undefined) this.#trees.set(key, (tree = new StatusTree()));
    return tree.add(value, status);
  }

  remove(place: Place<T>, fields: FieldValues, status: StatusNumber): void {
    if (removeFrom(place, status)) this.#trees.delete(this.#keyOf(fields) ?? '');
  }

  #keyOf(values: FieldValues): string | null {
    let key = '';
    for (const field of this.#fields) {
      const value = values[field];
      if (value === null || value === undefined) return null;
      // With its length, so that no two combinations give the same.
      key = this.#fields.length === 1 ? value : `${key}${value.length}:${value}`;
    }
    return key;
  }
}
