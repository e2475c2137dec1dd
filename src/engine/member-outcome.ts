import { type MemberOutcome, type ThrownCode, type ThrownMessage, serializeThrown } from './protocol.js';

/** What was thrown. */
export function threw(code: ThrownCode, error: unknown): MemberOutcome {
  return threwMessage(code, serializeThrown(error));
}

/** The same, of an error that is plain data already. */
export function threwMessage(code: ThrownCode, error: ThrownMessage): MemberOutcome {
  return { kind: 'threw', code, error, item: null, done: 0 };
}

/** The module or its use is not what was expected. */
export function refused(message: string): MemberOutcome {
  return threwMessage('INVALID_ARGUMENT', { name: 'TypeError', message });
}
