import assert from 'node:assert/strict';
import { Bench } from 'tinybench';
import { type TaskFilter, TaskManager, taskModule, taskType } from 'treadle';
import { medianFigure } from '../runner/figures.js';
import { keepOutstanding } from '../runner/outstanding.js';
import type { Effort, Figure, Goal, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

const SETTLED = 10_000;
const LIST_GOAL = { atMost: 0.5 };
const GET_GOAL = { atMost: 10 };

/** Row 12. */
export const readingRecords: Row = {
  number: 12,
  question: 'Reading records: `list({ limit: 50 })` and `get` with 10,000 settled tasks',
  goal: 'p99 at most 0.5 ms and 10 µs',
  about: `Each call is timed by itself (tinybench), and its answer checked in the call. \`get\` asks for one id after
another in an order that jumps through the whole history. The other lines are calls that would have to look at more, if there were only one
list of all tasks: the last page, found by its cursor; 50 of the 1 % that were cancelled, or are of a seldom type; 50 of one of ten owners;
filters that nothing matches. The first calls with a filter make its index, and belong to the warm-up. Figures are absolute: there is nothing to
compare with.`,
  shortfall: '',
  run,
};

type Manager = TaskManager<ReturnType<typeof types>>;

function types() {
  const module = taskModule<typeof noOp>(builtModule('no-op.task'));
  return { no_op: taskType(module), seldom: taskType(module) };
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  await using manager: Manager = new TaskManager({
    types: types(),
    threads: { max: THREADS },
    history: { max: SETTLED },
  });
  const ids = await settle(manager);
  const { lastPage } = pages(manager);
  let at = 0;
  const calls = {
    list: () => assert.equal(manager.list({ limit: 50 }).records.length, 50),
    get: () => {
      // A step that shares no factor with the length visits all of them.
      at = (at + 7_919) % ids.length;
      const id = ids[at] as string;
      assert.equal(manager.get(id)?.id, id);
    },
    unknown: () => assert.equal(manager.get('no such id'), undefined),
    lastPage: () => assert.equal(manager.list({ limit: 50, cursor: lastPage }).nextCursor, null),
    status: () => expectPage(manager, { status: 'cancelled' }, 50),
    owner: () => expectPage(manager, { owner: 'tenant-3' }, 50),
    typeAndStatus: () => expectPage(manager, { type: 'seldom', status: 'completed' }, 50),
    ownerAndStatus: () => expectPage(manager, { owner: 'tenant-3', status: 'completed' }, 50),
    noStatus: () => expectPage(manager, { status: 'failed' }, 0),
    noOwner: () => expectPage(manager, { owner: 'tenant-3', type: 'seldom' }, 0),
  };
  const times = await timeRounds(calls, rounds, quick ? 50 : 300);
  return {
    config: { settled: SETTLED, 'ms a call and round': quick ? 50 : 300 },
    figures: [
      percentile('list({ limit: 50 }), p99', 'ms', times.list.p99, LIST_GOAL),
      percentile('get, p99', 'µs', times.get.p99, GET_GOAL),
      percentile('list({ limit: 50 }), p50', 'ms', times.list.p50),
      percentile('get, p50', 'µs', times.get.p50),
      percentile('get of an unknown id, p99', 'µs', times.unknown.p99),
      percentile('list, last page, p99', 'ms', times.lastPage.p99, LIST_GOAL),
      percentile('list, by a status that 1 % have, p99', 'ms', times.status.p99, LIST_GOAL),
      percentile('list, by owner, p99', 'ms', times.owner.p99, LIST_GOAL),
      percentile('list, by a seldom type and a status, p99', 'ms', times.typeAndStatus.p99, LIST_GOAL),
      percentile('list, by owner and status, p99', 'ms', times.ownerAndStatus.p99, LIST_GOAL),
      percentile('list, by a status that none has, p99', 'ms', times.noStatus.p99, LIST_GOAL),
      percentile('list, by an owner and a type that no task has both, p99', 'ms', times.noOwner.p99, LIST_GOAL),
    ],
  };
}

/** Lets so many tasks settle, and some more that push the first out. Resolves to the ids that are left. */
async function settle(manager: Manager): Promise<string[]> {
  const ids: string[] = [];
  await keepOutstanding(SETTLED + 100, 500, async (at) => {
    // The first one of each hundred, which is never one of the owner that is asked for.
    const task = await manager.submit(at % 100 === 0 ? 'seldom' : 'no_op', {
      input: at,
      resourceId: `document-${at}`,
      owner: `tenant-${at % 10}`,
      meta: { source: 'bench', at },
    });
    if (at % 100 === 50) task.cancel();
    else assert.equal(await task.result(), at);
    await task.settled();
    ids.push(task.id);
  });
  const kept = ids.filter((id) => manager.get(id) !== undefined);
  assert.equal(kept.length, SETTLED);
  return kept;
}

/** So many records, and all of them as asked for. */
function expectPage(manager: Manager, filter: TaskFilter, count: number): void {
  const { records } = manager.list({ limit: 50, ...filter });
  assert.equal(records.length, count);
  const { status, owner, type } = filter;
  for (const record of records) {
    if (status !== undefined) assert.equal(record.status, status);
    if (owner !== undefined) assert.equal(record.owner, owner);
    if (type !== undefined) assert.equal(record.type, type);
  }
}

function pages(manager: Manager): { lastPage: string } {
  let lastPage = '';
  let seen = 0;
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = manager.list(cursor === undefined ? { limit: 50 } : { limit: 50, cursor });
    seen += page.records.length;
    lastPage = cursor ?? '';
    cursor = page.nextCursor;
  }
  assert.equal(seen, SETTLED);
  return { lastPage };
}

/** The percentiles of each call in each round, in milliseconds. */
async function timeRounds<Name extends string>(
  calls: Record<Name, () => void>,
  rounds: number,
  timeMs: number,
): Promise<Record<Name, { p50: number[]; p99: number[] }>> {
  const names = Object.keys(calls) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, { p50: [], p99: [] }])) as unknown as Record<
    Name,
    { p50: number[]; p99: number[] }
  >;
  for (let round = 0; round < rounds; round++) {
    const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true });
    for (const name of names) bench.add(name, calls[name], { async: false });
    for (const task of await bench.run()) {
      if (task.result.state !== 'completed') throw new Error(`The bench of ${task.name} is ${task.result.state}`);
      const { p50, p99: slow } = task.result.latency;
      times[task.name as Name].p50.push(p50);
      times[task.name as Name].p99.push(slow);
    }
  }
  return times;
}

function percentile(
  name: string,
  unit: 'ms' | 'µs',
  milliseconds: readonly number[],
  goal: Goal | null = null,
): Figure {
  return medianFigure(
    name,
    unit,
    milliseconds.map((ms) => (unit === 'ms' ? ms : ms * 1_000)),
    goal,
  );
}
