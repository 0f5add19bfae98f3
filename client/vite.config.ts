import { realpathSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// All addresses are relative: the page works below any base URL, and below /t/TOKEN/.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000, // what may be loaded is counted by tests/e2e/test_client.py
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  server: {
    // build.sh has the packages, and with them KaTeX's fonts, outside of this folder; nothing else there is anyone's business
    fs: { allow: [".", realpathSync("node_modules")] },
    proxy: { "/api": process.env.KERNELGW_URL ?? "http://127.0.0.1:8888" },
  },
  test: {
    environment: "jsdom",
    css: true, // KaTeX's style is text that a test looks at
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    restoreMocks: true,
  },
});
