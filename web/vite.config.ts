/** Builds the pages into dist/, which core (and, of a desktop, dillinger-stream) serves under a strict content security policy: every script, style and worker a file. */
import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

const core = loadEnv("development", ".", "DILLINGER_").DILLINGER_CORE_URL ?? "http://127.0.0.1:8080";

/** Shared memory, and with it the sample ring, is given to isolated pages only. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  plugins: [react()],
  worker: { format: "es" },
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
    rolldownOptions: { input: ["index.html", "desktop.html"] },
  },
  server: {
    host: "127.0.0.1",
    headers: isolation,
    proxy: { "/api": { target: core, ws: true, changeOrigin: true, secure: false } },
  },
  preview: { host: "127.0.0.1", headers: isolation },
  test: {
    include: ["player/tests/**/*.test.ts", "desktop/tests/**/*.test.ts", "app/tests/**/*.test.{ts,tsx}"],
    testTimeout: 120_000, // a busy machine may do something else for long
  },
});
