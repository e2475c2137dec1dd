import { permanent } from '../engine/define-task.js';
import type { Embedder } from '../embedders/embedder.js';
import { type UserId, scopeToken } from './layout.js';
import type { OpenTable } from './open-table.js';

/** Thrown where the vectors in use are of a model that none of the embedders at hand makes. */
export class ModelNotAtHand extends Error {
  override readonly name = 'ModelNotAtHand';
  readonly code = 'MODEL_NOT_AT_HAND';

  constructor(model: string, atHand: readonly string[]) {
    super(
      `Expected an embedder "${model}", which made the vectors in use, got ${atHand.join(', ') || 'none'}: ` +
        'give that embedder, or run migrate_embeddings',
    );
    // Another attempt would find the same.
    permanent(this);
  }
}

/** Thrown by a search by vectors of a table that has rows, none of which was ever embedded. */
export class NotEmbedded extends Error {
  override readonly name = 'NotEmbedded';
  readonly code = 'NOT_EMBEDDED';

  constructor(table: string) {
    super(`No row of "${table}" has a vector yet: run migrate_embeddings once`);
  }
}

/** The scope of everyone without a model of their own. */
export const EVERYONE = '*';

/** The name under which the model in use is kept, for a user or for everyone. */
export function modelScope(userId: UserId | null): string {
  return userId === null ? EVERYONE : scopeToken(userId);
}

/** The model whose vectors answer for a user, or for everyone; null before there are any. */
export function modelInUse({ db, layout }: OpenTable, userId: UserId | null): string | null {
  const model = db
    .prepare(
      `SELECT model FROM ${layout.models} WHERE scope IN (?, '${EVERYONE}') ORDER BY scope = '${EVERYONE}' LIMIT 1`,
    )
    .pluck()
    .get(modelScope(userId));
  return (model ?? null) as string | null;
}

/** All models that answer for somebody. */
export function modelsInUse({ db, layout }: OpenTable): string[] {
  return db.prepare(`SELECT DISTINCT model FROM ${layout.models} ORDER BY model`).pluck().all() as string[];
}

/** From now on `model` answers for everyone without a model of their own, unless one does. Call it in a transaction. */
export function useModelAtFirst({ db, layout }: OpenTable, model: string): void {
  db.prepare(`INSERT OR IGNORE INTO ${layout.models} (scope, model) VALUES ('${EVERYONE}', ?)`).run(model);
}

/** From now on `model` answers for a user, or for everyone, whatever single users had. Call it in a transaction. */
export function useModel({ db, layout }: OpenTable, userId: UserId | null, model: string): void {
  if (userId === null) db.exec(`DELETE FROM ${layout.models}`);
  db.prepare(`REPLACE INTO ${layout.models} (scope, model) VALUES (?, ?)`).run(modelScope(userId), model);
}

/** The embedder of the model in use; the first one where none is in use yet. @throws ModelNotAtHand */
export function embedderInUse(open: OpenTable, userId: UserId | null, embedders: readonly Embedder[]): Embedder {
  const model = modelInUse(open, userId);
  const embedder = model === null ? embedders[0] : embedders.find(({ name }) => name === model);
  if (embedder !== undefined) return embedder;
  throw new ModelNotAtHand(
    model ?? '',
    embedders.map(({ name }) => name),
  );
}
