import { expect, test } from 'vitest';
import type { WireRecord } from 'treadle/client';
import { type ApiServer, startApiServer } from './live-server.js';

const TASKS = 40;
const MAX_PAGE_BYTES = 2 ** 20;

interface Page {
  readonly result: readonly WireRecord[];
  readonly next_cursor?: string | null;
  readonly cursor?: string | null;
  readonly in_progress?: number;
}

/** Some 2.5 MB of results. */
async function runLarge({ tasks }: ApiServer): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < TASKS; at++) {
    const task = await tasks.submit('fault', {
      input: { action: 'echo', value: 'x'.repeat(60_000) },
      owner: 'ann',
      group: 'large',
    });
    ids.push(task.id);
    await task.settled();
  }
  return ids;
}

async function pageOf({ request }: ApiServer, path: string): Promise<{ page: Page; bytes: number }> {
  const response = await request(path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  const text = await response.text();
  return { page: JSON.parse(text) as Page, bytes: Buffer.byteLength(text) };
}

test('a list of large records has smaller pages, which have all of them', async () => {
  const server = await startApiServer();
  const ids = await runLarge(server);
  const found: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { page, bytes } = await pageOf(server, `/tasks?limit=200${query}`);
    expect(bytes).toBeLessThan(MAX_PAGE_BYTES + 1_000);
    expect(page.result.every(({ result }) => (result as string).length === 60_000)).toBe(true);
    found.push(...page.result.map(({ task_id: id }) => id));
    cursor = page.next_cursor ?? null;
    pages++;
  } while (cursor !== null);
  expect(found).toEqual(ids.toReversed());
  expect(pages).toBe(3);
  expect((await pageOf(server, '/tasks?limit=2')).page.result).toHaveLength(2);
});

test('so have the results of a group, of which none is lost', async () => {
  const server = await startApiServer();
  const ids = await runLarge(server);
  const found: string[] = [];
  let ack = '';
  for (;;) {
    const { page, bytes } = await pageOf(server, `/groups/large/results${ack}`);
    expect([bytes < MAX_PAGE_BYTES + 1_000, page.in_progress]).toEqual([true, 0]);
    if (page.result.length === 0) break;
    found.push(...page.result.map(({ task_id: id }) => id));
    ack = `?ack=${page.cursor}`;
  }
  expect(found).toEqual(ids);
});
