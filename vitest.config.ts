import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "toolchain/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // They share the stores, and some break a guarantee on purpose for a moment.
    fileParallelism: false,
    // The Qdrant clients say it at every call to a store on loopback.
    onConsoleLog: (text) => !text.includes("Api key is used with unsecure connection"),
  },
});
