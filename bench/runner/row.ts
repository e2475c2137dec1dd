import type { Chart } from './chart.js';

/** One question of the bench, and how it is answered. */
export interface Row {
  readonly number: number;
  readonly question: string;
  /** The goal in words, as the page shows it. */
  readonly goal: string;
  /** What is measured and against what, for the page. */
  readonly about: string;
  /** Why a goal is missed, where it was; shown on the page only then. */
  readonly shortfall: string;
  /** Measures. Rejects when any result was wrong: a figure of wrong work is none. */
  run(effort: Effort): Promise<Measured>;
}

/** How much is measured. */
export interface Effort {
  /** Once, briefly: shows that the row works, its figures mean little. */
  readonly quick: boolean;
  /** How many times each contestant runs. */
  readonly rounds: number;
}

/** What a row found. */
export interface Measured {
  /** Sizes and settings that the figures hold for. */
  readonly config: Readonly<Record<string, string | number>>;
  readonly figures: readonly Figure[];
  /** Pictures for the page; none unless given. */
  readonly charts?: readonly Chart[];
}

/** One number of a row. */
export interface Figure {
  readonly name: string;
  /** `×` for a ratio, else what it counts: `ms`, `µs`, `tasks/s`. */
  readonly unit: string;
  readonly value: number;
  readonly spread: Spread | null;
  /** Null for what is shown beside the goal only. */
  readonly goal: Goal | null;
  /** How many measurements it was made from. */
  readonly count: number;
  /** Those measurements, in the order they were taken; empty where there are too many to keep. */
  readonly samples: readonly number[];
}

export interface Spread {
  readonly low: number;
  readonly high: number;
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** Null where there is no goal. */
export function isMet(figure: Figure): boolean | null {
  if (figure.goal === null) return null;
  return 'atLeast' in figure.goal ? figure.value >= figure.goal.atLeast : figure.value <= figure.goal.atMost;
}
