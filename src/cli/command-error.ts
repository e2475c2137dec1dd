import { redact } from '../engine/redact.js';
import { cleanLine } from './print/clean-text.js';

/** How a command ends: all was well; it was refused or failed; it was called in a wrong way. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

/** What a command ends with that can't go on: one line for people, and the code that the process exits with. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  /** Of what others wrote into `message` no secret and no control character is left. */
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(`treadle: ${cleanLine(redact(message))}`);
    this.exitCode = exitCode;
  }
}
