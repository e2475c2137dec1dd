import type { JsonValue } from '../http/wire-json.js';
import type { CallOptions, RerunCallOptions } from './call-options.js';
import type { ClientRecord, ClientSettledRecord } from './client-record.js';
import type { AnyTaskClient } from './task-client.js';
import type { WaitOptions, WatchOptions } from './task-watch.js';

/** A task of a server, by its id. Making one asks the server nothing. */
export class ClientTask<Result = JsonValue> {
  readonly #client: AnyTaskClient;
  readonly id: string;

  constructor(client: AnyTaskClient, id: string) {
    this.#client = client;
    this.id = id;
  }

  /** The task as it is now. @throws TaskClientError NOT_FOUND … */
  get(options?: CallOptions): Promise<ClientRecord<Result>> {
    return this.#client.get<Result>(this.id, options);
  }

  /** Asks it to stop; cancelling it twice changes nothing. @throws TaskClientError NOT_FOUND, FAILED_PRECONDITION (it settled otherwise) … */
  cancel(options?: CallOptions): Promise<ClientRecord<Result>> {
    return this.#client.cancel<Result>(this.id, options);
  }

  /** Runs it again as a new task, which is returned. @throws TaskClientError NOT_FOUND, FAILED_PRECONDITION … */
  rerun(options?: RerunCallOptions): Promise<ClientTask<Result>> {
    return this.#client.rerun<Result>(this.id, options);
  }

  /**
   * The task as it goes: the present record first, then the newest each time something changed, the final one last. The
   * connection comes back by itself. Leaving the loop closes it; aborting the signal ends the loop.
   *
   * @throws TaskClientError NOT_FOUND (it has been forgotten), UNREACHABLE (many tries failed) …
   */
  watch(options?: WatchOptions): AsyncGenerator<ClientRecord<Result>, void, undefined> {
    return this.#client.watch<Result>(this.id, options);
  }

  /** The record of the task once it is over, whether it completed or not. @throws TaskClientError as `watch`; TIMEOUT, ABORTED */
  wait(options?: WaitOptions): Promise<ClientSettledRecord<Result>> {
    return this.#client.wait<Result>(this.id, options);
  }
}
