import { isIPv6 } from 'node:net';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Refusal } from './refusal.js';
import type { ResolvedApiOptions } from './options.js';

/** How many requests each owner may still make; who is not known counts by address. */
export class RateLimit {
  readonly #limiter: RateLimiterMemory;

  constructor({ requests, perMs }: NonNullable<ResolvedApiOptions['rateLimit']>) {
    this.#limiter = new RateLimiterMemory({ points: requests, duration: perMs / 1_000 });
  }

  /** @throws Refusal RESOURCE_EXHAUSTED */
  async count(key: string): Promise<void> {
    try {
      await this.#limiter.consume(key);
    } catch (left) {
      if (!(left instanceof RateLimiterRes)) throw left;
      throw new Refusal('RESOURCE_EXHAUSTED', 'Too many requests', {
        retryAfterSeconds: Math.max(1, Math.ceil(left.msBeforeNext / 1_000)),
      });
    }
  }
}

/** What an address counts as: of IPv6 its network, since whoever has one address there has all 2^64 of it. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [before = '', after] = address.split('::');
  const groups = before === '' ? [] : before.split(':');
  // What is left out in the middle is zeros.
  const missing = after === undefined ? 0 : 8 - groups.length - (after === '' ? 0 : after.split(':').length);
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(after ?? '').split(':')];
  return `${all.slice(0, 4).join(':')}::`;
}
