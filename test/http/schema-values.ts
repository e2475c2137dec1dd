import * as fc from 'fast-check';

/** As much of JSON Schema as an OpenAPI document of ours uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Values that fit a schema. `resolve` finds what a `$ref` means. */
export function fitting(schema: Schema, resolve: (ref: string) => Schema): fc.Arbitrary<unknown> {
  const again = (inner: Schema): fc.Arbitrary<unknown> => fitting(inner, resolve);
  if (schema.$ref !== undefined) return again(resolve(schema.$ref));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(again));
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['anything']);
  return fc.oneof(...types.map((type) => ofType(type, schema, again)));
}

function ofType(type: string, schema: Schema, again: (inner: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const { minimum = -1_000, maximum = 1_000, minLength = 0, maxLength = 40 } = schema;
  switch (type) {
    case 'object': {
      const { properties = {}, required = [], additionalProperties } = schema;
      const inside = Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, again(inner)]));
      const record = fc.record(inside, { requiredKeys: [...required] });
      return typeof additionalProperties === 'object'
        ? fc
            .tuple(record, fc.dictionary(fc.string(), again(additionalProperties)))
            .map(([known, more]) => Object.assign(more, known))
        : record;
    }
    case 'array':
      return fc.array(again(schema.items ?? {}), { maxLength: 5 });
    case 'string':
      return fc.string({ minLength, maxLength: Math.min(maxLength, 40), unit: 'grapheme' });
    case 'integer':
      return fc.integer({ min: minimum, max: maximum });
    case 'number':
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return fc.jsonValue();
  }
}

const DEEP = 5_000;
// As text, because not even JSON.stringify goes so deep.
const DEEP_JSON = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;

/** Text that fits no schema, or no JSON at all. */
export function unfitting(value: unknown): fc.Arbitrary<string> {
  const text = JSON.stringify(value) ?? 'null';
  return fc.oneof(
    fc.json(),
    fc.string(),
    fc.constant(`{"task_type":"fault","input":${DEEP_JSON}}`),
    fc.constant(`{"task_type":"fault","meta":${DEEP_JSON}}`),
    fc.constant('{"__proto__":{"task_type":"fault"},"constructor":{"prototype":{}}}'),
    fc.constant(text.replace('{', '{"task_type":"items","task_type":')),
    fc.nat(text.length).map((at) => text.slice(0, at)),
    fc
      .tuple(fc.nat(text.length), fc.string({ unit: 'binary', maxLength: 5 }))
      .map(([at, junk]) => text.slice(0, at) + junk + text.slice(at)),
    fc.dictionary(fc.string(), fc.jsonValue()).map((more) => JSON.stringify({ ...(value as object), ...more })),
  );
}
