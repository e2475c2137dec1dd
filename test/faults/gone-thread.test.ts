import type { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { systemClock } from '../../dist/engine/clock.js';
import type { Chunk, Flight, Outcome } from '../../dist/engine/lanes.js';
import { LoneOutcome } from '../../dist/engine/lone-outcome.js';
import { ThreadPool } from '../../dist/engine/thread-pool.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtTask } from '../support/test-manager.js';
import type { Fault } from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

/** Hears how a flight ended. */
class Heard extends LoneOutcome {
  readonly onWhole: (outcome: Outcome) => void;

  constructor(onWhole: (outcome: Outcome) => void) {
    super();
    this.onWhole = onWhole;
  }
}

/** A pool with one thread that is up, and the thread. */
async function upPool() {
  const workers: Worker[] = [];
  const caught = (worker: Worker): void => void workers.push(worker);
  process.on('worker', caught);
  onTestFinished(() => void process.off('worker', caught));
  let changed = (): void => {};
  const pool = new ThreadPool({
    max: 1,
    idleMs: Infinity,
    resourceLimits: {},
    nice: 0,
    recycle: { afterTasks: Infinity, heapMb: Infinity },
    types: [{ name: 'fault', url: builtTask('fault').href, data: undefined, skipsItems: false }],
    unkillable: new Set(),
    narrow: new Set(),
    clock: systemClock,
    chunks: { onChunkSent: () => {}, onChunkOver: () => {} },
    onStray: () => {},
    onChange: () => changed(),
  });
  onTestFinished(() => pool.close());
  const up = async (): Promise<void> => {
    while (pool.free() === 0) await new Promise<void>((resolve) => (changed = resolve));
  };
  pool.grow(() => 1);
  await up();
  const send = (input: Fault): { flight: Flight; outcome: Promise<Outcome> } => {
    let flight!: Flight;
    const outcome = new Promise<Outcome>((resolve) => {
      flight = pool.send(chunkOf(input), new Heard(resolve));
    });
    return { flight, outcome };
  };
  return { pool, workers, up, send };
}

function chunkOf(input: Fault): Chunk {
  return {
    taskIds: ['a task'],
    type: 0,
    phase: 'run',
    attempt: 1,
    failures: 0,
    resends: 0,
    inputs: [input],
    from: 0,
    to: 0,
    describe: false,
    boxMs: 1_000,
    fresh: false,
    killable: true,
  };
}

/** Ends a thread so that nobody is told. */
async function vanish(worker: Worker): Promise<void> {
  for (const event of ['exit', 'error']) worker.removeAllListeners(event);
  await Promise.all([once(worker, 'exit'), worker.terminate()]);
}

describe('check()', () => {
  it('loses the flight of a thread that is gone though nobody was told, and the lane goes on with another', async () => {
    const { pool, workers, up, send } = await upPool();
    const gate = new Gate();
    const { outcome } = send({ action: 'hang', gate: gate.buffer });
    await gate.arrived();
    await vanish(workers[0] as Worker);
    expect(pool.busy()).toBe(1);
    expect(pool.check()).toBe(1);
    expect(await outcome).toMatchObject({ kind: 'lost', reason: 'exited', claimed: true, loading: false });
    expect(pool.check()).toBe(0);
    await up();
    expect(workers).toHaveLength(2);
    expect(await send({ action: 'echo', value: 'alive' }).outcome).toMatchObject({ kind: 'returned', value: 'alive' });
    expect(pool.live()).toBe(1);
  });

  it('finds nothing where a thread works, or where all were told', async () => {
    const { pool, workers, up, send } = await upPool();
    const gate = new Gate();
    const { flight, outcome } = send({ action: 'gate', gate: gate.buffer });
    await gate.arrived();
    expect(pool.check()).toBe(0);
    const told = once(workers[0] as Worker, 'exit').then(() => pool.check());
    flight.kill();
    expect(await told).toBe(0);
    expect(await outcome).toMatchObject({ kind: 'lost', reason: 'killed' });
    await up();
  });
});
