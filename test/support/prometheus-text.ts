import parse, { type Family } from 'parse-prometheus-text-format';

type Labels = Readonly<Record<string, string>>;

/** Metrics in the text format of Prometheus, as another program reads them. */
export class PrometheusText {
  /** The type of each metric, by name. */
  readonly types: ReadonlyMap<string, Family['type']>;
  /** The values of each series, by name and labels. */
  readonly #values = new Map<string, number>();
  readonly #labels = new Map<string, Labels[]>();

  constructor(text: string) {
    this.types = new Map(parse(text).map(({ name, type }) => [name, type]));
    // The parser drops the labels of histograms, so it gets their series one by one.
    for (const { name, metrics } of parse(text.replaceAll(/^(# TYPE \w+) histogram$/gm, '$1 untyped'))) {
      for (const { labels = {}, value } of metrics) {
        this.#values.set(keyOf(name, labels), Number(value));
        this.#labels.set(name, [...(this.#labels.get(name) ?? []), labels]);
      }
    }
  }

  /** Of a series; NaN where there is none with just these labels. */
  value(name: string, labels: Labels = {}): number {
    return this.#values.get(keyOf(name, labels)) ?? Number.NaN;
  }

  /** Of a histogram. `below` is how many were at most so much. */
  histogram(name: string, labels: Labels): { count: number; sum: number; below: (bound: number) => number } {
    return {
      count: this.value(`${name}_count`, labels) || 0,
      sum: this.value(`${name}_sum`, labels) || 0,
      below: (bound) => this.value(`${name}_bucket`, { ...labels, le: String(bound) }),
    };
  }

  /** The names of all labels and their values, for all series whose name begins so; `le` is left out. */
  labels(start = ''): Record<string, string[]> {
    const found: Record<string, Set<string>> = {};
    for (const [name, series] of this.#labels) {
      if (!name.startsWith(start)) continue;
      for (const [label, value] of series.flatMap((labels) => Object.entries(labels))) {
        if (label !== 'le') (found[label] ??= new Set()).add(value);
      }
    }
    return Object.fromEntries(Object.entries(found).map(([label, values]) => [label, [...values].toSorted()]));
  }
}

function keyOf(name: string, labels: Labels): string {
  return JSON.stringify([name, ...Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
