import assert from 'node:assert/strict';
import { pseudoRandom } from '../runner/pseudo-random.js';
import { THREADS } from '../runner/threads.js';
import { ROUNDS_PER_US } from '../tasks/hash-rounds.js';
import type { Answer, Call } from './call.js';
import { OPERATOR, OWNERS } from './callers.js';

/** How many of a hundred requests are of each kind. */
export const SHARES = { submit: 30, get: 25, list: 10, stats: 10, threads: 10, cancel: 10, results: 5 } as const;
export type Route = keyof typeof SHARES;
export const ROUTES = Object.keys(SHARES) as Route[];

/** A request, and what looks whether its answer is right. Throws where it is not. */
export interface Planned extends Call {
  readonly check: (answer: Answer) => void;
}

interface Known {
  readonly id: string;
  readonly owner: string;
}

/** Of what the API says, what is looked at here. */
interface Task {
  readonly task_id: string;
  readonly status: string;
}

const WORK_ROUNDS = 1_000 * ROUNDS_PER_US;
/** One result in eight is a long one. */
const LONG_BYTES = 16_384;
const SHORT_BYTES = 64;
const MAX_RECENT = 200;
/** So many tasks have failed and wait before one is cancelled: it has had its first try by then. */
export const WAITING = 20;
const GROUP = 'imports';
const FILTERS = ['', '&status=completed', '&task_type=small'] as const;

/** A hundred requests in an order that looks random and is the same each time. */
export function hundred(seed: number): Route[] {
  const random = pseudoRandom(seed);
  const routes = ROUTES.flatMap((route) => Array.from({ length: SHARES[route] }, () => ({ route, key: random() })));
  return routes.toSorted((a, b) => a.key - b.key).map(({ route }) => route);
}

/** What clients ask for who submit tasks and look after them. All that they ask for is there, so no refusal is right. */
export class RequestMix {
  /** Tasks that were taken on. */
  submitted: string[] = [];
  readonly #random = pseudoRandom(18);
  readonly #recent: Known[] = [];
  readonly #waiting: Known[] = [];
  readonly #acked = new Set<string>();
  readonly #cursors = new Map<string, string>();
  readonly #collecting = new Set<string>();
  #counts: Record<Route, number> = { submit: 0, get: 0, list: 0, stats: 0, threads: 0, cancel: 0, results: 0 };

  plan(route: Route): Planned {
    const at = this.#counts[route]++;
    const owner = OWNERS[at % OWNERS.length] as string;
    // Owners and the operator ask in turns.
    const asker = Math.floor(at / OWNERS.length) % 2 === 0 ? owner : OPERATOR;
    switch (route) {
      case 'submit':
        return this.#submit(owner, at);
      case 'get':
        return this.#get();
      case 'list':
        return this.#list(asker, FILTERS[at % FILTERS.length] as string);
      case 'cancel':
        return this.#cancel();
      case 'results':
        return this.#results(owner);
      case 'stats':
        return asks(asker, '/tasks/stats', (answer) => {
          assert.ok((resultOf(answer) as { total_tasks: number }).total_tasks > 0);
        });
      case 'threads':
        return asks(asker, '/threads', (answer) => assert.equal((resultOf(answer) as unknown[]).length, THREADS));
    }
  }

  #submit(as: string, at: number): Planned {
    // A third fails at first, and is cancelled while it waits for its next try.
    const fails = at % 3 === 0;
    const resultBytes = at % 8 === 1 ? LONG_BYTES : SHORT_BYTES;
    const input = { rounds: WORK_ROUNDS, resultBytes, fails };
    const json = { task_type: 'small', input, meta: { at }, ...(fails ? {} : { group: GROUP }) };
    const check = (answer: Answer): void => {
      assert.equal(answer.status, 202);
      const { task_id: id } = resultOf(answer, 202) as Task;
      this.submitted.push(id);
      this.#recent.push({ id, owner: as });
      if (this.#recent.length > MAX_RECENT) this.#recent.shift();
      if (fails) this.#waiting.push({ id, owner: as });
    };
    return { method: 'POST', path: '/tasks', as, json, check };
  }

  #get(): Planned {
    const known = this.#recent[Math.floor(this.#random() * this.#recent.length)];
    assert.ok(known);
    return asks(known.owner, `/tasks/${known.id}`, (answer) =>
      assert.equal((resultOf(answer) as Task).task_id, known.id),
    );
  }

  #list(as: string, filter: string): Planned {
    return asks(as, `/tasks?limit=50${filter}`, (answer) => {
      const tasks = resultOf(answer) as Task[];
      assert.equal(tasks.length, 50);
      if (filter.includes('completed')) assert.ok(tasks.every(({ status }) => status === 'completed'));
    });
  }

  #cancel(): Planned {
    const waiting = this.#waiting.length > WAITING ? this.#waiting.shift() : this.#waiting[0];
    assert.ok(waiting);
    const check = (answer: Answer): void => {
      const { task_id: id, status } = resultOf(answer) as Task;
      assert.equal(id, waiting.id);
      assert.match(status, /^cancell(?:ing|ed)$/);
    };
    return { method: 'POST', path: `/tasks/${waiting.id}/cancel`, as: waiting.owner, check };
  }

  /** What was acknowledged must not come again. One collector for each group: another answer could be older. */
  #results(owner: string): Planned {
    const path = `/groups/${GROUP}/results?limit=50`;
    if (this.#collecting.has(owner)) return asks(owner, path, (answer) => void resultOf(answer));
    this.#collecting.add(owner);
    const ack = this.#cursors.get(owner);
    return asks(owner, ack === undefined ? path : `${path}&ack=${encodeURIComponent(ack)}`, (answer) => {
      this.#collecting.delete(owner);
      for (const { task_id: id } of resultOf(answer) as Task[]) {
        assert.ok(!this.#acked.has(id), 'What was acknowledged came again');
        this.#acked.add(id);
      }
      const { cursor } = JSON.parse(answer.text) as { cursor: string | null };
      if (cursor !== null) this.#cursors.set(owner, cursor);
    });
  }
}

function asks(as: string, path: string, check: (answer: Answer) => void): Planned {
  return { method: 'GET', path, as, check };
}

/** The result of a whole answer, as whoever asked for it takes it. */
function resultOf({ status, text }: Answer, expected = 200): unknown {
  assert.equal(status, expected, text.slice(0, 300));
  const { status: word, result } = JSON.parse(text) as { status: string; result: unknown };
  assert.equal(word, 'ok');
  return result;
}
