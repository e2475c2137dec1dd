import { inspectCloneable } from './cloneable.js';
import { type MemberOutcome, type ThrownCode, type ThrownMessage, serializeThrown } from './protocol.js';

// Values up to this many entries are looked through and go with the answer; others are sent where failing is caught.
const INSPECTED_ENTRIES = 64;

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

/** Whether an outcome may be part of an answer, where a failing clone would kill the thread. */
export function surelyCloneable(outcome: MemberOutcome): boolean {
  if (outcome.kind === 'returned' || outcome.kind === 'threw') {
    return inspectCloneable(outcome.value, INSPECTED_ENTRIES)?.ok === true;
  }
  if (outcome.kind === 'planned') return inspectCloneable(outcome.items, INSPECTED_ENTRIES)?.ok === true;
  return true;
}
