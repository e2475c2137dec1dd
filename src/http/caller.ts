import { createHash, timingSafeEqual } from 'node:crypto';
import { TreadleError, describeValue, invalidArgument, onlyKeys } from '../engine/errors.js';
import type { OwnerScope } from '../engine/records.js';
import { key } from '../engine/submission.js';

/** Who asks, as {@link Authenticate} knows them. */
export interface Identity {
  /** Whose tasks they submit and see. 1 to 256 characters. */
  readonly owner: string;
  /** They see the tasks of all owners, may pause and resume, and read the metrics. @default false */
  readonly operator?: boolean;
}

/**
 * Says who asks; null where that is nobody known, which is answered with 401. What it throws is answered with 500 and
 * goes to `onError`.
 */
export type Authenticate = (request: Request) => Identity | null | Promise<Identity | null>;

/** Who asks, once that is known. */
export interface Caller {
  /** Null where nobody has to say who they are. */
  readonly owner: string | null;
  readonly operator: boolean;
}

/** Where nobody has to say who they are, everybody may do everything. */
export const ANYONE: Caller = { owner: null, operator: true };

/** A slip of `authenticate` must not show the tasks of everybody. @throws TreadleError INVALID_ARGUMENT */
export function callerOf(identity: unknown): Caller | null {
  if (identity === null) return null;
  onlyKeys('what authenticate returns', identity, ['owner', 'operator']);
  const { owner, operator = false } = identity as { owner?: unknown; operator?: unknown };
  if (typeof operator !== 'boolean') throw invalidArgument('operator', 'true or false', operator);
  const name = key('owner', owner);
  if (name === null) throw invalidArgument('owner', 'a string', owner);
  return { owner: name, operator };
}

/** What of the manager's tasks they may see. */
export function scopeOf({ owner, operator }: Caller): OwnerScope {
  return operator || owner === null ? {} : { owner };
}

/**
 * An {@link Authenticate} that knows callers by their key, given as `Authorization: Bearer <key>` or `X-API-Key: <key>`.
 * How long it takes does not depend on how much of a key is right.
 *
 * @param keys for each key its owner, or a whole identity: `{ [process.env.KEY]: 'ann' }`. Keys have at least 16
 *   characters.
 * @throws TreadleError INVALID_ARGUMENT
 */
export function apiKeys(keys: Readonly<Record<string, string | Identity>>): Authenticate {
  if (typeof keys !== 'object' || keys === null) throw invalidArgument('keys', 'an object', keys);
  const known = Object.entries(keys).map(([secret, identity]) => {
    if (secret.length < MIN_KEY_LENGTH) {
      // Without the key itself.
      const got = `one of ${secret.length} for ${describeValue(typeof identity === 'string' ? identity : identity?.owner)}`;
      throw new TreadleError(
        'INVALID_ARGUMENT',
        `Expected \`keys\` to have keys of at least ${MIN_KEY_LENGTH} characters, got ${got}`,
      );
    }
    const full = typeof identity === 'string' ? { owner: identity } : identity;
    callerOf(full);
    return { digest: digestOf(secret), identity: full };
  });
  if (known.length === 0) throw invalidArgument('keys', 'an object with at least one key', keys);
  return (request) => {
    const given = givenKey(request);
    if (given === null) return null;
    const digest = digestOf(given);
    let found: Identity | null = null;
    // All of them each time: digests are equally long, and where the right one stands is not to be told by the time.
    for (const { digest: other, identity } of known) if (timingSafeEqual(digest, other)) found = identity;
    return found;
  };
}

/** What is shorter may be guessed. */
export const MIN_KEY_LENGTH = 16;

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function givenKey({ headers }: Request): string | null {
  const bearer = /^bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1];
  return bearer ?? headers.get('x-api-key');
}
