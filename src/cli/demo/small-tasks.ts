import type { DemoManager } from './demo-types.js';

/** Time between two small tasks, in milliseconds. */
const EVERY_MS = 100;

/** Submits a small task ten times a second, as visitors of a server would, and measures how soon each begins. */
export class SmallTasks {
  readonly #tasks: DemoManager;
  readonly #texts: readonly string[];
  readonly #delaysMs: number[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #submitted = 0;

  constructor(tasks: DemoManager, texts: readonly string[]) {
    this.#tasks = tasks;
    this.#texts = texts;
    this.#timer = setInterval(() => this.#submit(), EVERY_MS);
  }

  /** Submits no more, and gives the delays from `submit()` to each task's first line: sorted, in milliseconds. */
  async stop(): Promise<number[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    return this.#delaysMs.toSorted((a, b) => a - b);
  }

  #submit(): void {
    const text = this.#texts[this.#submitted++ % this.#texts.length] ?? '';
    const one = this.#measure(text)
      // Closed: the demo is being interrupted.
      .catch(() => clearInterval(this.#timer))
      .finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }

  async #measure(text: string): Promise<void> {
    const submittedAt = performance.timeOrigin + performance.now();
    const task = await this.#tasks.submit('count_words', { input: { text } });
    const { beganAt } = await task.result();
    this.#delaysMs.push(beganAt - submittedAt);
  }
}
