declare module 'parse-prometheus-text-format' {
  /** One series. Histograms and summaries come in another shape. */
  export interface Sample {
    readonly labels?: Readonly<Record<string, string>>;
    readonly value?: string;
  }
  export interface Family {
    readonly name: string;
    readonly help: string;
    readonly type: 'COUNTER' | 'GAUGE' | 'HISTOGRAM' | 'SUMMARY' | 'UNTYPED';
    readonly metrics: readonly Sample[];
  }
  export default function parsePrometheusTextFormat(text: string): readonly Family[];
}
