/** A pool of another library whose threads run a no-op. */
export interface Peer extends AsyncDisposable {
  /** As the tables name it. */
  readonly name: string;
  /** Resolves to the argument, which a thread returned. */
  readonly run: (argument: number) => PromiseLike<unknown>;
}
