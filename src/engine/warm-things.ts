/** What a thread keeps between chunks, by module and key. */
export class WarmThings {
  readonly #things = new Map<string, unknown>();
  /** Milliseconds spent in factories since {@link takeSetupMs}: set-up, not work. */
  #setupMs = 0;

  get<T>(key: string, factory: () => T): T {
    if (this.#things.has(key)) return this.#things.get(key) as T;
    const startedAt = performance.now();
    const thing = factory();
    this.#setupMs += performance.now() - startedAt;
    this.#things.set(key, thing);
    if (isPromise(thing)) this.#follow(key, thing);
    return thing;
  }

  #follow(key: string, thing: Promise<unknown>): void {
    const waitingSince = performance.now();
    const waited = (): void => {
      this.#setupMs += performance.now() - waitingSince;
    };
    thing.then(waited, () => {
      waited();
      // The next one to ask tries again.
      this.#things.delete(key);
    });
  }

  takeSetupMs(): number {
    const ms = this.#setupMs;
    this.#setupMs = 0;
    return ms;
  }

  /** Disposes of everything, the newest first; one that fails does not keep the others. */
  async dispose(): Promise<void> {
    const things = [...this.#things.values()].reverse();
    this.#things.clear();
    for (const thing of things) {
      try {
        await disposeOf(await thing);
      } catch {
        // The thread ends anyway, and there is nobody left to tell.
      }
    }
  }
}

async function disposeOf(thing: unknown): Promise<void> {
  if ((typeof thing !== 'object' && typeof thing !== 'function') || thing === null) return;
  const asyncDispose = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
  const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose');
  for (const key of [asyncDispose, dispose, 'close'] as const) {
    const method: unknown = (thing as Record<PropertyKey, unknown>)[key];
    if (typeof method === 'function') {
      await (method.call(thing) as unknown);
      return;
    }
  }
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
