// Where onnxruntime-web is: `examples/web/package.json` pins it, for the page and for these programs.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../examples/web/node_modules/onnxruntime-web", import.meta.url));
if (!existsSync(folder)) {
  console.error("error: onnxruntime-web is not installed\nhint: run `npm ci --prefix examples/web`");
  process.exit(1);
}

/** The folder of the files that a browser loads. */
export const DIST = join(folder, "dist");
export const VERSION = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
