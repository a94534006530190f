import { defineConfig } from "vitest/config";

/** Where the node's api answers while the pages are developed. */
const api = process.env.EDGE_API ?? "http://127.0.0.1:8042";
const paths = ["/api", "/dicom-web", "/whep", "/whip", "/healthz", "/readyz"];

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    // The strict content security policy allows no data: scripts or styles; every asset is a hashed file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: api }])) },
  test: { include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"], environment: "node" },
});
