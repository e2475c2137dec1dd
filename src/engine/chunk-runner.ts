import { Deserializer } from 'node:v8';
import { Answers, type Post } from './answers.js';
import { ControlBlock } from './control-block.js';
import { type Awaitable, type BatchDefinition, type TaskDefinition, isDefinition } from './define-task.js';
import { eachItem, itemsOf, planned, runItems } from './item-loop.js';
import { refused, threw } from './member-outcome.js';
import { type Origin, Origins } from './origins.js';
import type {
  ChunkMessage,
  FlightEnd,
  MemberOutcome,
  ModuleShape,
  Notes,
  SliceMessage,
  WakeMessage,
  WorkerBoot,
} from './protocol.js';
import { ThreadHeap } from './thread-heap.js';
import { WarmThings, isPromise } from './warm-things.js';
import { type ContextHost, WorkerContext } from './worker-context.js';

type Definition = TaskDefinition<unknown, unknown> | BatchDefinition<unknown, unknown, unknown>;

/** The thread's side of a lane: runs chunks, one at a time, and never throws. */
export class ChunkRunner implements ContextHost {
  readonly control: ControlBlock;
  readonly origins: Origins = new Origins();
  current: WorkerContext | null = null;
  readonly #boot: WorkerBoot;
  readonly #post: Post;
  readonly #modules = new Map<number, Definition>();
  readonly #warm = new WarmThings();
  readonly #inputs = new Map<string, unknown>();
  readonly #heap: ThreadHeap;
  #epoch = 0;
  #answers: Answers | null = null;
  #module: Origin = { type: -1, module: '', taskId: null };

  constructor(boot: WorkerBoot, post: Post) {
    this.#boot = boot;
    this.#post = post;
    this.control = new ControlBlock(boot.control);
    this.#heap = new ThreadHeap(this.control, boot.heapMb);
  }

  /** Runs a chunk, or the members of a pack one after another, and tells the host. */
  async run(message: ChunkMessage): Promise<void> {
    const answers = new Answers(message.epoch, this.#post);
    this.#epoch = message.epoch;
    this.#answers = answers;
    this.#module = this.#originOf(message.type, null);
    let definition: Definition;
    try {
      // Promises are made only where the work makes some: each carries its origin along, which costs more than small work.
      definition = this.#modules.get(message.type) ?? (await this.#load(message.type));
    } catch (error) {
      const outcome = threw('TASK_MODULE_FAILED', error);
      for (const member of message.taskIds.keys()) answers.add(member, outcome, 0);
      return this.#leave(message, { ms: 0, overHeap: this.#heap.measure(performance.now()) });
    }

    if (message.describe) this.control.describe(shapeOf(definition));
    this.#warm.beginChunk();
    const startedAt = performance.now();
    let now = startedAt;
    for (let member = 0; member < message.taskIds.length; member++) {
      if (!this.control.claim(message.epoch, member)) continue;
      const running = this.#runMember(message, member, definition);
      answers.add(member, isPromise(running) ? await running : running, now);
      now = performance.now();
      answers.flush(now);
    }
    this.#leave(message, {
      ms: Math.max(0, now - startedAt - this.#warm.setupMs),
      shape: message.describe ? shapeOf(definition) : undefined,
      overHeap: this.#heap.measure(now),
    });
  }

