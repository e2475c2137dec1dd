import { Deserializer, getHeapStatistics } from 'node:v8';
import { whereUnclonable } from './cloneable.js';
import { ControlBlock } from './control-block.js';
import { type Awaitable, type BatchDefinition, type TaskDefinition, isDefinition } from './define-task.js';
import { eachItem, itemsOf, planned, runItems } from './item-loop.js';
import { refused, surelyCloneable, threw, threwMessage } from './member-outcome.js';
import { type Origin, Origins } from './origins.js';
import {
  type ChunkAnswer,
  type ChunkMessage,
  type FlushMessage,
  type InputMessage,
  type MemberMessage,
  type MemberOutcome,
  type ModuleShape,
  type Notes,
  type WakeMessage,
  type WorkerBoot,
  serializeThrown,
} from './protocol.js';
import { WarmThings, isPromise } from './warm-things.js';
import { type ContextHost, WorkerContext } from './worker-context.js';

type Definition = TaskDefinition<unknown, unknown> | BatchDefinition<unknown, unknown, unknown>;

const FLUSH_EVERY_MS = 1;
const MEGABYTE = 2 ** 20;

/** The thread's side of a lane: runs chunks, one at a time, and never throws. */
export class ChunkRunner implements ContextHost {
  readonly control: ControlBlock;
  readonly origins: Origins = new Origins();
  current: WorkerContext | null = null;
  readonly #boot: WorkerBoot;
  readonly #post: (message: FlushMessage) => void;
  readonly #modules = new Map<number, Definition>();
  readonly #warm = new WarmThings();
  readonly #inputs = new Map<string, unknown>();
  #epoch = 0;
  #flushes = 0;
  #module: Origin = { type: -1, module: '', taskId: null };

  /** `post` sends to the host, and throws where a value can't be cloned. */
  constructor(boot: WorkerBoot, post: (message: FlushMessage) => void) {
    this.#boot = boot;
    this.#post = post;
    this.control = new ControlBlock(boot.control);
  }

