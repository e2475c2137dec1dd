import type { StandardSchemaV1 } from '@standard-schema/spec';
import { nanoid } from 'nanoid';
import { Announcer } from './announcer.js';
import { TreadleError, describeValue, invalidArgument, onlyKeys } from './errors.js';
import type { GroupPage } from './groups.js';
import { Execution, type ExecutionHost } from './execution.js';
import { Hooks, type SettledHook } from './hooks.js';
import {
  type ResolvedOptions,
  type TaskManagerOptions,
  duration,
  integer,
  resolveOptions,
  threadCount,
} from './options.js';
import { countOf } from './item-source.js';
import { Pack, type PackHost, isPackable } from './pack.js';
import { ProgressTicker } from './progress-ticker.js';
import { Reconciler } from './reconciler.js';
import { type ListOptions, type OwnerScope, Records, type ResultsOptions, type TaskPage, ownerOf } from './records.js';
import { type RerunOptions, checkRerunOptions, workOfRerun } from './rerun.js';
import type { Run } from './run.js';
import { Scheduler } from './scheduler.js';
import { type CloseOptions, type CloseReport, Closing } from './closing.js';
import {
  type SubmitArguments,
  type Submission,
  type TaskResult,
  checkCloneable,
  checkInput,
  checkSubmission,
} from './submission.js';
import { TaskEmitter } from './task-emitter.js';
import { type HandleHost, TaskHandle } from './task-handle.js';
import { Task, type TaskIdentity, type TaskObserver, type TaskWork } from './task.js';
import { errorOfExpiry, errorOfLost, errorOfThrown } from './task-failure.js';
import { type SettledRecord, type TaskRecord, isTerminal } from './task-record.js';
import { type TaskStats, sumOf } from './task-stats.js';
import type { Notes } from './protocol.js';
import { type ResolvedTaskType, type TaskType, resolveTaskTypes } from './task-type.js';
import { ThreadPool } from './thread-pool.js';
import { type ThreadSnapshot, threadSnapshot } from './thread-snapshot.js';

/** A task type of any kind. */
// oxlint-disable-next-line typescript/no-explicit-any -- only `any` takes every definition and input
export type AnyTaskType = TaskType<any, any>;

/**
 * Runs heavy tasks on worker threads and keeps a bounded, truthful record of each.
 *
 * @example
 * const tasks = new TaskManager({ types: { digest: taskType(taskModule<typeof digest>(url)) } });
 * const task = await tasks.submit('digest', { items: texts });
 * const prints = await task.result();
 */
export class TaskManager<Types extends { readonly [Name in keyof Types]: AnyTaskType }> extends TaskEmitter {
  readonly #options: ResolvedOptions;
  readonly #types: Map<string, ResolvedTaskType>;
  readonly #lanes: ThreadPool;
  readonly #scheduler: Scheduler;
  readonly #records: Records;
  readonly #hooks: Hooks;
  readonly #runHost: ExecutionHost & PackHost;
  readonly #observer: TaskObserver & HandleHost;
  readonly #announcer: Announcer = new Announcer(this, (task) => this.#recordOf(task));
  readonly #ticker: ProgressTicker;
  /** The backstop that looks every few seconds for what should have happened by itself; the first submission starts it. */
  readonly reconciler: Reconciler;
  #threads: number;
  #active = 0;
  #closing: Closing | null = null;

