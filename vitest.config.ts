import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores is what a small machine has; files run in parallel, tests of a file in order.
    maxWorkers: 2,
  },
});
