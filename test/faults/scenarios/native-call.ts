import { join } from 'node:path';
import { expect } from 'vitest';
import { CLOSE_MS, type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import { NamedPipe } from '../../support/named-pipe.js';
import type { TrapOptions } from '../../support/trap.js';
import type { Step } from '../../tasks/hazard.task.js';

const CLEANUP_MS = 30_000;

/** A task in a native call that lasts until the pipe is drained, whatever is done to its thread. */
async function reachNative(
  bench: FaultBench,
  step: Step,
  { cancelFirst = false, ...options }: TrapOptions & { cancelFirst?: boolean } = {},
) {
  const pipe = new NamedPipe(join(bench.folder, `pipe-${step}-${bench.tasks.stats().total}`));
  const native = await bench.reach(step, { act: 'native', pipe: pipe.path, bytes: pipe.bytes }, options);
  if (cancelFirst) native.task.cancel();
  native.trap.spring();
  await pipe.written();
  return { ...native, pipe };
}

/** The same in one piece, which has nothing to clean up. */
async function reachNativePiece(bench: FaultBench) {
  const pipe = new NamedPipe(join(bench.folder, `pipe-${bench.tasks.stats().total}`));
  const input = { strike: { act: 'native', pipe: pipe.path, bytes: pipe.bytes } } as const;
  const task = await bench.tasks.submit('single', { input });
  await pipe.written();
  return { task, pipe };
}

/** It has been ended by force, but it can't have left: it holds its slot and its thread while others run. */
async function staysInTheWay(bench: FaultBench, pipe: NamedPipe): Promise<void> {
  const { maxConcurrentTasks } = bench.tasks.stats();
  bench.tasks.setMaxConcurrentTasks(2);
  const { task: first, trap } = await bench.reach('run', null, { beside: false });
  const second = await bench.submitFine();
  await pipe.readHalf();
  expect(second.record.status).toBe('pending');
  expect(bench.tasks.stats().threads).toMatchObject({ max: 2, live: 2, busy: 2 });
  trap.release();
  expect(await first.result()).toBe(trap.result);
  expect(await second.result()).toBe(6);
  bench.tasks.setMaxConcurrentTasks(maxConcurrentTasks);
}

function staysCancelling(step: 'plan' | 'run' | 'finish'): Trial['run'] {
  return async (bench) => {
    const { task, trap, pipe } = await reachNative(bench, step);
    expect(task.cancel().status).toBe('cancelling');
    bench.clock.advance(GRACE_MS);
    await staysInTheWay(bench, pipe);
    expect(task.record.status).toBe('cancelling');
    await pipe.drain();
    expect((await task.settled()).status).toBe('cancelled');
    expect(trap.begun('cleanup')).toBe(1);
  };
}

export default {
  row: 'cancel, during a native call',
  cells: {
    pending: {
      behaviour: 'a task that waits behind it waits until the call is over and the thread has left',
      run: async (bench) => {
        const { task, pipe } = await reachNative(bench, 'run');
        const next = await bench.submitFine();
        task.cancel();
        bench.clock.advance(GRACE_MS);
        await pipe.readHalf();
        expect([task.record.status, next.record.status]).toEqual(['cancelling', 'pending']);
        await pipe.drain();
        expect(await next.result()).toBe(6);
        expect(task.record.status).toBe('cancelled');
      },
    },
    plan: {
      behaviour: 'stays cancelling, and holds slot and thread, until the call is over',
      run: staysCancelling('plan'),
    },
    run: {
      behaviour: 'stays cancelling, and holds slot and thread, until the call is over; so does work in one piece',
      run: async (bench) => {
        await staysCancelling('run')(bench);
        // From then on it is known that there is nothing to clean up.
        await (await bench.tasks.submit('single', { input: { strike: null } })).result();
        const { task, pipe } = await reachNativePiece(bench);
        task.cancel();
        bench.clock.advance(GRACE_MS);
        await staysInTheWay(bench, pipe);
        expect(task.record.status).toBe('cancelling');
        await pipe.drain();
        expect((await task.settled()).status).toBe('cancelled');
      },
    },
    finish: {
      behaviour: 'stays cancelling, and holds slot and thread, until the call is over',
      run: staysCancelling('finish'),
    },
    cleanup: {
      behaviour: 'stays running beyond the limit of cleanup, until the call is over; the outcome stays as it is',
      run: async (bench) => {
        const { task, trap, pipe } = await reachNative(bench, 'cleanup');
        task.cancel();
        bench.clock.advance(CLEANUP_MS);
        await staysInTheWay(bench, pipe);
        expect(task.record.status).toBe('running');
        await pipe.drain();
        expect(await task.result()).toBe(trap.result);
      },
    },
    cancelling: {
      behaviour: 'a call that begins after the cancel is waited for too, however often it is cancelled',
      run: async (bench) => {
        const { task, pipe } = await reachNative(bench, 'run', { cancelFirst: true });
        bench.clock.advance(GRACE_MS);
        task.cancel();
        bench.clock.advance(GRACE_MS);
        await staysInTheWay(bench, pipe);
        expect(task.record.status).toBe('cancelling');
        await pipe.drain();
        expect((await task.settled()).status).toBe('cancelled');
      },
    },
    closing: {
      behaviour: 'close() ends, and names it as alive; it is cancelled when the call is over, and no thread is left',
      run: async (bench) => {
        const { task, pipe } = await reachNative(bench, 'run', { beside: false });
        const closed = bench.close();
        bench.clock.advance(CLOSE_MS);
        expect(await bench.passTime(closed)).toEqual({ cancelled: [], interrupted: [task.id], alive: [task.id] });
        expect(task.record.status).toBe('cancelling');
        expect(bench.tasks.stats().threads).toMatchObject({ live: 1, busy: 1 });
        await pipe.drain();
        expect((await task.settled()).status).toBe('cancelled');
      },
    },
  },
} satisfies Scenario;
