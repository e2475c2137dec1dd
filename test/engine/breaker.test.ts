import * as fc from 'fast-check';
import { TreadleError, type TreadleErrorCode } from 'treadle';
import { describe, expect, it } from 'vitest';
import { Breaker } from '../../dist/engine/breaker.js';

const task = { id: 'task-1', type: 'digest' };
const failure = (code: TreadleErrorCode): TreadleError => new TreadleError(code, `it ended with ${code}`);

function failed(breaker: Breaker, code: TreadleErrorCode, times: number, nowMs = 0): void {
  for (let time = 0; time < times; time++) breaker.failed(failure(code), nowMs);
}

/** In how many milliseconds it lets one through; 0 for now. */
function closedFor(breaker: Breaker, nowMs: number): number {
  return (breaker.refusal(task, nowMs)?.details?.['retryInMs'] as number | undefined) ?? 0;
}

describe('a breaker', () => {
  it.each<[TreadleErrorCode, number]>([
    ['TASK_MODULE_FAILED', 5],
    ['WORKER_EXITED', 20],
    ['WORKER_OUT_OF_MEMORY', 20],
  ])('opens after %s %d times in a row, for a second, and says why', (code, times) => {
    const breaker = new Breaker();
    failed(breaker, code, times - 1);
    expect(breaker.refusal(task, 0)).toBeNull();
    failed(breaker, code, 1);
    const refusal = breaker.refusal(task, 0.5);
    expect(refusal).toMatchObject({
      code,
      taskId: 'task-1',
      details: { retryInMs: 1_000 },
      cause: failure(code),
    });
    expect(refusal?.message).toBe(
      `Task task-1 (digest) was not run: the last ${times} attempts of this type ended so. ` +
        `Tried again in 1000 ms. The last one: it ended with ${code}`,
    );
  });

  it('counts deaths and modules that fail apart, and anew after anything that came back', () => {
    const breaker = new Breaker();
    failed(breaker, 'TASK_MODULE_FAILED', 4);
    failed(breaker, 'WORKER_EXITED', 19);
    expect(breaker.refusal(task, 0)).toBeNull();
    breaker.succeeded();
    failed(breaker, 'TASK_MODULE_FAILED', 4);
    failed(breaker, 'WORKER_EXITED', 19);
    expect(breaker.refusal(task, 0)).toBeNull();
    failed(breaker, 'WORKER_EXITED', 1);
    expect(breaker.refusal(task, 0)?.code).toBe('WORKER_EXITED');
  });

  it('lets one through each time, after 1, 2, 4, 8, 16 and then 30 seconds', () => {
    const breaker = new Breaker();
    failed(breaker, 'TASK_MODULE_FAILED', 5);
    let nowMs = 0;
    for (const breakMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      expect(closedFor(breaker, nowMs)).toBe(breakMs);
      nowMs += breakMs;
      expect(closedFor(breaker, nowMs - 1)).toBe(1);
      expect(breaker.refusal(task, nowMs)).toBeNull();
      expect(breaker.refusal(task, nowMs)).not.toBeNull();
      breaker.failed(failure('TASK_MODULE_FAILED'), nowMs);
    }
  });

  it('is not kept open longer by what was under way when it opened', () => {
    const breaker = new Breaker();
    failed(breaker, 'WORKER_EXITED', 20, 0);
    failed(breaker, 'WORKER_EXITED', 50, 900);
    expect(closedFor(breaker, 900)).toBe(100);
  });

  it('is open again when the one that was let through fails late', () => {
    const breaker = new Breaker();
    failed(breaker, 'TASK_MODULE_FAILED', 5, 0);
    expect(closedFor(breaker, 1_000)).toBe(0);
    // Two seconds for what becomes of it; it took ten.
    breaker.failed(failure('TASK_MODULE_FAILED'), 11_000);
    expect(closedFor(breaker, 11_000)).toBe(4_000);
  });

  it('closes at once when something comes back, and begins with a second the next time', () => {
    const breaker = new Breaker();
    failed(breaker, 'TASK_MODULE_FAILED', 5, 0);
    expect(closedFor(breaker, 1_000)).toBe(0);
    breaker.succeeded();
    expect([closedFor(breaker, 1_000), closedFor(breaker, 1_000)]).toEqual([0, 0]);
    failed(breaker, 'TASK_MODULE_FAILED', 5, 2_000);
    expect(closedFor(breaker, 2_000)).toBe(1_000);
  });

  it('never lets two through in one break, nor makes anybody wait for more than 30 s', () => {
    const event = fc.record({
      afterMs: fc.nat(8_000),
      what: fc.constantFrom('ask', 'ask', 'module', 'death', 'success'),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const breaker = new Breaker();
        let nowMs = 0;
        let modules = 0;
        let deaths = 0;
        let lastProbeMs = -Infinity;
        for (const { afterMs, what } of events) {
          nowMs += afterMs;
          if (what === 'success') {
            breaker.succeeded();
            [modules, deaths, lastProbeMs] = [0, 0, -Infinity];
          } else if (what === 'module') {
            modules++;
            breaker.failed(failure('TASK_MODULE_FAILED'), nowMs);
          } else if (what === 'death') {
            deaths++;
            breaker.failed(failure('WORKER_EXITED'), nowMs);
          } else {
            const refusal = breaker.refusal(task, nowMs);
            const mayBeOpen = modules >= 5 || deaths >= 20;
            if (refusal !== null) {
              expect(mayBeOpen).toBe(true);
              expect(refusal.details?.['retryInMs']).toBeGreaterThan(0);
              expect(refusal.details?.['retryInMs']).toBeLessThanOrEqual(30_000);
            } else if (mayBeOpen) {
              expect(nowMs - lastProbeMs).toBeGreaterThanOrEqual(1_000);
              lastProbeMs = nowMs;
            }
          }
        }
      }),
    );
  });
});
