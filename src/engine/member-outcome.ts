import { inspectCloneable } from './cloneable.js';
import { type MemberOutcome, type ThrownCode, type ThrownMessage, serializeThrown } from './protocol.js';

// Values up to this many entries are looked through and go with the answer; others are sent where failing is caught.
const INSPECTED_ENTRIES = 64;

/** What was thrown, and at which item. */
export function threw(code: ThrownCode, error: unknown, item: number | null = null): MemberOutcome {
  return threwMessage(code, serializeThrown(error), item);
}

/** The same, of an error that is plain data already. */
export function threwMessage(code: ThrownCode, error: ThrownMessage, item: number | null = null): MemberOutcome {
  return { kind: 'threw', code, error, item };
}

/** The module or its use is not what was expected. */
export function refused(message: string): MemberOutcome {
  return threwMessage('INVALID_ARGUMENT', { name: 'TypeError', message });
}

/** Whether an outcome may be part of an answer, where a failing clone would kill the thread. */
export function surelyCloneable(outcome: MemberOutcome): boolean {
  if (outcome.kind === 'returned') return inspectCloneable(outcome.value, INSPECTED_ENTRIES)?.ok === true;
  if (outcome.kind === 'planned') return inspectCloneable(outcome.items, INSPECTED_ENTRIES)?.ok === true;
  return true;
}
