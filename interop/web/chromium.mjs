// Runs the cases of `make interop` with onnxruntime-web in Chromium, and prints a line of JSON for each:
//
//     node chromium.mjs target/interop/cases.json
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { withChromium } from "./devtools.mjs";
import { DIST, VERSION } from "./installed.mjs";
import { serve } from "./server.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));

/** Loads ONNX Runtime in the page, and leaves there what runs a case. */
const PREPARE = `(async () => {
  const ort = await import("/ort/ort.wasm.min.mjs");
  const { runCase } = await import("/web/cases.mjs");
  ort.env.logLevel = "fatal";
  const read = async (file) => {
    const response = await fetch("/cases/" + file);
    if (!response.ok) throw new Error(file + " is missing");
    return response.arrayBuffer();
  };
  globalThis.runCase = (described) => runCase(ort, described, "wasm", read);
})()`;

async function main(cases) {
  const server = await serve({ "/ort/": DIST, "/web/": HERE, "/cases/": resolve(dirname(cases)) });
  try {
    await withChromium([], async (browser) => {
      const engine = "onnxruntime-web-chromium";
      const version = `${VERSION} (Chromium ${await browser.version()})`;
      const page = await browser.newPage();
      await page.open(server.url);
      await page.evaluate(PREPARE);
      for (const described of JSON.parse(readFileSync(cases, "utf8"))) {
        const answer = await page.evaluate(`runCase(${JSON.stringify(described)})`);
        console.log(JSON.stringify({ engine, version, name: described.name, ...answer }));
      }
    });
  } finally {
    server.close();
  }
}

const [cases] = process.argv.slice(2);
if (!cases) {
  console.error("usage: node chromium.mjs CASES.json");
  process.exit(2);
}
main(cases).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
