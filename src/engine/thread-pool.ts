import type { ResourceLimits } from 'node:worker_threads';
import type { Clock, StopTimer } from './clock.js';
import { deferred } from './deferred.js';
import type { Chunk, Flight, FlightEvents, Lanes, Outcome } from './lanes.js';
import { LoneOutcome } from './lone-outcome.js';
import type { StrayMessage, WorkerBoot } from './protocol.js';
import { type ChunkObserver, type LaneState, ThreadLane } from './thread-lane.js';
import type { LaneView } from './thread-snapshot.js';
import type { RecycleLimits } from './thread-wear.js';

export interface ThreadPoolOptions {
  readonly max: number;
  readonly idleMs: number;
  readonly resourceLimits: ResourceLimits;
  readonly nice: number;
  readonly recycle: RecycleLimits;
  readonly types: WorkerBoot['types'];
  /** Numbers of the types whose code must not be ended by force, not while its module loads either. */
  readonly unkillable: ReadonlySet<number>;
  /** Numbers of the types whose tasks use a few lanes each, so that they need not be warm on all. */
  readonly narrow: ReadonlySet<number>;
  readonly clock: Clock;
  readonly chunks: ChunkObserver;
  /** Code threw that a task had left behind; its thread is replaced. */
  readonly onStray: (stray: StrayMessage['stray']) => void;
  /** A lane became free, or its thread came or went. */
  readonly onChange: () => void;
}

