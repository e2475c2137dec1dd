import { onTestFinished } from 'vitest';
import { ChunkRunner } from '../../dist/engine/chunk-runner.js';
import { ControlBlock } from '../../dist/engine/control-block.js';
import type {
  ChunkMessage,
  FlightEnd,
  FlightMessage,
  MemberOutcome,
  Notes,
  ThrownMessage,
} from '../../dist/engine/protocol.js';

const DEFINITIONS = Symbol.for('treadle.test.definitions');
const registry = ((globalThis as Record<symbol, unknown>)[DEFINITIONS] ??= new Map()) as Map<string, unknown>;
let modules = 0;

/** A module on the fly, whose default export is the value. A runner in this process can load it; `before` is code. */
export function moduleOf(value: unknown, before = ''): string {
  const id = `module ${modules++}`;
  registry.set(id, value);
  onTestFinished(() => void registry.delete(id));
  return moduleOfSource(`${before}\nexport default globalThis[Symbol.for("treadle.test.definitions")].get("${id}")`);
}

export function moduleOfSource(source: string): string {
  return `data:text/javascript,${encodeURIComponent(`/* ${modules++} */ ${source}`)}`;
}

/** What a runner told of one flight. */
export interface Flown {
  readonly messages: readonly FlightMessage[];
  /** What became of each member; undefined where nothing was told. */
  readonly outcomes: readonly (MemberOutcome | undefined)[];
  readonly left: FlightEnd;
}

/** A runner in this process, and the host's side of it. `post` copies what it is given, as a port does. */
export function runnerOf(...urls: readonly string[]) {
  const control = new ControlBlock();
  const posted: FlightMessage[] = [];
  /** The last message as the runner gave it. */
  let given: FlightMessage | null = null;
  const types = urls.map((url, index) => ({
    name: `type${index}`,
    url,
    data: { label: `data ${index}` },
    skipsItems: false,
  }));
  const runner = new ChunkRunner({ control: control.buffer, types, heapMb: Infinity, nice: 0 }, (message) => {
    given = message;
    posted.push(structuredClone(message));
  });
  let epoch = 0;

  /** Sends a chunk with a member for each input, which is given the fields that it lacks. */
  const send = async (chunk: Partial<ChunkMessage> = {}, inputs: readonly unknown[] = [undefined]): Promise<Flown> => {
    const from = posted.length;
    control.launch((epoch = ControlBlock.nextEpoch(epoch)), inputs.length);
    await runner.run({
      epoch,
      type: 0,
      phase: 'run',
      describe: false,
      boxMs: 1_000,
      attempt: 1,
      taskIds: inputs.map((_, at) => `task ${at}`),
      inputs,
      ...chunk,
    });
    return flown(posted.slice(from), epoch, inputs.length);
  };
  /** The outcome of a chunk with one member. */
  const outcome = async (chunk: Partial<ChunkMessage> = {}, input?: unknown): Promise<MemberOutcome> => {
    const [only] = (await send(chunk, [input])).outcomes;
    if (only === undefined) throw new Error('The member has no outcome');
    return only;
  };
  return {
    runner,
    control,
    posted,
    lastGiven: (): FlightMessage | null => given,
    send,
    outcome,
    epoch: (): number => epoch,
    notes: (): readonly Notes[] => posted.flatMap(({ notes }) => (notes === undefined ? [] : [notes])),
  };
}

/** What was told of a flight. Throws where a member was told of twice, or the last message is not the one that says so. */
export function flown(messages: readonly FlightMessage[], epoch: number, members: number): Flown {
  const outcomes = Array.from({ length: members }, (): MemberOutcome | undefined => undefined);
  const tell = (member: number, outcome: MemberOutcome): void => {
    if (!(member < members)) throw new Error(`There is no member ${member}`);
    if (outcomes[member] !== undefined) throw new Error(`The outcome of member ${member} came twice`);
    outcomes[member] = outcome;
  };
  for (const { epoch: of, member = 0, outcome, values = [], begunAtMs = [] } of messages) {
    if (of !== epoch) throw new Error(`A message is of epoch ${of}, not ${epoch}`);
    if (values.length !== begunAtMs.length)
      throw new Error(`${values.length} values have ${begunAtMs.length} beginnings`);
    if (outcome !== undefined) tell(member, outcome);
    for (const [at, value] of values.entries()) tell(member + at, { kind: 'returned', value, done: 0 });
  }
  const left = messages.at(-1)?.left;
  if (left === undefined || messages.slice(0, -1).some((message) => message.left !== undefined)) {
    throw new Error('Only the last message of a flight tells that the thread has left it');
  }
  return { messages, outcomes, left };
}

export function errorOf(outcome: MemberOutcome | undefined): ThrownMessage | undefined {
  return outcome?.kind === 'threw' ? outcome.error : undefined;
}

export function busyFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