  async run(message: ChunkMessage): Promise<ChunkAnswer> {
    this.#epoch = message.epoch;
    this.#flushes = 0;
    // Promises are made only where the work makes some: each carries its origin along, which costs more than small work.
    try {
      const outcomes: (MemberOutcome | undefined)[] = [];
      let definition: Definition;
      try {
        this.#module = this.#originOf(message.type, null);
        definition = this.#modules.get(message.type) ?? (await this.#load(message.type));
      } catch (error) {
        const outcome = threw('TASK_MODULE_FAILED', error);
        return { outcomes: message.members.map(() => outcome), flushes: 0, ms: 0, overHeap: this.#overHeap };
      }

      if (message.describe) this.control.describe(shapeOf(definition));
      this.#warm.beginChunk();
      const startedAt = performance.now();
      let flushedAt = startedAt;
      for (const [index, member] of message.members.entries()) {
        const running = this.#runMember(message, member, index, definition);
        const outcome = isPromise(running) ? await running : running;
        outcomes[index] = outcome;
        if (!surelyCloneable(outcome)) {
          this.#flushOne(index, outcome);
          outcomes[index] = undefined;
        } else if (index < message.members.length - 1 && performance.now() - flushedAt >= FLUSH_EVERY_MS) {
          this.#flushAll(outcomes);
          flushedAt = performance.now();
        }
      }
      return {
        outcomes,
        flushes: this.#flushes,
        ms: Math.max(0, performance.now() - startedAt - this.#warm.setupMs),
        shape: message.describe ? shapeOf(definition) : undefined,
        overHeap: this.#overHeap,
      };
    } finally {
      this.control.leave(message.epoch);
    }
  }

  wake(message: Exclude<WakeMessage, { retire: true }>): void {
    if ('forget' in message) this.#inputs.delete(message.forget);
    else if (this.current?.epoch === message.cancel) this.#abort(this.current);
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

  sendNotes(index: number, notes: Notes): void {
    this.#send({ epoch: this.#epoch, notes: { index, ...notes } });
  }

  warm<T>(key: string, factory: () => T): T {
    const origin = this.#module;
    return this.#warm.get(`${origin.module}\n${key}`, () => this.origins.run(origin, factory));
  }

  #originOf(type: number, taskId: string | null): Origin {
    return { type, module: this.#typeOf(type).url, taskId };
  }

  get #overHeap(): boolean | undefined {
    const { heapMb } = this.#boot;
    return heapMb === Infinity ? undefined : getHeapStatistics().used_heap_size > heapMb * MEGABYTE;
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

  #runMember(
    message: ChunkMessage,
    member: MemberMessage,
    index: number,
    definition: Definition,
  ): Awaitable<MemberOutcome> {
    if (!this.control.claim(message.epoch, index)) return { kind: 'stopped', begun: false };
    if (message.phase === 'load') return { kind: 'returned', value: undefined, done: 0 };
    const context = new WorkerContext(this, message.epoch, index, member, this.#typeOf(message.type).data);
    this.current = context;
    const origin = this.#originOf(message.type, member.taskId);
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
    member: MemberMessage,
    context: WorkerContext,
    definition: Definition,
  ): Awaitable<MemberOutcome> {
    const input = this.#decode(member.taskId, member.input);
    if (definition.kind === 'task') {
      if (message.phase === 'cleanup') return { kind: 'returned', value: undefined, done: 0 };
      if (member.to > member.from || message.phase === 'finish')
        return refused('Expected no `items`: this task type is made by defineTask and takes an `input`');
      return whenThere(definition.run(input, context), returned);
    }
    const { steps } = definition;
    switch (message.phase) {
      case 'plan': {
        if (steps.plan === undefined) return refused('Expected `items`: the module of this task type has no `plan`');
        return whenThere(steps.plan(input, context), planned);
      }
      case 'finish':
        return whenThere(steps.finish?.(member.parts ?? [], context, input), returned);
      case 'cleanup':
        return whenThere(steps.cleanup?.(context, input), returned);
      default:
        return steps.each === undefined
          ? runItems(steps, itemsOf(member), context, input)
          : eachItem(steps.each, itemsOf(member), context, input, {
              from: member.from,
              boxMs: message.boxMs,
              skips: this.#typeOf(message.type).skipsItems,
            });
    }
  }

  #decode(taskId: string, input: InputMessage): unknown {
    if ('value' in input) return input.value;
    if (!this.#inputs.has(taskId)) {
      // It reads no shared memory, so the bytes are copied once.
      const deserializer = new Deserializer(new Uint8Array(input.shared).slice());
      deserializer.readHeader();
      this.#inputs.set(taskId, deserializer.readValue());
    }
    return this.#inputs.get(taskId);
  }

  #flushOne(index: number, outcome: MemberOutcome): void {
    try {
      this.#send({ epoch: this.#epoch, outcomes: [[index, outcome]] });
    } catch (error) {
      const value = outcome.kind === 'planned' ? outcome.items : 'value' in outcome ? outcome.value : undefined;
      const what = value === undefined ? '' : `What the task returned can't be cloned${whereUnclonable(value)}: `;
      const reason = serializeThrown(error);
      const told = threwMessage('UNSERIALIZABLE', {
        name: reason.name,
        message: what + reason.message,
        code: reason.code,
      });
      this.#send({ epoch: this.#epoch, outcomes: [[index, told]] });
    }
  }

  #flushAll(outcomes: (MemberOutcome | undefined)[]): void {
    const ready: [number, MemberOutcome][] = [];
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome !== undefined) ready.push([index, outcome]);
      outcomes[index] = undefined;
    }
    if (ready.length > 0) this.#send({ epoch: this.#epoch, outcomes: ready });
  }

  // Counted after the send: one that threw did not leave.
  #send(message: FlushMessage): void {
    this.#post(message);
    this.#flushes++;
  }
}

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
