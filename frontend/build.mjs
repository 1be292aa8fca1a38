// Bundles the page into the package. TensorBoard's content security policy allows scripts and requests
// from its own origin alone: no inline script, no worker from a blob, nothing from elsewhere.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
await build({
  entryPoints: [here("src/index.ts")],
  outdir: here("../tb_rnngrad/plugin/static"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
  loader: { ".css": "text" },
  logLevel: "info",
});
