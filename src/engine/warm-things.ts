/** What a thread keeps between chunks, by module and key. */
export class WarmThings {
  readonly #things = new Map<string, unknown>();
  /** Set-ups under way in the present chunk; one within another is not counted twice. */
  #settingUp = 0;
  #since = 0;
  #setupMs = 0;
  #chunk = 0;

  /** From here on set-up counts for the next chunk. What an earlier one has left under way counts for none. */
  beginChunk(): void {
    this.#chunk++;
    this.#settingUp = 0;
    this.#setupMs = 0;
  }

  /** Milliseconds of the present chunk that went into factories: set-up, not work. */
  get setupMs(): number {
    return this.#setupMs + (this.#settingUp > 0 ? performance.now() - this.#since : 0);
  }

  get<T>(key: string, factory: () => T): T {
    if (this.#things.has(key)) return this.#things.get(key) as T;
    const chunk = this.#chunk;
    this.#begin();
    let thing: T;
    try {
      thing = factory();
    } catch (error) {
      this.#end(chunk);
      throw error;
    }
    this.#things.set(key, thing);
    if (isPromise(thing)) this.#follow(key, chunk, thing);
    else this.#end(chunk);
    return thing;
  }

  #follow(key: string, chunk: number, thing: Promise<unknown>): void {
    thing.then(
      () => this.#end(chunk),
      () => {
        this.#end(chunk);
        // The next one to ask tries again.
        this.#things.delete(key);
      },
    );
  }

  #begin(): void {
    if (this.#settingUp++ === 0) this.#since = performance.now();
  }

  #end(chunk: number): void {
    if (chunk === this.#chunk && --this.#settingUp === 0) this.#setupMs += performance.now() - this.#since;
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
