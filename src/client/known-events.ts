import type { WireEvent, WireEventName } from '../http/wire-event.js';
import { TaskClientError } from './client-error.js';
import type { EventFrame } from './event-frames.js';

const NAMES = {
  submitted: true,
  running: true,
  retrying: true,
  cancelling: true,
  completed: true,
  failed: true,
  cancelled: true,
  progress: true,
  snapshot: true,
  log: true,
  reset: true,
  ready: true,
} satisfies Record<WireEventName, true>;

/** An event with its data; null for one that this client does not know. @throws TaskClientError BAD_ANSWER */
export function eventOf({ name, id, data }: EventFrame): WireEvent | null {
  if (!Object.hasOwn(NAMES, name)) return null;
  try {
    return { event: name, id: id ?? null, data: JSON.parse(data) as unknown } as WireEvent;
  } catch (error) {
    throw new TaskClientError('BAD_ANSWER', 'Expected the data of an event to be JSON', { status: 200, cause: error });
  }
}
