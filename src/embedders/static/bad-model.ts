import { TreadleError } from '../../engine/errors.js';

/** The error of a file that is no part of a model, or of none that can be read here. */
export function badModel(path: string, problem: string, cause?: unknown): TreadleError {
  const message = `Expected ${path} to belong to a static embedding model: ${problem}`;
  return new TreadleError('INVALID_ARGUMENT', message, cause === undefined ? {} : { cause });
}
