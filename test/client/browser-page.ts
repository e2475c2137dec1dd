import { fileURLToPath } from 'node:url';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { type Browser, type JSHandle, type Page, chromium } from 'playwright-core';
import type { TaskClient } from 'treadle/client';
import type { TaskApi } from 'treadle/http';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { KEYS } from '../http/live-server.js';
import { hasProgram } from '../support/system-part.js';
import type { testTypes } from '../support/test-manager.js';

const CHROMIUM = '/usr/bin/chromium';

/** Whether there is a browser to test in. */
export function hasBrowser(): boolean {
  return hasProgram(CHROMIUM, 'apt-get install --no-install-recommends chromium');
}

/** What the browser says of connections that a test breaks. */
export const BROKEN: RegExp = /net::ERR_/;

/** What the browser says of a call that is answered with this status. */
export function refusedWith(status: number): RegExp {
  return new RegExp(`^Failed to load resource: .* status of ${status} `);
}

/**
 * Opens the page of a server until the test ends. The test fails where the page throws, or the browser complains of
 * anything that none of `expected` fits.
 */
export type OpenPage = (origin: string, ...expected: RegExp[]) => Promise<Page>;

/** A browser for the tests of a suite, for which every name that ends with `.test` is this machine. */
export function useBrowser(): OpenPage {
  let browser: Browser;
  beforeAll(async () => {
    const args = ['--no-sandbox', '--host-resolver-rules=MAP *.test 127.0.0.1'];
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
  });
  afterAll(() => browser.close());
  return async (origin, ...expected) => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    const complain = (text: string): void => {
      if (!expected.some((one) => one.test(text))) complaints.push(text);
    };
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complain(message.text());
    });
    onTestFinished(async () => {
      await page.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(origin);
    await page.waitForFunction(() => globalThis.treadle);
    return page;
  };
}

/** Loads the client as it is published: no bundler has seen it. */
const PAGE = `<!doctype html>
<link rel="icon" href="data:," />
<script type="importmap">
  { "imports": { "treadle/client": "/client/index.js", "eventsource-parser": "/eventsource-parser/index.js" } }
</script>
<script type="module">
  globalThis.treadle = await import('treadle/client');
</script>`;

/** The folder of a module that the page loads. */
function folderOf(module: string): string {
  return fileURLToPath(new URL('.', import.meta.resolve(module)));
}

/** A server of the page, and of the API where there is one. */
export function serverOfPage(fetch?: TaskApi['fetch']): TaskApi['fetch'] {
  const app = new Hono();
  for (const [path, module] of [
    ['/client', 'treadle/client'],
    ['/eventsource-parser', 'eventsource-parser'],
  ] as const) {
    const rewriteRequestPath = (asked: string): string => asked.slice(path.length);
    app.use(`${path}/*`, serveStatic({ root: folderOf(module), rewriteRequestPath }));
  }
  app.get('/', (context) => context.html(PAGE));
  if (fetch !== undefined) app.all('/api/v1/*', (context) => fetch(context.req.raw, context.env));
  return (request, bindings) => app.fetch(request, bindings);
}

/** A server of the API that lets pages of another origin read its answers. */
export function serverForPagesOf(origin: string): (fetch: TaskApi['fetch']) => TaskApi['fetch'] {
  return (fetch) => {
    const app = new Hono();
    app.use('/api/*', cors({ origin, exposeHeaders: ['Retry-After'] }));
    app.all('/api/v1/*', (context) => fetch(context.req.raw, context.env));
    return (request, bindings) => app.fetch(request, bindings);
  };
}

type Client = TaskClient<ReturnType<typeof testTypes>>;

/** A client in the page that comes back without a delay. */
export function clientIn(page: Page, url: string = '/', key: string | null = KEYS.ann): Promise<JSHandle<Client>> {
  return page.evaluateHandle(
    ([at, secret]) =>
      globalThis.treadle.createTaskClient<ReturnType<typeof testTypes>>({
        url: at,
        ...(secret === null ? {} : { key: secret }),
        random: () => 0,
        reconnect: { maxAttempts: Infinity },
      }),
    [url, key] as const,
  );
}

declare global {
  /** In the page. */
  var treadle: typeof import('treadle/client');
}
