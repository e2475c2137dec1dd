import { rmSync, writeFileSync } from 'node:fs';
import { builtTask } from './test-manager.js';

/** How a task module can be broken. */
export type Breakage = 'missing' | 'syntax' | 'throws' | 'exits';

const BROKEN = {
  syntax: 'export default ]',
  throws: "throw new Error('on import')",
  exits: 'process.exit(4)',
} as const;

/** A task module that can be broken and repaired: where it is whole it is the one named `hazard`. */
export class ModuleFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    this.repair();
  }

  repair(): void {
    writeFileSync(this.path, `export { default } from ${JSON.stringify(builtTask('hazard').href)};`);
  }

  break(how: Breakage): void {
    if (how === 'missing') rmSync(this.path);
    else writeFileSync(this.path, BROKEN[how]);
  }

  /** It throws on import, once a pipe is at its end. */
  breakAfter(pipe: string): void {
    const wait = `import { readFileSync } from 'node:fs'; readFileSync(${JSON.stringify(pipe)});`;
    writeFileSync(this.path, `${wait} ${BROKEN.throws};`);
  }

  /** It is never done loading. */
  stall(): void {
    writeFileSync(this.path, 'setInterval(() => {}, 60_000); await new Promise(() => {});');
  }
}