/** {@link Lanes} on worker threads. */
export class ThreadPool implements Lanes {
  readonly #options: ThreadPoolOptions;
  #lanes: ThreadLane[] = [];
  /** Lanes that are on their way out after a `resize`. */
  readonly #leaving = new Set<ThreadLane>();
  readonly #warmUps = new Map<ThreadLane, { type: number; resolve: (outcome: Outcome) => void }[]>();
  /** Flights that load a module, and the number of its type. */
  readonly #warming = new Map<Flight, number>();
  #onWarmed: (() => void) | null = null;
  #closed = false;
  #stopIdleTimer: StopTimer | null = null;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#addLanes(options.max);
  }

  free(): number {
    const idle = this.#count('idle');
    if (idle > 0 || this.#count('busy') + this.#count('booting') > 0) return idle;
    // With no thread to be had at all, work must fail rather than wait for ever.
    return this.#count('cold') > 0 ? 0 : this.#count('broken');
  }

  grow(waiting: () => number): void {
    if (this.#count('cold') === 0) return;
    let wanted = waiting() - this.#count('booting');
    for (const lane of this.#lanes) {
      // A lane that leaves counts until its thread is gone: never more threads than asked for.
      if (wanted <= 0 || this.live() >= this.#lanes.length) return;
      if (lane.state !== 'cold') continue;
      lane.boot();
      wanted--;
    }
  }

  send(chunk: Chunk, events: FlightEvents): Flight {
    return this.#bestFor(chunk).send(chunk, events);
  }

  forget(taskId: string): void {
    for (const lane of this.#lanes) lane.forget(taskId);
  }

  check(): number {
    let lost = 0;
    for (const lane of this.#all()) lost += lane.check();
    return lost;
  }

  async warmUp(): Promise<readonly { type: number; outcome: Outcome }[]> {
    const loads: Promise<{ type: number; outcome: Outcome }>[] = [];
    for (const lane of this.#lanes) {
      const jobs = this.#options.types.map((_, type) => {
        const loaded = deferred<Outcome>();
        loads.push(loaded.promise.then((outcome) => ({ type, outcome })));
        return { type, resolve: loaded.resolve };
      });
      this.#warmUps.set(lane, [...(this.#warmUps.get(lane) ?? []), ...jobs]);
    }
    this.#onLaneChange();
    return Promise.all(loads);
  }

  /** Warm-ups go before tasks, or a busy pool would never get to them. */
  #continueWarmUps(): void {
    for (const [lane, jobs] of this.#warmUps) {
      if (lane.state === 'cold' && this.live() < this.#lanes.length) lane.boot();
      if (lane.state !== 'idle' && lane.state !== 'broken') continue;
      const job = jobs.shift();
      if (jobs.length === 0) this.#warmUps.delete(lane);
      if (job === undefined) continue;
      const onWhole = (outcome: Outcome): void => {
        this.#warming.delete(flight);
        job.resolve(outcome);
        this.#onWarmed?.();
      };
      const events = new (class extends LoneOutcome {
        protected override onWhole = onWhole;
      })();
      const flight = lane.send(loadChunk(job.type, !this.#options.unkillable.has(job.type)), events);
      this.#warming.set(flight, job.type);
    }
  }

  resize(max: number): void {
    this.#addLanes(max);
    for (const lane of this.#lanes.splice(max)) {
      lane.leaving = true;
      this.#leaving.add(lane);
      for (const job of this.#warmUps.get(lane) ?? []) job.resolve(NOT_WARMED);
      this.#warmUps.delete(lane);
    }
    this.#onLaneChange();
  }

  #addLanes(max: number): void {
    const { types, resourceLimits, nice, recycle, clock, chunks, onStray } = this.#options;
    const onChange = (): void => this.#onLaneChange();
    while (this.#lanes.length < max) {
      const id = this.#freeId();
      this.#lanes.push(new ThreadLane({ id, types, resourceLimits, nice, recycle, clock, chunks, onStray, onChange }));
    }
  }

  /** The least number that no lane has, so that there are never more of them than there were lanes at once. */
  #freeId(): number {
    const taken = new Set(Array.from(this.#all(), ({ id }) => id));
    let id = 0;
    while (taken.has(id)) id++;
    return id;
  }

  /** Looks at the work on all lanes for signs of life. */
  look(): void {
    for (const lane of this.#all()) lane.look();
  }

  /** All lanes, by number: those that leave are among them until their threads are gone. */
  views(): readonly LaneView[] {
    return Array.from(this.#all(), (lane) => lane.view()).sort((a, b) => a.id - b.id);
  }

  live(): number {
    let live = 0;
    for (const lane of this.#all()) if (lane.live) live++;
    return live;
  }

  busy(): number {
    let busy = 0;
    for (const lane of this.#all()) if (lane.state === 'busy') busy++;
    return busy;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Waits for all lanes but those with a task: they end by themselves when they have left it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.resize(0);
    this.#stopIdleTimer?.();
    // Loading a module belongs to no task, so nobody else ends it.
    for (const [flight, type] of this.#warming) if (!this.#options.unkillable.has(type)) flight.kill();
    const allWarmed = deferred<void>();
    this.#onWarmed = () => this.#warming.size === 0 && allWarmed.resolve();
    this.#onWarmed();
    await allWarmed.promise;
    await Promise.all([...this.#leaving].filter((lane) => lane.state !== 'busy').map((lane) => lane.close()));
  }

  *#all(): Iterable<ThreadLane> {
    yield* this.#lanes;
    yield* this.#leaving;
  }

  #count(state: LaneState): number {
    let count = 0;
    for (const lane of this.#lanes) if (lane.state === state) count++;
    return count;
  }

  /**
   * A free lane, best the one that
   *
   * 1. needs no new thread;
   * 2. has run the type before, because what it keeps per thread is warm there;
   * 3. is not kept for another type, a narrow one that has run there and will want to come back;
   * 4. has the module loaded;
   * 5. was busy last, so that the others can end.
   *
   * A type that is not narrow will be warm everywhere sooner or later, so for it 3 goes before 2: it leaves the lanes
   * of narrow types to them as long as another one is free.
   */
  #bestFor(chunk: Chunk): ThreadLane {
    let best: ThreadLane | null = null;
    let bestRank = -Infinity;
    for (const lane of this.#lanes) {
      if (lane.state !== 'idle' && lane.state !== 'broken') continue;
      const rank = this.#rank(lane, chunk);
      if (best !== null && (rank < bestRank || (rank === bestRank && lane.idleSince <= best.idleSince))) continue;
      best = lane;
      bestRank = rank;
    }
    if (best === null) throw new Error('No lane is free: ask free() before send()');
    return best;
  }

  #rank(lane: ThreadLane, chunk: Chunk): number {
    if (lane.state === 'broken') return -2;
    if (!lane.fits(chunk)) return -1;
    const { narrow } = this.#options;
    const isNarrow = narrow.has(chunk.type);
    let rank = lane.warmTypes.has(chunk.type) ? 1 : 0;
    if (lane.usedBy.has(chunk.type)) rank += isNarrow ? 4 : 2;
    if (!this.#isKept(lane, chunk.type)) rank += isNarrow ? 2 : 4;
    return rank;
  }

  /** Whether another type that uses few lanes may keep something warm there. */
  #isKept(lane: ThreadLane, type: number): boolean {
    for (const narrow of this.#options.narrow) if (narrow !== type && lane.usedBy.has(narrow)) return true;
    return false;
  }

  #onLaneChange(): void {
    for (const lane of this.#leaving) {
      if (lane.state === 'cold' || lane.state === 'closed') this.#leaving.delete(lane);
      else if (lane.state !== 'busy') void lane.close();
    }
    this.#continueWarmUps();
    this.#watchIdle();
    this.#options.onChange();
  }

  /** One timer for all lanes: ends those that did nothing for too long. */
  #watchIdle(): void {
    const { idleMs, clock } = this.#options;
    if (this.#stopIdleTimer !== null || idleMs === Infinity || this.#count('idle') === 0) return;
    this.#stopIdleTimer = clock.after(idleMs, () => {
      this.#stopIdleTimer = null;
      const idleSince = clock.monotonic() - idleMs;
      for (const lane of this.#lanes) if (lane.state === 'idle' && lane.idleSince <= idleSince) void lane.retire();
      this.#watchIdle();
    });
  }
}

/** What became of loading on a lane that left meanwhile. */
const NOT_WARMED: Outcome = { kind: 'stopped', begun: false, ms: 0, shape: null };

function loadChunk(type: number, killable: boolean): Chunk {
  return {
    taskIds: [''],
    inputs: [undefined],
    type,
    phase: 'load',
    attempt: 1,
    failures: 0,
    resends: 0,
    from: 0,
    to: 0,
    describe: true,
    boxMs: 0,
    fresh: false,
    killable,
  };
}
