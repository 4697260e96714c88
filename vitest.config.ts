import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "toolchain/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // They share the stores, and some break a guarantee on purpose for a moment.
    fileParallelism: false,
  },
});
