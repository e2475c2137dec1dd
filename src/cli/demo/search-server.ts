import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Store } from '../../store/index.js';

/** A hit as `GET /search` answers it. */
export interface ServedHit {
  readonly score: number;
  readonly content: string;
}

/** Whose passages the demo stores and searches. */
export const USER_ID = 'reader';

const HITS = 3;

/** `GET /search?q=…&mode=text|vector` over a store, on the loopback interface: the server that must stay alive. */
export class SearchServer {
  readonly #server: Server;
  #store: Store | null = null;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async listen(): Promise<SearchServer> {
    const search = new SearchServer();
    // While the loop is blocked, connections wait here; too short a queue would turn some away.
    search.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
    await once(search.#server, 'listening');
    return search;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers from this store from now on. */
  serve(store: Store): void {
    this.#store = store;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method !== 'GET' || url.pathname !== '/search') {
      send(404, { error: 'Expected GET /search?q=…' });
      return;
    }
    const query = url.searchParams.get('q') ?? '';
    const mode = url.searchParams.get('mode') === 'vector' ? 'vector' : 'text';
    try {
      const found = (await this.#store?.search(query, { userId: USER_ID, mode, limit: HITS })) ?? [];
      send(200, { hits: found.map(({ score, content }): ServedHit => ({ score, content })) });
    } catch (error) {
      send(500, { error: error instanceof Error ? error.message : String(error) });
    }
  }
}
