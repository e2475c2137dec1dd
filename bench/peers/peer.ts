/** A pool of another library that runs a no-op on as many threads as everyone has. */
export interface Peer extends AsyncDisposable {
  /** As the tables name it. */
  readonly name: string;
  /** Resolves to the argument, which a thread returned. */
  run(argument: number): PromiseLike<unknown>;
}
