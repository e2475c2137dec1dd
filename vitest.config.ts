import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Tests run against the built package, which imports itself by name: worker threads can only load built files.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], checker: 'tsc', tsconfig: 'tsconfig.json' },
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    maxWorkers: availableParallelism(),
    testTimeout: 30_000,
    coverage: { provider: 'v8', include: ['dist/**/*.js'] },
  },
});
