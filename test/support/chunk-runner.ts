import { onTestFinished } from 'vitest';
import { ChunkRunner } from '../../dist/engine/chunk-runner.js';
import { ControlBlock } from '../../dist/engine/control-block.js';
import type {
  ChunkAnswer,
  ChunkMessage,
  FlushMessage,
  MemberMessage,
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

/** A runner in this process, and the host's side of it. `post` copies what it is given, as a port does. */
export function runnerOf(...urls: readonly string[]) {
  const control = new ControlBlock();
  const flushed: FlushMessage[] = [];
  const types = urls.map((url, index) => ({
    name: `type${index}`,
    url,
    data: { label: `data ${index}` },
    skipsItems: false,
  }));
  const runner = new ChunkRunner(
    { control: control.buffer, types, heapMb: Infinity },
    (message) => void flushed.push(structuredClone(message)),
  );
  let epoch = 0;

  /** Sends a chunk; `members` are given the fields that they lack. */
  const send = (
    chunk: Partial<ChunkMessage> = {},
    members: readonly Partial<MemberMessage>[] = [{}],
  ): Promise<ChunkAnswer> => {
    control.launch((epoch = ControlBlock.nextEpoch(epoch)), members.length);
    return runner.run({
      epoch,
      type: 0,
      phase: 'run',
      describe: false,
      boxMs: 1_000,
      members: members.map((member, at) => ({
        taskId: `task ${at}`,
        attempt: 1,
        input: { value: undefined },
        from: 0,
        to: 0,
        ...member,
      })),
      ...chunk,
    });
  };
  /** The outcome of a chunk with one member, whichever way it came. */
  const outcome = async (
    chunk: Partial<ChunkMessage> = {},
    member: Partial<MemberMessage> = {},
  ): Promise<MemberOutcome> => {
    const from = flushed.length;
    const answer = structuredClone(await send(chunk, [member]));
    const all = outcomesOf(answer, flushed.slice(from));
    if (all[0] === undefined) throw new Error('The member has no outcome');
    return all[0];
  };
  return {
    runner,
    control,
    flushed,
    send,
    outcome,
    epoch: (): number => epoch,
    notes: (): readonly Notes[] => flushed.flatMap(({ notes }) => (notes === undefined ? [] : [notes])),
  };
}

/** What became of each member, from the answer and what was flushed. Throws where one was told twice. */
export function outcomesOf(answer: ChunkAnswer, flushed: readonly FlushMessage[]): (MemberOutcome | undefined)[] {
  const outcomes = [...answer.outcomes];
  for (const [index, outcome] of flushed.flatMap((message) => message.outcomes ?? [])) {
    if (outcomes[index] !== undefined) throw new Error(`The outcome of member ${index} came twice`);
    outcomes[index] = outcome;
  }
  return outcomes;
}

export function errorOf(outcome: MemberOutcome | undefined): ThrownMessage | undefined {
  return outcome?.kind === 'threw' ? outcome.error : undefined;
}

export function busyFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
