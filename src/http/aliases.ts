import type { JsonValue } from './wire-json.js';

/** Short paths under which a task type may be submitted too; the body is its input. */
export const ALIASES: ReadonlyMap<string, string> = new Map([
  ['embed-batch', 'embed_batch'],
  ['rebuild-fts', 'rebuild_fts_index'],
]);

/** The body of such a request as an input: keys may be in snake_case, as in the rest of the API. */
export function aliasBody(body: Readonly<Record<string, JsonValue>>): Record<string, JsonValue> {
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}
