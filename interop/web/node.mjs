// Runs the cases of `make interop` with onnxruntime-web in Node, and prints a line of JSON for each:
//
//     node node.mjs target/interop/cases.json
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { runCase } from "./cases.mjs";
import { DIST, VERSION } from "./installed.mjs";

const [cases] = process.argv.slice(2);
if (!cases) {
  console.error("usage: node node.mjs CASES.json");
  process.exit(2);
}
const ort = await import(pathToFileURL(join(DIST, "ort.node.min.mjs")));
// Reasons for an error come with the error.
ort.env.logLevel = "fatal";
// A Buffer may share its memory with others, so the bytes are copied.
const read = async (file) => Uint8Array.from(await readFile(join(dirname(cases), file))).buffer;
for (const described of JSON.parse(readFileSync(cases, "utf8"))) {
  const answer = await runCase(ort, described, "wasm", read);
  console.log(JSON.stringify({ engine: "onnxruntime-web-node", version: VERSION, name: described.name, ...answer }));
}
// The threads of WebAssembly would keep the process.
process.exit(0);
