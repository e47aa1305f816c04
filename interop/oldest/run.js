// Runs the cases of `make interop` with the ONNX Runtime of onnxruntime-node, and prints a line of JSON for each:
//
//     node run.js target/interop/cases.json
"use strict";

const fs = require("fs");
const path = require("path");
const { InferenceSession, Tensor } = require("onnxruntime-node");

const version = require("onnxruntime-node/package.json").version;

// The values that cases.json describes. A Buffer may share its memory with others, so the bytes are copied.
function values(folder, { file, dtype }) {
  const bytes = Uint8Array.from(fs.readFileSync(path.join(folder, file)));
  return dtype === "uint8" ? bytes : new Float32Array(bytes.buffer);
}

// The largest difference of a logit, for each input.
async function run(folder, { file, inputs, outputs }) {
  const session = await InferenceSession.create(path.join(folder, file), { executionProviders: ["cpu"] });
  const largest = [];
  for (const [i, input] of inputs.entries()) {
    const { logits } = await session.run({ input: new Tensor(input.dtype, values(folder, input), input.shape) });
    const expected = values(folder, outputs[i]);
    if (logits.data.length !== expected.length) {
      throw new Error(`${logits.data.length} logits, expected ${expected.length}`);
    }
    const difference = expected.reduce((most, value, j) => Math.max(most, Math.abs(logits.data[j] - value)), 0);
    largest.push(Number.isFinite(difference) ? difference : Number.MAX_VALUE);
  }
  return largest;
}

async function main(cases) {
  const folder = path.dirname(cases);
  for (const described of JSON.parse(fs.readFileSync(cases, "utf8"))) {
    const answer = { engine: "onnxruntime-oldest", version, name: described.name };
    try {
      answer.largest = await run(folder, described);
    } catch (error) {
      answer.error = String(error.message || error);
    }
    console.log(JSON.stringify(answer));
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
