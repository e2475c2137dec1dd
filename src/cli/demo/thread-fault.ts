import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Death, Fault } from './fatal-embed.task.js';
import { count } from './figures.js';
import type { Screen } from './screen.js';

/** How much of the job is done when a thread dies, if all threads do alike. */
const FRACTION = 0.4;

/** Has one thread die amid the embedding, and tells when it has. */
export class ThreadFault {
  readonly fault: Fault;
  #announced = false;

  /** @param items of the job: the thread dies when a good part of them is done. */
  constructor(directory: string, items: number) {
    this.fault = {
      armedPath: join(directory, 'armed'),
      deathPath: join(directory, 'death.json'),
      afterItems: Math.floor((FRACTION * items) / availableParallelism()),
    };
    writeFileSync(this.fault.armedPath, '');
  }

  /** Prints what the thread had done, once, when it is dead. */
  announce(screen: Screen): void {
    const { deathPath } = this.fault;
    if (this.#announced || !existsSync(deathPath)) return;
    this.#announced = true;
    const { threadId, committed } = JSON.parse(readFileSync(deathPath, 'utf8')) as Death;
    screen.line(`  thread ${threadId} was killed: it had committed ${count(committed)} passages and told nobody yet`);
  }

  /** True when the thread has died. */
  get happened(): boolean {
    return existsSync(this.fault.deathPath);
  }
}
