import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { integerHash } from '../tasks/integer-hash.js';

/** `GET /hash/7` answers the hash of 7, on the loopback interface. */
export class HashServer implements AsyncDisposable {
  readonly #server: Server = createServer((request, response) => {
    response.end(String(integerHash(Number(request.url?.split('/').at(-1)))));
  });

  async listen(): Promise<void> {
    // A connection that is closed just when the next request goes out on it would be a failed request.
    this.#server.keepAliveTimeout = 0;
    this.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
