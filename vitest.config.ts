import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "toolchain/*.test.ts"],
    // For what hangs. A loaded machine takes several times as long as a quiet one.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    // They share the stores, and some break a guarantee on purpose for a moment.
    fileParallelism: false,
    // The Qdrant clients say it at every call to a store on loopback.
    onConsoleLog: (text) => !text.includes("Api key is used with unsecure connection"),
  },
});
