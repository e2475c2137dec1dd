import type { OnDuplicate } from 'treadle';
import { CHAOS_TYPES, type ChaosType, type ChaosTypeName, chaosType } from './chaos-types.js';
import { type Dice, throwDice } from './dice.js';
import { FAULTS, type FaultName, type Step, faultOf, needsStop } from './faults.js';

/** Where the items of a task come from; `none` for one-piece tasks and where the module's `plan` makes them. */
export type ItemsFrom = 'none' | 'array' | 'range' | 'iterator' | 'async-iterator';

/** When to cancel a task, and by which of the two calls. */
export interface CancelPlan {
  /** `in-event` means from within the listener of that event; the others are timers from then on. */
  readonly when:
    | 'at-once'
    | 'in-submitted-event'
    | 'in-running-event'
    | 'in-retrying-event'
    | 'after-submitting'
    | 'after-start';
  readonly afterMs: number;
  readonly by: 'handle' | 'manager';
}

/** Everything that the seed decides for one task. */
export interface TaskPlan {
  readonly number: number;
  readonly type: ChaosTypeName;
  readonly fault: FaultName;
  readonly step: Step;
  readonly itemsFrom: ItemsFrom;
  readonly items: number;
  /** The item that a fault strikes at. */
  readonly at: number;
  readonly itemMicros: number;
  readonly amount: number;
  /** Characters; makes an input large. */
  readonly padding: number;
  readonly priority: number;
  readonly resourceId: string | undefined;
  readonly onDuplicate: OnDuplicate | undefined;
  readonly group: string | undefined;
  readonly cancel: CancelPlan | null;
  readonly watch: 'not' | 'to-the-end' | 'leaves';
  readonly hook: 'counts' | 'throws' | 'rejects';
  /** What the driver does when the queue is full. */
  readonly whenFull: 'waits' | 'gives-up';
}

const TYPE_WEIGHTS = new Map(Object.entries(CHAOS_TYPES).map(([name, { weight }]) => [name as ChaosTypeName, weight]));
const MAX_ITEMS = 300;
const LARGE_INPUT = 40_000;
// Few enough that two of them are often in the queue together.
const RESOURCES = 12;
const GROUPS = 5;

/** What the seed decides for task `number`, of the faults in `menu`. */
export function planTask(seed: number, number: number, menu: readonly FaultName[]): TaskPlan {
  const dice = throwDice(seed, number);
  const typeName = dice.weighted(TYPE_WEIGHTS);
  const type = chaosType(typeName);
  const itemsFrom = drawItemsFrom(dice, type);
  const fault = drawFault(dice, menu, typeName, itemsFrom);
  const steps = type.steps.filter((step) => mayStrike(step, fault, itemsFrom));
  const items = dice.chance(0.04) ? 0 : dice.integer(1, dice.chance(0.2) ? MAX_ITEMS : 30);
  const struckItems = fault === 'none' ? items : Math.max(1, items);
  return {
    number,
    type: typeName,
    fault,
    step: dice.pick(steps),
    itemsFrom,
    items: struckItems,
    at: dice.integer(0, Math.max(0, struckItems - 1)),
    itemMicros: dice.chance(0.2) ? dice.integer(50, 400) : dice.integer(0, 50),
    amount: dice.integer(0, 99),
    padding: dice.chance(0.05) ? LARGE_INPUT : dice.integer(0, 20),
    priority: dice.chance(0.5) ? 0 : dice.integer(-5, 5),
    ...drawDuplicate(dice),
    group: dice.chance(0.1) ? `group ${dice.integer(1, GROUPS)}` : undefined,
    cancel: drawCancel(dice, fault, type),
    watch: dice.chance(0.8) ? 'not' : dice.pick(['to-the-end', 'leaves'] as const),
    hook: dice.chance(0.9) ? 'counts' : dice.pick(['throws', 'rejects'] as const),
    whenFull: dice.chance(0.9) ? 'waits' : 'gives-up',
  };
}

function drawItemsFrom(dice: Dice, type: ChaosType): ItemsFrom {
  if (type.items === 'none' || (type.items === 'planned' && dice.chance(0.5))) return 'none';
  return dice.pick(['array', 'range', 'iterator', 'async-iterator'] as const);
}

/** One that fits this kind of task. */
function drawFault(dice: Dice, menu: readonly FaultName[], typeName: ChaosTypeName, itemsFrom: ItemsFrom): FaultName {
  const type = chaosType(typeName);
  const fitting = menu.filter((name) => {
    const { strikes = 'code', onlyPiece = false } = faultOf(name);
    if (onlyPiece && type.items !== 'none') return false;
    if (name === 'items-unclonable') return itemsFrom !== 'none' && itemsFrom !== 'range';
    if (strikes === 'items') return itemsFrom === 'iterator' || itemsFrom === 'async-iterator';
    // What nobody returns can't fail to be cloned.
    if (name === 'unclonable-result') return type.module !== 'silence';
    // Found by halving, the item may get through the second time, or stand alone at once.
    if (name === 'throw-once' && type.module === 'blocks' && type.policy.onItemError === 'skip') return false;
    // Without force it would never end.
    const deaf = name === 'hang' || name === 'never-settles';
    return !(deaf && type.policy.killable === false);
  });
  return fitting.length === 0 ? 'none' : dice.weighted(new Map(fitting.map((name) => [name, FAULTS[name].weight])));
}

function mayStrike(step: Step, fault: FaultName, itemsFrom: ItemsFrom): boolean {
  if (step === 'plan') return itemsFrom === 'none';
  // `cleanup` can't be stopped but by its own timeout, which is long.
  return !(step === 'cleanup' && needsStop(fault));
}

function drawDuplicate(dice: Dice): Pick<TaskPlan, 'resourceId' | 'onDuplicate'> {
  if (dice.chance(0.7)) return { resourceId: undefined, onDuplicate: undefined };
  return {
    resourceId: `resource ${dice.integer(1, RESOURCES)}`,
    onDuplicate: dice.pick([undefined, 'reject', 'join', 'join', 'allow', 'allow'] as const),
  };
}

function drawCancel(dice: Dice, fault: FaultName, { policy }: ChaosType): CancelPlan | null {
  const by = dice.pick(['handle', 'manager'] as const);
  const afterMs = dice.integer(0, 30);
  // It starts with its first item, and so does its timeout.
  if (fault === 'items-never-come') return { when: 'after-submitting', afterMs, by };
  if (needsStop(fault) && policy.timeoutMs === undefined) {
    return { when: dice.chance(0.1) ? 'in-running-event' : 'after-start', afterMs, by };
  }
  if (policy.retries !== undefined && dice.chance(0.15)) return { when: 'in-retrying-event', afterMs, by };
  if (dice.chance(0.8)) return null;
  const when = dice.pick([
    'at-once',
    'in-submitted-event',
    'in-running-event',
    'after-submitting',
    'after-start',
    'after-start',
  ] as const);
  return { when, afterMs, by };
}
