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

  constructor(fields: readonly FilterField[]) {
    this.#fields = fields;
  }

  /** Those that have what the filter asks for. */
  tree(filter: FieldValues): StatusTree<T> | undefined {
    return this.#trees.get(this.#keyOf(filter) ?? '');
  }

  /** Null, and nothing happens, for one that lacks a field. */
  add(value: T, fields: FieldValues, status: StatusNumber): Place<T> | null {
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
