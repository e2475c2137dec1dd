import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onlyKeys, invalidArgument } from '../engine/errors.js';
import { type Embedder, checkEmbedder } from './embedder.js';
import { type HashingOptions, hashingEmbedder } from './hashing-embedder.js';

// Ending a thread inside ONNX Runtime aborts the process.
const UNKILLABLE: ReadonlySet<unknown> = new Set([
  'treadle/embedders/transformers',
  new URL('transformers.js', import.meta.url).href,
  fileURLToPath(new URL('transformers.js', import.meta.url)),
]);

/** Names an embedder, so that each thread can make its own. */
export interface EmbedderModule {
  /**
   * A module whose default export is a function that returns an embedder, or a promise of one: an absolute path, a file
   * URL, or a subpath of this package such as `'treadle/embedders/static'`. @default the hashing embedder
   */
  readonly module?: string;
  /** Given to that function. Must be cloneable. */
  readonly options?: unknown;
  /**
   * False where a thread must not be ended while it embeds: a task that does so is only ever asked to stop.
   *
   * @default true, but false for `treadle/embedders/transformers`
   */
  readonly killable?: boolean;
}

const MODULE_KEYS = ['module', 'options', 'killable'] as const satisfies readonly (keyof EmbedderModule)[];

/** @throws TreadleError INVALID_ARGUMENT */
export function checkEmbedderModule(name: string, value: unknown): EmbedderModule {
  // What has no `module` is the hashing embedder: nothing may come to be it by mistake.
  if (!isPlainObject(value) || 'embed' in value) {
    throw invalidArgument(name, 'an object { module, options }: each thread makes its own', value);
  }
  onlyKeys(name, value, MODULE_KEYS);
  const given: EmbedderModule = value;
  const { module, killable } = given as { module?: unknown; killable?: unknown };
  if (module !== undefined && !(typeof module === 'string' && isLoadable(module))) {
    throw invalidArgument(`${name}.module`, "an absolute path, a file URL string or 'treadle/embedders/…'", module);
  }
  if (killable !== undefined && typeof killable !== 'boolean') {
    throw invalidArgument(`${name}.killable`, 'a boolean', killable);
  }
  return given;
}

/** Whether a thread may be ended while this embeds. */
export function isKillable({ module, killable }: EmbedderModule): boolean {
  return killable ?? !UNKILLABLE.has(module);
}

/**
 * Makes the embedder that is named, in this process or thread.
 *
 * @example openStore({ path, embedder: await loadEmbedder(staticModel({ folder })) })
 * @throws TreadleError INVALID_ARGUMENT when the module gives no embedder, or whatever it throws.
 */
export async function loadEmbedder(embedder: EmbedderModule = {}): Promise<Embedder> {
  const { module, options } = checkEmbedderModule('embedder', embedder);
  if (module === undefined) return hashingEmbedder(options as HashingOptions | undefined);
  const { default: factory } = (await import(isAbsolute(module) ? pathToFileURL(module).href : module)) as {
    default?: unknown;
  };
  if (typeof factory !== 'function') {
    throw new TypeError(`Expected the default export of ${module} to be a function, got ${typeof factory}`);
  }
  return checkEmbedder(`what ${module} returns`, await (factory as (options: unknown) => unknown)(options));
}

/** Whether all that a value has is its own properties: no array, no Map, nothing of a class. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // One without a prototype of its own is the Object of this realm or of another one.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isLoadable(module: string): boolean {
  return isAbsolute(module) || module.startsWith('file:') || module.startsWith('treadle/embedders/');
}
