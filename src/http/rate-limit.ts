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
