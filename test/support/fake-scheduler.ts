import { Breaker } from '../../dist/engine/breaker.js';
import { ChunkSizer } from '../../dist/engine/chunk.js';
import { Execution, type ExecutionHost } from '../../dist/engine/execution.js';
import type { Chunk } from '../../dist/engine/lanes.js';
import type { Items } from '../../dist/engine/item-source.js';
import { Pack, type PackHost, isPackable } from '../../dist/engine/pack.js';
import { Retries } from '../../dist/engine/retry-policy.js';
import type { Run } from '../../dist/engine/run.js';
import { Scheduler } from '../../dist/engine/scheduler.js';
import { Task } from '../../dist/engine/task.js';
import type { TaskStatus } from '../../dist/engine/task-record.js';
import type { ResolvedPolicy, ResolvedTaskType } from '../../dist/engine/task-type.js';
import { FakeLanes } from './fake-lanes.js';
import { ManualClock } from './manual-clock.js';

export interface FakeType extends Partial<ResolvedPolicy> {
  readonly finish?: boolean;
  readonly cleanup?: boolean;
  /** Work in one piece, without items. */
  readonly onePiece?: boolean;
}

function resolvedType(
  name: string,
  { finish = false, cleanup = false, onePiece = false, ...policy }: FakeType,
): ResolvedTaskType {
  const resolved: ResolvedPolicy = {
    schema: null,
    data: undefined,
    timeoutMs: Infinity,
    expiresInMs: Infinity,
    heartbeatTimeoutMs: Infinity,
    retries: 0,
    retryDelay: () => 0,
    skipsItems: false,
    keepsInput: false,
    parallelism: Infinity,
    isolate: false,
    concurrency: Infinity,
    chunk: { targetMs: 25, min: 1, max: 1_000_000 },
    pack: false,
    cancelGraceMs: 50,
    takesItems: true,
    killable: true,
    onDuplicate: 'allow',
    onSettled: null,
    ...policy,
  };
  return {
    name,
    index: 0,
    url: '',
    shape: { kind: onePiece ? 'task' : 'batch', plan: false, each: false, finish, cleanup },
    breaker: new Breaker(),
    retries: new Retries(resolved, () => 0, fail),
    packSize: new ChunkSizer(resolved.chunk),
    policy: resolved,
  };
}

function fail(error: unknown): never {
  throw error;
}

interface Submitted {
  readonly items?: Items<unknown> | null;
  readonly priority?: number;
  readonly owner?: string | null;
}

export interface FakeSchedulerOptions {
  readonly types: Readonly<Record<string, FakeType>>;
  readonly maxConcurrentTasks?: number;
  readonly lanes?: number;
  readonly costMs: (chunk: Chunk) => number;
}

/** The real scheduler, executions, packs and tasks on lanes that are not real. */
export function fakeScheduler({ types, maxConcurrentTasks = 16, lanes: count = 1, costMs }: FakeSchedulerOptions) {
  const clock = new ManualClock();
  const resolved = new Map(Object.entries(types).map(([name, type]) => [name, resolvedType(name, type)]));
  const typeOf = (name: string): ResolvedTaskType => {
    const type = resolved.get(name);
    if (type === undefined) throw new Error(`No type ${name}`);
    return type;
  };
  const lanes = new FakeLanes({ lanes: count, costMs });
  const events: { readonly id: string; readonly status: TaskStatus }[] = [];
  const host: ExecutionHost & PackHost = {
    lanes,
    clock,
    threads: () => count,
    closing: () => false,
    waiting: (type) => scheduler.pending.sizeOf(type),
    takeNext: (type, wanted) => scheduler.pending.takeOf(type, wanted),
    putBack: (tasks) => scheduler.putBack(tasks),
    execute: (task) => new Execution(task, typeOf(task.identity.type), host),
    cancel: (task) => task.run?.cancel(task),
    onUsed: (owner, ms) => scheduler.charge(owner, ms),
    onReady: (run) => scheduler.wake(run),
    onRested: (run) => scheduler.catchUp(run),
    onRetry: (task, delayMs) => scheduler.retry(task, delayMs),
    onNotes: () => {},
  };
  const runOf = (task: Task): Run => {
    const type = typeOf(task.identity.type);
    return isPackable(task, type) ? new Pack(task, type, host) : host.execute(task);
  };
  const scheduler: Scheduler = new Scheduler({ lanes, clock, typeOf, runOf }, maxConcurrentTasks);
  lanes.onChange = () => scheduler.pump();

  const add = (id: string, type: string, { items = null, priority = 0, owner = null }: Submitted = {}) => {
    const identity = { id, type, resourceId: null, group: null, owner, meta: null };
    const observer = { onTransition: (task: Task) => void events.push({ id: task.id, status: task.status }) };
    const task = new Task(identity, { input: undefined, items }, priority, clock, observer);
    scheduler.add(task);
    return task;
  };
  return { scheduler, lanes, events, add };
}
