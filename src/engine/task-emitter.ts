import { EventEmitter } from 'eventemitter3';
import type { TaskEvents } from './events.js';

type EventName = keyof TaskEvents;
type Listener<Name extends EventName> = (...args: TaskEvents[Name]) => void;
type AnyListener = (...args: never[]) => unknown;

/** An emitter that calls every listener, whatever the others throw; that goes to `onThrown`. */
export class TaskEmitter extends EventEmitter<TaskEvents> {
  // One for each listener, by which it is found again when it is taken off.
  readonly #guards = new WeakMap<AnyListener, AnyListener>();
  readonly #guarded = new WeakMap<AnyListener, AnyListener>();
  readonly #onThrown: (error: unknown) => void;

  constructor(onThrown: (error: unknown) => void) {
    super();
    this.#onThrown = onThrown;
  }

  override on<Name extends EventName>(event: Name, listener: Listener<Name>, context?: unknown): this {
    return super.on(event, this.#guardOf(event, listener), context);
  }

  override once<Name extends EventName>(event: Name, listener: Listener<Name>, context?: unknown): this {
    return super.once(event, this.#guardOf(event, listener), context);
  }

  override addListener<Name extends EventName>(event: Name, listener: Listener<Name>, context?: unknown): this {
    return this.on(event, listener, context);
  }

  override off<Name extends EventName>(
    event: Name,
    listener?: Listener<Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    const guard = listener === undefined ? undefined : this.#guardOf(event, listener);
    return super.removeListener(event, guard, context, once);
  }

  override removeListener<Name extends EventName>(
    event: Name,
    listener?: Listener<Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, listener, context, once);
  }

  override listeners<Name extends EventName>(event: Name): Listener<Name>[] {
    return super.listeners(event).map((guard) => (this.#guarded.get(guard) ?? guard) as Listener<Name>);
  }

  #guardOf<Name extends EventName>(event: Name, listener: Listener<Name>): Listener<Name> {
    // What a listener of errors throws would come back to it. What is no function is refused by the emitter, and a guard
    // comes from the emitter itself, when it has called what was registered by `once`.
    if (event === 'listenerError' || typeof listener !== 'function' || this.#guarded.has(listener)) return listener;
    const known = this.#guards.get(listener);
    if (known !== undefined) return known as Listener<Name>;
    const onThrown = this.#onThrown;
    const guard = function (this: unknown, ...args: TaskEvents[Name]): void {
      try {
        listener.apply(this, args);
      } catch (error) {
        onThrown(error);
      }
    };
    this.#guards.set(listener, guard);
    this.#guarded.set(guard, listener);
    return guard;
  }
}
