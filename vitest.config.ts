// One configuration for the default suite: every *.test.ts beside what it tests, and test/ for what crosses rooms.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    // Much of a test is waiting for a database, a store or a process: on two cores the default is one file at a time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