  /** @throws TreadleError INVALID_ARGUMENT, TASK_MODULE_FAILED (a module's file is not there), UNSERIALIZABLE (`data`). */
  constructor(options: TaskManagerOptions<Types>) {
    super((error) => this.#announcer.error(error));
    if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
    this.#options = resolveOptions(options);
    const { clock, threads, cancelGraceMs } = this.#options;
    const onError = (error: unknown): void => this.#announcer.error(error);
    const types = resolveTaskTypes(options.types, { cancelGraceMs, random: this.#options.random, onError });
    const watched = types.find(({ policy }) => policy.heartbeatTimeoutMs !== Infinity);
    if (watched !== undefined && this.#options.reconcileEveryMs === Infinity) {
      const expected = `finite, because \`types.${watched.name}\` has a \`heartbeatTimeoutMs\``;
      throw invalidArgument('reconcileEveryMs', expected, Infinity);
    }
    this.#types = new Map(types.map((type) => [type.name, type]));
    const nameOf = (type: number): string => (types[type] as ResolvedTaskType).name;
    this.#threads = threads.max;
    this.#lanes = new ThreadPool({
      ...threads,
      types: types.map(({ name, url, policy }) => ({ name, url, data: policy.data, skipsItems: policy.skipsItems })),
      unkillable: new Set(types.filter(({ policy }) => !policy.killable).map(({ index }) => index)),
      narrow: new Set(types.filter(({ policy }) => policy.parallelism < Infinity).map(({ index }) => index)),
      clock,
      chunks: {
        onChunkSent: (lane, chunk) => this.#announcer.chunkSent(nameOf(chunk.type), lane, chunk),
        onChunkOver: (lane, chunk, ms, outcome) =>
          this.#announcer.chunkOver(nameOf(chunk.type), lane, chunk, ms, outcome),
      },
      onStray: ({ type, taskId, error }) => this.#announcer.stray(types[type ?? -1]?.name ?? null, taskId, error),
      onChange: () => this.#scheduler.onLaneChange(),
    });
    this.#scheduler = new Scheduler(
      {
        lanes: this.#lanes,
        clock,
        typeOf: (name) => this.#typeOf(name),
        runOf: (task) => this.#runOf(task),
      },
      this.#options.maxConcurrentTasks,
    );
    this.#ticker = new ProgressTicker(clock, () => this.#tick());
    this.#hooks = new Hooks(clock, onError);
    this.#records = new Records(this.#options.history, clock, (task) => this.#recordOf(task));
    this.#runHost = {
      lanes: this.#lanes,
      clock,
      threads: () => this.#threads,
      closing: () => this.#closing !== null,
      waiting: (type) => this.#scheduler.pending.sizeOf(type),
      takeNext: (type, wanted) => this.#scheduler.pending.takeOf(type, wanted),
      putBack: (tasks) => this.#scheduler.putBack(tasks),
      execute: (task) => this.#execute(task),
      cancel: (task) => this.#cancel(task),
      onUsed: (owner, ms) => this.#scheduler.charge(owner, ms),
      onReady: (run) => this.#scheduler.wake(run),
      onRested: (run) => this.#scheduler.catchUp(run),
      onRetry: (task, delayMs) => this.#scheduler.retry(task, delayMs),
      onNotes: (task, notes) => this.#addNotes(task, notes),
    };
    this.#observer = {
      onTransition: (task) => this.#onTransition(task),
      record: (task) => this.#recordOf(task),
      cancel: (task) => this.#cancel(task),
    };
    this.reconciler = new Reconciler(
      {
        expireRecords: (max) => this.#records.expire(max),
        checkLanes: () => this.#lanes.check(),
        inProgress: () => this.#scheduler.inProgress,
        catchUpHooks: () => this.#hooks.catchUp(),
        onError,
      },
      clock,
      this.#options.reconcileEveryMs,
    );
  }

  /** The names of the task types that may be submitted. */
  get typeNames(): readonly string[] {
    return [...this.#types.keys()];
  }

  /**
   * Takes a task on. It has been checked, is no unwanted duplicate and waits in the queue when the promise resolves.
   * The input is not copied: do not change it until the task has settled.
   *
   * @throws TreadleError INVALID_ARGUMENT, UNKNOWN_TASK_TYPE, UNSERIALIZABLE, QUEUE_FULL, DUPLICATE_TASK (`taskId` is
   *   the task in the way), CLOSED.
   */
  submit<Name extends keyof Types & string>(
    type: Name,
    ...args: SubmitArguments<Types[Name]>
  ): Promise<TaskHandle<TaskResult<Types[Name]>>> {
    // Waits for nothing where there is nothing to wait for: small tasks come by the thousand.
    try {
      this.#refuseWhenClosed();
      const resolved = this.#typeOf(type);
      const submission = checkSubmission(resolved, args[0] === undefined ? {} : args[0]);
      const { schema } = resolved.policy;
      if (schema !== null) return this.#submitChecked(type, schema, submission);
      checkCloneable(submission.input);
      return Promise.resolve(this.#submit(type, submission, submission));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #submitChecked<Result>(
    type: string,
    schema: StandardSchemaV1,
    submission: Submission,
  ): Promise<TaskHandle<Result>> {
    const input = await checkInput(type, schema, submission.input);
    this.#refuseWhenClosed();
    const { items, timeoutMs } = submission;
    return this.#submit(type, submission, { input, items, timeoutMs });
  }

  /** One synchronous step, so that of two equal submissions one is the duplicate. */
  #submit<Result>(type: string, submission: Submission, work: TaskWork): TaskHandle<Result> {
    const task = this.#joined(type, submission) ?? this.#accept(type, submission, work, submission);
    return new TaskHandle(task, this.#observer);
  }

  /**
   * Runs a settled task again as a new one, with the same type, input, `resourceId`, group, owner, priority and meta:
   * one that failed, or whose items failed in part, of a type with `keepInput: 'failed'`. Its record says `rerunOf`.
   *
   * @throws TreadleError TASK_NOT_FOUND, NOT_RERUNNABLE (says why), INVALID_ARGUMENT, QUEUE_FULL, DUPLICATE_TASK, CLOSED.
   */
  async rerun(id: string, options: RerunOptions = {}): Promise<TaskHandle> {
    this.#refuseWhenClosed();
    const { onlyFailedItems, scope } = checkRerunOptions(options);
    const record = this.get(id, scope);
    if (record === undefined) throw new TreadleError('TASK_NOT_FOUND', `There is no task ${describeValue(id)}`);
    const type = this.#typeOf(record.type);
    const work = workOfRerun(record, type, this.#records.inputOf(id), onlyFailedItems);
    const { onDuplicate, expiresInMs } = type.policy;
    const task =
      this.#joined(type.name, { ...record, onDuplicate, onSettled: null }) ??
      this.#accept(type.name, { ...record, rerunOf: id }, work, {
        priority: record.priority,
        expiresInMs,
        onSettled: null,
      });
    return new TaskHandle(task, this.#observer);
  }

  /** The record of a task; undefined when there is none, it has left the history, or it is another owner's. */
  get(id: string, scope: OwnerScope = {}): TaskRecord | undefined {
    const entry = this.#records.find(id, scope);
    return entry === undefined ? undefined : (this.#records.recordIn(entry) ?? undefined);
  }

  /**
   * Records over all tasks that are known, newest first.
   * @throws TreadleError INVALID_ARGUMENT for an unknown status, limit or cursor.
   */
  list(options: ListOptions = {}): TaskPage {
    return this.#records.list(options);
  }

  /**
   * Asks a task to stop. One that waits never starts; one that runs is `cancelling` until its threads have left it.
   * Returns its record, undefined where there is none. Cancelling twice, or a settled task, changes nothing.
   */
  cancel(id: string, scope: OwnerScope = {}): TaskRecord | undefined {
    const task = this.#records.find(id, scope)?.task;
    if (task !== null && task !== undefined) this.#cancel(task);
    return this.get(id, scope);
  }

  /**
   * The tasks of a group that have settled since the last call, oldest first. Each is given out once; tasks in progress
   * stay. Groups of different owners are different groups: without an owner it is the group of the tasks without one.
   */
  takeResults(group: string, scope: OwnerScope = {}): readonly SettledRecord[] {
    return this.#records.takeResults(group, scope);
  }

  /**
   * The tasks of a group that have settled, oldest first, at most `limit` of them; they come again until they are
   * acknowledged, with the `cursor` of their page as `ack` of a later call. So none is lost where an answer is. What is not
   * acknowledged goes only when the history lets go of it, and what is stays in the history. To acknowledge twice, or with
   * a cursor of another group, changes nothing. Groups of different owners are different groups, as for `takeResults`,
   * which takes from the same.
   *
   * @example
   * let page = tasks.results('import-1');
   * while (page.records.length > 0) {
   *   await keep(page.records);
   *   page = tasks.results('import-1', { ack: page.cursor });
   * }
   * @throws TreadleError INVALID_ARGUMENT for a group that is no name, an unknown limit or cursor.
   */
  results(group: string, options: ResultsOptions = {}): GroupPage {
    return this.#records.results(group, options);
  }

  /** Counts, limits, threads and what `close()` waits for; with an owner, of that owner's tasks. @throws TreadleError INVALID_ARGUMENT */
  stats(scope: OwnerScope = {}): TaskStats {
    const owner = ownerOf(scope);
    // Which task of a pack is at work is known only when somebody looks.
    for (const run of this.#scheduler.inProgress) run.sample();
    const types = this.#records.typeStats(this.#types.keys(), owner);
    const sum = sumOf([...types.values()]);
    return {
      ...sum,
      types: Object.fromEntries(types),
      maxConcurrentTasks: this.#scheduler.maxConcurrentTasks,
      paused: this.#scheduler.paused,
      history: owner === null ? this.#records.settled : sum.completed + sum.failed + sum.cancelled,
      closing: this.#closing?.stats(owner) ?? null,
      threads: {
        max: this.#threads,
        live: this.#lanes.live(),
        busy: this.#lanes.busy(),
        overdue: this.threads(scope).filter(({ overdue }) => overdue).length,
      },
    };
  }

  /**
   * Every thread at this moment, by number: what it works on, since when, and whether it shows signs of life. Those that
   * `setThreads` gave up are there until they are gone. With an owner, of the work of others no more is shown than that
   * there is some.
   * @throws TreadleError INVALID_ARGUMENT for a scope that is none.
   */
  threads(scope: OwnerScope = {}): readonly ThreadSnapshot[] {
    const types = [...this.#types.values()];
    const isOwn = ownerOf(scope) === null ? null : (id: string) => this.#records.find(id, scope) !== undefined;
    return this.#lanes.views().map((lane) => threadSnapshot(lane, types, isOwn));
  }

  /** Lets no further task start and no further chunk be cut; chunks in flight end. Submitting goes on. */
  pause(): void {
    // What is to end must be able to.
    if (this.#closing === null) this.#scheduler.paused = true;
  }

  resume(): void {
    this.#scheduler.paused = false;
  }

  /** Changes how many tasks may be in progress; none is stopped for it. @throws TreadleError INVALID_ARGUMENT */
  setMaxConcurrentTasks(max: number): void {
    this.#scheduler.maxConcurrentTasks = integer('maxConcurrentTasks', max, 1);
  }

  /** Changes the number of threads; one that works ends after its chunk. @throws TreadleError INVALID_ARGUMENT */
  setThreads(max: number): void {
    this.#threads = threadCount('threads', max);
    this.#lanes.resize(this.#threads);
  }

  /**
   * Calls `hook` once for each task that settles, with nobody reading. What it throws goes to the `listenerError`
   * event. Returns what unregisters it.
   */
  onSettled(hook: SettledHook): () => void {
    return this.#hooks.add(hook);
  }

  /**
   * Starts every thread and loads every task module on it, so that the first task is as quick as the second and a
   * module that is not what its type says is found now.
   *
   * @throws TreadleError TASK_MODULE_FAILED, WORKER_EXITED, INVALID_ARGUMENT (a policy for items on a one-piece task, or the
   *   reverse), CLOSED.
   */
  async ready(): Promise<void> {
    this.#refuseWhenClosed();
    const types = [...this.#types.values()];
    for (const { type: number, outcome } of await this.#lanes.warmUp()) {
      const type = types[number];
      if (type === undefined) continue;
      const subject = { id: 'ready()', type: type.name };
      if (outcome.kind === 'threw') throw errorOfThrown(subject, outcome);
      this.#refuseWhenClosed();
      if (outcome.kind === 'lost') throw errorOfLost(subject, outcome);
      type.shape = outcome.shape ?? type.shape;
      if (type.shape?.kind === 'batch' && type.policy.pack) {
        throw invalidArgument(`types.${type.name}.pack`, 'left out: the module works on items', true);
      }
      if (type.shape?.kind === 'task' && type.policy.parallelism !== Infinity && type.policy.parallelism > 1) {
        throw invalidArgument(
          `types.${type.name}.parallelism`,
          'left out: the module is one piece of work',
          type.policy.parallelism,
        );
      }
    }
  }

  /**
   * Ends the manager: waiting tasks are cancelled, running ones may end until the deadline, then their threads are
   * ended by force. New submissions are refused with `CLOSED`. A second call shortens the deadline to its own.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    onlyKeys('close options', options, ['timeoutMs']);
    const timeoutMs = duration('timeoutMs', options.timeoutMs, this.#closing === null ? 30_000 : Infinity);
    this.#closing ??= new Closing(this.#scheduler, this.#lanes, this.#hooks, this.#options.clock, () => {
      this.reconciler.close();
      this.#ticker.close();
    });
    return this.#closing.until(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #typeOf(name: string): ResolvedTaskType {
    const type = this.#types.get(name);
    if (type !== undefined) return type;
    throw new TreadleError(
      'UNKNOWN_TASK_TYPE',
      `Expected a task type of ${[...this.#types.keys()].join(', ')}, got ${describeValue(name)}`,
    );
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== null) throw new TreadleError('CLOSED', 'The task manager is closed');
  }

  /** The task to join, where that is wanted and there is one. */
  #joined(
    type: string,
    submission: Pick<Submission, 'owner' | 'resourceId' | 'onDuplicate' | 'priority' | 'onSettled'>,
  ): Task | null {
    const { owner, resourceId, onDuplicate, priority, onSettled } = submission;
    const existing = onDuplicate === 'allow' ? null : this.#records.duplicateOf({ owner, type, resourceId });
    if (existing === null) return null;
    const joinable = onDuplicate === 'join' && existing.status !== 'cancelling' && existing.stopping === null;
    if (!joinable) {
      throw new TreadleError(
        'DUPLICATE_TASK',
        `A task of type "${type}" on ${describeValue(resourceId)} is ${existing.status} already: ${existing.id}`,
        { taskId: existing.id },
      );
    }
    if (onSettled !== null) existing.hooks = [...existing.hooks, onSettled];
    if (priority > existing.priority) this.#scheduler.pending.setPriority(existing, priority);
    return existing;
  }

  #accept(
    type: string,
    named: Omit<TaskIdentity, 'id' | 'type'>,
    work: TaskWork,
    { priority, expiresInMs, onSettled }: Pick<Submission, 'priority' | 'expiresInMs' | 'onSettled'>,
  ): Task {
    const { waiting } = this.#scheduler;
    const { max } = this.#options.queue;
    // What can start at once does not count as waiting.
    const slots = this.#scheduler.maxConcurrentTasks - this.#scheduler.inProgress.size;
    if (waiting >= max + (this.#scheduler.paused ? 0 : Math.max(0, slots))) {
      throw new TreadleError('QUEUE_FULL', `The queue is full: ${waiting} tasks wait and \`queue.max\` is ${max}`);
    }
    const { resourceId, group, owner, meta, rerunOf = null } = named;
    if (owner !== null) this.#checkShare(owner, type);
    const identity = { id: this.#newId(), type, resourceId, group, owner, meta, rerunOf };
    const task = new Task(identity, work, priority, this.#options.clock, this.#observer);
    if (work.items !== null) task.progress.setTotal(countOf(work.items));
    // Before the first event: who hears of it may cancel the task.
    if (onSettled !== null) task.hooks = [onSettled];
    if (expiresInMs !== Infinity) {
      const error = errorOfExpiry(identity, expiresInMs);
      task.stopExpiry = this.#options.clock.after(expiresInMs, () => this.#expire(task, error));
    }
    this.#active++;
    this.#records.add(task);
    this.#scheduler.add(task);
    this.#ticker.keep(this.#active);
    this.reconciler.start();
    this.#announcer.task('submitted', task);
    return task;
  }

  /** Refuses a task where too many of its owner's wait. What can start at once does not count as waiting. */
  #checkShare(owner: string, type: string): void {
    const { maxPendingPerOwner } = this.#options.queue;
    if (maxPendingPerOwner === Infinity) return;
    const waiting = this.#scheduler.waitingOf(owner);
    if (waiting < maxPendingPerOwner + this.#scheduler.roomFor(type)) return;
    throw new TreadleError(
      'QUEUE_FULL',
      `The queue is full for this owner: ${waiting} of its tasks wait and \`queue.maxPendingPerOwner\` is ${maxPendingPerOwner}`,
      { details: { maxPendingPerOwner } },
    );
  }

  #expire(task: Task, error: TreadleError): void {
    if (this.#scheduler.remove(task)) task.settle({ status: 'failed', error });
    else task.run?.expire(task, error);
  }

  #newId(): string {
    const id = this.#options.id();
    if (typeof id !== 'string' || id === '') throw invalidArgument('id()', 'a function that returns a string', id);
    // Those that it makes by default never come twice.
    if (this.#options.id !== nanoid && this.#records.has(id))
      throw invalidArgument('id()', 'a function that returns a new id each time', id);
    return id;
  }

  #cancel(task: Task): void {
    if (this.#scheduler.remove(task)) task.settle({ status: 'cancelled' });
    else task.run?.cancel(task);
  }

  #recordOf(task: Task): TaskRecord {
    task.run?.sample();
    return task.snapshot();
  }

  #runOf(task: Task): Run {
    const type = this.#typeOf(task.identity.type);
    return isPackable(task, type) ? new Pack(task, type, this.#runHost) : this.#execute(task);
  }

  #execute(task: Task): Execution {
    return new Execution(task, this.#typeOf(task.identity.type), this.#runHost);
  }

  #addNotes(task: Task, notes: Notes): void {
    const added = task.addNotes(notes);
    if (added.length > 0) this.#announcer.messages(task, added);
    task.changed();
  }

  #onTransition(task: Task): void {
    const { status } = task;
    task.stopExpiry?.();
    task.stopExpiry = null;
    if (!isTerminal(status)) {
      this.#records.changed(task);
      this.#announcer.task(status === 'pending' ? 'retrying' : status, task);
      return;
    }
    const record = task.snapshot() as SettledRecord;
    this.#active--;
    const { policy } = this.#typeOf(task.identity.type);
    this.#lanes.forget(task.id);
    this.#records.settle(task, record, policy.keepsInput);
    this.#ticker.keep(this.#active);
    this.#announcer.task(status, task);
    this.#hooks.fire(record, task.hooks, policy.onSettled);
  }

  #tick(): void {
    this.#lanes.look();
    for (const run of this.#scheduler.inProgress) {
      run.sample();
      for (const task of run.tasks()) {
        // It may have settled, and gives its slot back in a moment.
        if (task.status === 'pending' || isTerminal(task.status) || !task.hasNewProgress()) continue;
        task.touch();
        task.changed();
        this.#announcer.progress(task);
      }
    }
  }
}
