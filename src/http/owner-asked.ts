import type { OwnerScope } from '../engine/records.js';
import { type Caller, scopeOf } from './caller.js';
import { Refusal } from './refusal.js';

/** Whose tasks a request is about that may name an owner. @throws Refusal PERMISSION_DENIED for another one's. */
export function ownerAsked(caller: Caller, owner: string | undefined): OwnerScope {
  if (owner === undefined) return scopeOf(caller);
  if (caller.operator || owner === caller.owner) return { owner };
  throw new Refusal('PERMISSION_DENIED', 'Expected `owner` to be left out, or your own');
}

/**
 * The same for a group. Owners have groups of their own, none is of all of them: where no owner is named, it is the
 * caller's, an operator's too. @throws Refusal PERMISSION_DENIED
 */
export function groupOwnerAsked(caller: Caller, owner: string | undefined): OwnerScope {
  return ownerAsked(caller, owner ?? caller.owner ?? undefined);
}
