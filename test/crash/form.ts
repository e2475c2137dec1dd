import type { KillOrder } from '../tasks/killed-task.js';
import type { Moved, Shelf } from './ledger.js';
import type { WatchedStore } from './watched-store.js';

/** A task in one of its forms: what to give it, and what to expect of it. */
export interface Form {
  readonly type: KillOrder['type'];
  /** Makes sure that there is work, and says with what input. */
  readonly prepare: (watched: WatchedStore) => unknown;
  /** What a run returns beside which nobody writes; asked before it. */
  readonly result: (watched: WatchedStore, input: never) => unknown;
  /** Whether it was to delete an expired row. @default none */
  readonly sweeps?: (input: never, shelf: Shelf) => boolean;
  /** The count that a killed run leaves behind, and of what it is. */
  readonly tally?: { readonly name: string; readonly of: keyof Moved };
  /** What must be true when such a run has completed. */
  readonly afterwards?: (watched: WatchedStore, input: never) => void;
  /** How far a killed run has got, by what it left behind. */
  readonly leftBehind?: (watched: WatchedStore, taskId: string) => string;
}
