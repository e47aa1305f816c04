// Runs the cases of `make interop` with onnxruntime-web in Chromium, and prints a line of JSON for each:
//
//     node chromium.mjs target/interop/cases.json [wasm|webgpu]
//
// WebGPU runs on SwiftShader, which computes on the CPU what a graphics card would.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { withChromium } from "./devtools.mjs";
import { DIST, VERSION } from "./installed.mjs";
import { serve } from "./server.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const BUNDLES = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" };
const FLAGS = { wasm: [], webgpu: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"] };

/** Loads ONNX Runtime in the page, and leaves there what runs a case. */
const prepare = (provider) => `(async () => {
  const ort = await import("/ort/${BUNDLES[provider]}");
  const { runCase } = await import("/web/cases.mjs");
  ort.env.logLevel = "fatal";
  const read = async (file) => {
    const response = await fetch("/cases/" + file);
    if (!response.ok) throw new Error(file + " is missing");
    return response.arrayBuffer();
  };
  globalThis.runCase = (described) => runCase(ort, described, "${provider}", read);
})()`;

async function main(cases, provider) {
  const server = await serve({ "/ort/": DIST, "/web/": HERE, "/cases/": resolve(dirname(cases)) });
  try {
    await withChromium(FLAGS[provider], async (browser) => {
      const engine = `onnxruntime-web-${provider === "wasm" ? "chromium" : provider}`;
      const version = `${VERSION} (Chromium ${await browser.version()})`;
      const page = await browser.newPage();
      await page.open(server.url);
      if (provider === "webgpu" && !(await page.evaluate("navigator.gpu?.requestAdapter().then(Boolean)"))) {
        throw new Error("this Chromium gives no WebGPU");
      }
      await page.evaluate(prepare(provider));
      for (const described of JSON.parse(readFileSync(cases, "utf8"))) {
        const answer = await page.evaluate(`runCase(${JSON.stringify(described)})`);
        console.log(JSON.stringify({ engine, version, name: described.name, ...answer }));
      }
    });
  } finally {
    server.close();
  }
}

const [cases, provider = "wasm"] = process.argv.slice(2);
if (!cases || !(provider in BUNDLES)) {
  console.error("usage: node chromium.mjs CASES.json [wasm|webgpu]");
  process.exit(2);
}
main(cases, provider).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
