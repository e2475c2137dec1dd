import { describe, expect, it } from 'vitest';
import { serializeThrown } from '../../dist/engine/protocol.js';
import { BuildSuperseded } from '../../dist/sqlite/index-build.js';
import { MigrationSuperseded } from '../../dist/sqlite/migration.js';
import { ModelNotAtHand } from '../../dist/sqlite/models.js';
import { WrongModel } from '../../dist/tasks/migration-steps.js';

describe('errors that another attempt would only meet again', () => {
  it.each([
    new BuildSuperseded('the build', 'a later one'),
    new MigrationSuperseded('the migration', null),
    new ModelNotAtHand('good', ['fast']),
    new WrongModel('old', 'new'),
  ])('cross the thread as permanent: $name', (error) => {
    expect(serializeThrown(error)).toMatchObject({ code: error.code, permanent: true });
  });
});
