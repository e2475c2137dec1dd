import type { JsonValue } from '../http/wire-json.js';

type Typed =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | ArrayBuffer
  | SharedArrayBuffer;

/** A value of a thread as it arrives over HTTP: typed arrays and sets are arrays, dates text, `undefined` null. */
export type JsonOf<Value> = unknown extends Value
  ? JsonValue
  : Value extends JsonValue
    ? Value
    : Value extends undefined | void
      ? null
      : Value extends bigint
        ? number | string
        : Value extends Date
          ? string
          : Value extends Error
            ? { name: string; message: string }
            : Value extends Typed
              ? number[]
              : Value extends ReadonlyMap<infer Key, infer Held>
                ? [Key] extends [string]
                  ? { [name: string]: JsonOf<Held> }
                  : [JsonOf<Key>, JsonOf<Held>][]
                : Value extends ReadonlySet<infer Member>
                  ? JsonOf<Member>[]
                  : Value extends readonly unknown[]
                    ? { [At in keyof Value]: JsonOf<Value[At]> }
                    : { [Name in keyof Value]: FieldOf<Value[Name]> };

/** What is undefined in an object is left out. */
type FieldOf<Field> = undefined extends Field ? JsonOf<Exclude<Field, undefined>> | undefined : JsonOf<Field>;
