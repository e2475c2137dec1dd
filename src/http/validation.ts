import { describeValue } from '../engine/errors.js';
import { boundText } from '../engine/task-record.js';
import { type Refusal, invalid } from './refusal.js';

/** What is wrong with one part of a request, as a schema says it. */
interface Issue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

const MAX_ISSUES = 5;

/** The refusal of a request that does not fit its schema: where, what was expected, what came. */
export function refusalOfIssues(issues: readonly Issue[], place: string, given: unknown): Refusal {
  const said = issues.slice(0, MAX_ISSUES).map(({ message, path }) => {
    if (path.length === 0) return boundText(`\`${place}\`: ${message}`);
    // Most messages say what came.
    const got = message.includes('received') ? '' : `, got ${describeValue(valueAt(given, path))}`;
    return boundText(`\`${path.map(String).join('.')}\`: ${message}${got}`);
  });
  return invalid(said.join('; '), { issues: said });
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[part];
  }
  return at;
}
