import { setTimeout as delay } from 'node:timers/promises';
import { EXIT } from '../command-error.js';
import { duration } from '../print/figures.js';
import { NoAnswer, type Operator } from './operator.js';
import { Screen } from './screen.js';

/** Something at the server that one can look at, once or for as long as one likes. */
export interface View<Picture> {
  fetch(): Promise<Picture>;
  lines(picture: Picture): string[];
  /** Whose events tell that it may have changed; all that the caller may see where it is left out. */
  readonly owner: string | undefined;
}

/** Events come in bursts: it is asked for anew no more often than that. */
const MIN_REFRESH_MS = 250;

/** How old it may be without any event: ages grow by themselves. */
const MAX_REFRESH_MS = 1_000;

/** A server that takes longer is said to be silent. */
const LONG_SILENCE_SECONDS = 3;

/** Shows it, with `--watch` until Ctrl-C. @returns the code that the process exits with. */
export async function showView<Picture>(operator: Operator, view: View<Picture>): Promise<number> {
  const { json, watches, output } = operator;
  const first = await view.fetch();
  if (!watches) {
    if (json) output.json(first, 2);
    else output.lines(view.lines(first));
    return EXIT.ok;
  }
  const screen = new Screen(output);
  if (json)
    return await repeat(
      operator,
      view,
      first,
      (picture) => output.json(picture),
      () => {},
    );
  const gap = output.isTerminal ? [] : [''];
  return await repeat(
    operator,
    view,
    first,
    (picture) => screen.draw([...view.lines(picture), ...gap]),
    (picture, seconds) => screen.draw([...silence(operator, seconds), ...view.lines(picture), ...gap]),
  );
}

function silence({ output, url }: Operator, seconds: number): string[] {
  return [output.paint('red', `No answer from ${url} for ${duration(seconds)}; this is how it was:`), ''];
}

/** Goes on until the process is ended, or the server refuses. A server that is away for a while is waited for. */
async function repeat<Picture>(
  operator: Operator,
  view: View<Picture>,
  first: Picture,
  draw: (picture: Picture) => void,
  drawOld: (picture: Picture, silentSeconds: number) => void,
): Promise<never> {
  let picture = first;
  let answeredMs = performance.now();
  const bell = new Bell();
  void ringAtEvents(operator, view.owner, bell);
  draw(first);
  for (;;) {
    await delay(MIN_REFRESH_MS);
    await bell.rung(MAX_REFRESH_MS - MIN_REFRESH_MS);
    const silentSeconds = (): number => (performance.now() - answeredMs) / 1_000;
    const slow = setInterval(() => {
      if (silentSeconds() > LONG_SILENCE_SECONDS) drawOld(picture, silentSeconds());
    }, MAX_REFRESH_MS);
    try {
      picture = await view.fetch();
      answeredMs = performance.now();
      draw(picture);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      drawOld(picture, silentSeconds());
    } finally {
      clearInterval(slow);
    }
  }
}

/** Without events the picture is only a little older. */
async function ringAtEvents(operator: Operator, owner: string | undefined, bell: Bell): Promise<void> {
  const scope = owner === undefined ? {} : { owner };
  for (;;) {
    try {
      for await (const { event } of operator.listen((client) => client.events(scope))) {
        if (event !== 'log' && event !== 'ready') bell.ring();
      }
    } catch (error) {
      // What the server refuses here, the next request is told too where it matters.
      if (!(error instanceof NoAnswer)) return;
    }
  }
}

/** Rings once, for whoever waits or will wait next. */
class Bell {
  #rang = false;
  #wake: () => void = () => {};

  ring(): void {
    this.#rang = true;
    this.#wake();
  }

  async rung(timeoutMs: number): Promise<void> {
    if (!this.#rang) {
      const late = new AbortController();
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      await Promise.race([woken, delay(timeoutMs, undefined, { signal: late.signal }).catch(() => {})]);
      late.abort();
    }
    this.#rang = false;
  }
}
