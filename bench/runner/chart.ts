/** A picture of what was measured, as the page shows it. */
export type Chart = BarChart | LineChart;

/** Figures of one row side by side, each a bar with its spread. They must have one unit, which is the axis. */
export interface BarChart {
  readonly kind: 'bars';
  readonly title: string;
  /** Names of the row's figures, from the top; those that start with `Treadle` are highlighted. */
  readonly figures: readonly string[];
  /** For figures that are several powers of ten apart. */
  readonly log?: boolean;
}

/** How one thing depends on another. */
export interface LineChart {
  readonly kind: 'lines';
  readonly title: string;
  /** What the axes show, with the unit: `tasks pending`, `µs a task`. */
  readonly xName: string;
  readonly yName: string;
  readonly xLog?: boolean;
  readonly yLog?: boolean;
  readonly series: readonly Series[];
}

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** In the order in which they are joined. On an axis with powers of ten all numbers must be above 0. */
  readonly points: readonly (readonly [x: number, y: number])[];
}