  #leave(message: ChunkMessage, end: FlightEnd): void {
    this.#answers?.leave(end);
    this.control.leave(message.epoch);
  }

  wake(message: Exclude<WakeMessage, { retire: true }>): void {
    if ('forget' in message) this.#inputs.delete(message.forget);
    else if (this.current?.epoch === message.cancel && this.current.index === message.member) this.#abort(this.current);
  }

  // What listens to the signal is the task's code.
  #abort(context: WorkerContext): void {
    const { present } = this.origins;
    if (present === null) context.abort();
    else this.origins.run(present, () => context.abort());
  }

  /** The thread exits, by whatever way: says so to who waits, and whether it is the work's doing. */
  exit(): void {
    if (this.origins.foreign) this.control.noteStrayExit(this.#epoch);
    this.control.leave(this.#epoch);
  }

  async dispose(): Promise<void> {
    await this.#warm.dispose();
  }

  sendNotes(member: number, notes: Notes): void {
    this.#answers?.notes(member, notes);
  }

  warm<T>(key: string, factory: () => T): T {
    const origin = this.#module;
    return this.#warm.get(`${origin.module}\n${key}`, () => this.origins.run(origin, factory));
  }

  #originOf(type: number, taskId: string | null): Origin {
    return { type, module: this.#typeOf(type).url, taskId };
  }

  #typeOf(type: number): WorkerBoot['types'][number] {
    const found = this.#boot.types[type];
    if (found === undefined) throw new RangeError(`No task type has the number ${type}`);
    return found;
  }

  async #load(type: number): Promise<Definition> {
    const { name, url } = this.#typeOf(type);
    this.control.setLoading(true);
    this.origins.begin(this.#module);
    try {
      const loaded = (await this.origins.run(this.#module, () => import(url))) as { default?: unknown };
      if (!isDefinition(loaded.default)) {
        throw new TypeError(
          `Expected the default export of ${url} (task type "${name}") to come from defineTask or defineBatch, got ${typeof loaded.default}`,
        );
      }
      this.#modules.set(type, loaded.default);
      return loaded.default;
    } finally {
      this.origins.end();
      this.control.setLoading(false);
    }
  }

  #runMember(message: ChunkMessage, member: number, definition: Definition): Awaitable<MemberOutcome> {
    if (message.phase === 'load') return { kind: 'returned', value: undefined, done: 0 };
    const taskId = message.taskIds[member] as string;
    const { data } = this.#typeOf(message.type);
    const context = new WorkerContext(this, message.epoch, member, taskId, message.attempt, data);
    this.current = context;
    const origin = this.#originOf(message.type, taskId);
    this.origins.begin(origin);
    let outcome: Awaitable<MemberOutcome>;
    try {
      outcome = this.origins.run(origin, () => this.#runPhase(message, member, context, definition));
    } catch (error) {
      outcome = outcomeOfThrown(context, error);
    }
    if (isPromise(outcome)) return this.#awaitMember(context, outcome);
    this.#endMember(context);
    return outcome;
  }

  async #awaitMember(context: WorkerContext, outcome: Promise<MemberOutcome>): Promise<MemberOutcome> {
    try {
      return await outcome;
    } catch (error) {
      return outcomeOfThrown(context, error);
    } finally {
      this.#endMember(context);
    }
  }

  #endMember(context: WorkerContext): void {
    context.sendNotes();
    this.current = null;
    this.origins.end();
  }

  #runPhase(
    message: ChunkMessage,
    member: number,
    context: WorkerContext,
    definition: Definition,
  ): Awaitable<MemberOutcome> {
    const { phase, slice = NO_ITEMS } = message;
    const input = message.shared === undefined ? message.inputs[member] : this.#decode(context.taskId, message.shared);
    if (definition.kind === 'task') {
      if (phase === 'cleanup') return { kind: 'returned', value: undefined, done: 0 };
      if (slice.to > slice.from || phase === 'finish')
        return refused('Expected no `items`: this task type is made by defineTask and takes an `input`');
      return whenThere(definition.run(input, context), returned);
    }
    const { steps } = definition;
    switch (phase) {
      case 'plan': {
        if (steps.plan === undefined) return refused('Expected `items`: the module of this task type has no `plan`');
        return whenThere(steps.plan(input, context), planned);
      }
      case 'finish':
        return whenThere(steps.finish?.(slice.parts ?? [], context, input), returned);
      case 'cleanup':
        return whenThere(steps.cleanup?.(context, input), returned);
      default:
        return steps.each === undefined
          ? runItems(steps, itemsOf(slice), context, input)
          : eachItem(steps.each, itemsOf(slice), context, input, {
              from: slice.from,
              boxMs: message.boxMs,
              skips: this.#typeOf(message.type).skipsItems,
            });
    }
  }

  #decode(taskId: string, shared: SharedArrayBuffer): unknown {
    if (!this.#inputs.has(taskId)) {
      // It reads no shared memory, so the bytes are copied once.
      const deserializer = new Deserializer(new Uint8Array(shared).slice());
      deserializer.readHeader();
      this.#inputs.set(taskId, deserializer.readValue());
    }
    return this.#inputs.get(taskId);
  }
}

const NO_ITEMS: SliceMessage = { from: 0, to: 0 };

/** What the host must know of a module that it never loads. */
function shapeOf(definition: Definition): ModuleShape {
  if (definition.kind === 'task') return { kind: 'task', plan: false, each: false, finish: false, cleanup: false };
  const { plan, each, finish, cleanup } = definition.steps;
  return {
    kind: 'batch',
    plan: plan !== undefined,
    each: each !== undefined,
    finish: finish !== undefined,
    cleanup: cleanup !== undefined,
  };
}

function returned(value: unknown): MemberOutcome {
  return { kind: 'returned', value, done: 0 };
}

function outcomeOfThrown(context: WorkerContext, error: unknown): MemberOutcome {
  return context.isStop(error) ? { kind: 'stopped', begun: true } : threw('TASK_FAILED', error);
}

/** What is made of a value, at once where it is there already. */
function whenThere(value: unknown, make: (value: unknown) => MemberOutcome): Awaitable<MemberOutcome> {
  return isPromise(value) ? Promise.resolve(value).then(make) : make(value);
}
