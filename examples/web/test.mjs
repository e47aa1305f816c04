// Tests the page in Chromium against mbn-infer:
//
//     node test.mjs MBN_EXPORT MBN_INFER [--screenshots DIR]
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { withChromium } from "../../interop/web/devtools.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "..", "..");
const IMAGES = join(ROOT, "examples", "images");
/** Of a probability, where page and mbn-infer give the model the same pixels: engines round differently. */
const SAME_PIXELS = 1e-3;
/** Of a probability, where the page resizes: a value of 255 levels may differ by one. */
const OWN_RESIZING = 5e-3;
/** Of a probability in float16: eleven bits of every value, and engines add in other orders. */
const HALF = 5e-3;
const CROP = ["--resize", "crop", "--interpolation", "bicubic"];
const MODELS = [
  { name: "resize", options: ["--input", "uint8", "--resize-inside"], tolerance: SAME_PIXELS },
  { name: "resize-crop", options: ["--input", "uint8", "--resize-inside", ...CROP], tolerance: SAME_PIXELS },
  { name: "resize-fp16", options: ["--input", "uint8", "--resize-inside", "--precision", "fp16"], tolerance: HALF },
  { name: "uint8", options: ["--input", "uint8"], tolerance: OWN_RESIZING },
  { name: "float", options: [], tolerance: OWN_RESIZING },
  { name: "multi-label", options: ["--input", "uint8", "--resize-inside"], isMultiLabel: true, tolerance: SAME_PIXELS },
  { name: "float-crop-batch3", options: ["--batch", "3", ...CROP], tolerance: OWN_RESIZING },
  ...["nearest", "box", "bilinear-no-antialias", "hamming", "lanczos"].map((filter) => ({
    name: filter,
    options: ["--interpolation", filter],
    tolerance: OWN_RESIZING,
  })),
];
const FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

/** A JPEG file with an Exif segment that says `orientation`. */
function turned(jpeg, orientation) {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const body = [...Buffer.from("Exif\0\0", "latin1"), ...tiff];
  const segment = [0xff, 0xe1, 0, body.length + 2, ...body];
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from(segment), jpeg.subarray(2)]);
}

/** The weights of models/, of which several classes may be right at once. */
function multiLabelWeights(folder) {
  const found = readFileSync(join(ROOT, "models", "mobilenet_v1_0.25.safetensors"));
  const length = Number(found.readBigUInt64LE(0));
  const header = JSON.parse(found.subarray(8, 8 + length).toString("utf8"));
  header.__metadata__.problem_type = "multi_label_classification";
  const text = Buffer.from(JSON.stringify(header), "utf8");
  // Values begin at a multiple of eight bytes.
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  const file = join(folder, "multi-label.safetensors");
  writeFileSync(file, Buffer.concat([size, padded, found.subarray(8 + length)]));
  return file;
}

/** Starts serve.py, and gives its address and its process. */
async function serve(model) {
  const python = process.env.PYTHON ?? "python3";
  const server = spawn(python, [join(HERE, "serve.py"), model, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    const found = line.match(/http:\S+/);
    if (found) return { url: found[0], server };
  }
  throw new Error("serve.py did not start");
}

const results = { passed: 0, failed: 0 };
function check(isRight, what) {
  results[isRight ? "passed" : "failed"]++;
  if (!isRight) console.error(`FAILED: ${what}`);
}

const state = (...states) => `${JSON.stringify(states)}.includes(document.getElementById("main").dataset.state)`;
const READ = `({
  state: document.getElementById("main").dataset.state,
  error: document.getElementById("error").hidden ? null : document.getElementById("error").textContent,
  rows: [...document.querySelectorAll("#bars li")].map((row) => ({
    name: row.dataset.name, probability: Number(row.dataset.probability), width: row.querySelector(".bar").style.width })),
})`;

/** Does something to the page, waits for its end, and reads what the page shows. */
async function after(page, action) {
  await page.evaluate('document.getElementById("main").dataset.state = "waiting"');
  await action();
  await page.until(state("done", "error", "empty"));
  return page.evaluate(READ);
}

async function compare(page, { name, file, tolerance }, pictures, infer) {
  const opened = await after(page, () => page.choose("#model-file", [file]));
  check(opened.error === null, `${name}: ${opened.error}`);
  const output = execFileSync(infer, ["--quiet", "--model", file, "--parity", "off", "--format", "json", "--top-k", "5", ...pictures], { cwd: ROOT, encoding: "utf8" });
  const expected = output.trim().split("\n").map((line) => JSON.parse(line).predictions);
  for (const [i, picture] of pictures.entries()) {
    const { rows, error } = await after(page, () => page.choose("#picture-file", [picture]));
    const differences = expected[i].map(({ probability }, k) => Math.abs((rows[k]?.probability ?? NaN) - probability));
    const difference = Math.max(...differences);
    const found = `${name}, ${picture}: page ${error ?? JSON.stringify(rows)}, mbn-infer ${JSON.stringify(expected[i])}`;
    // Classes further down may be as probable as each other, to within the tolerance.
    check(rows.length === 5 && rows[0].name === expected[i][0].label && difference <= tolerance, found);
    const isDrawn = rows.every(({ probability, width }) => Math.abs(parseFloat(width) - 100 * probability) < 0.01);
    check(isDrawn, `${name}, ${picture}: bars of ${rows.map(({ width }) => width || "no width")}`);
    results[name] = Math.max(results[name] ?? 0, difference);
  }
  console.log(`${name}: ${pictures.length} pictures, five probabilities within ${results[name].toExponential(1)} of mbn-infer's`);
}

async function checkErrors(page, folder) {
  const broken = join(folder, "broken.jpg");
  writeFileSync(broken, readFileSync(join(IMAGES, "church.jpg")).subarray(0, 20));
  const dropped = await after(page, () => page.drop([broken]));
  check(dropped.error === "“broken.jpg” is not a picture that this browser can read.", `broken picture: ${dropped.error}`);
  check(dropped.rows.length === 0, "the classes of an earlier picture are still shown");
  const notModel = join(folder, "broken.onnx");
  writeFileSync(notModel, "no model");
  const refused = await after(page, () => page.choose("#model-file", [notModel]));
  check(/no ONNX model/.test(refused.error), `broken model: ${refused.error}`);
  const again = await after(page, () => page.drop([join(IMAGES, "church.jpg")]));
  check(again.error === null && again.rows[0]?.name === "church", `a picture dropped after an error: ${again.error}`);
  const paste = `(async () => {
    const data = new DataTransfer();
    const canvas = new OffscreenCanvas(300, 200);
    canvas.getContext("2d").fillRect(0, 0, 300, 200);
    data.items.add(new File([await canvas.convertToBlob()], "image.png", { type: "image/png" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
  })()`;
  const pasted = await after(page, () => page.evaluate(paste));
  check(pasted.error === null && pasted.rows.length === 5, `a pasted picture: ${pasted.error}`);
}

async function checkCamera(page) {
  const seen = await after(page, () => page.evaluate('document.getElementById("camera").click()'));
  check(seen.error === null && seen.rows.length === 5, `camera: ${seen.error}`);
  await page.evaluate('document.getElementById("camera").click()');
  check((await page.evaluate(READ)).state === "empty", "the camera does not stop");
}

async function takeScreenshots(page, folder) {
  mkdirSync(folder, { recursive: true });
  const shots = async (name) => {
    for (const [place, width] of [["desktop", 1100], ["phone", 390]]) {
      for (const scheme of ["light", "dark"]) {
        const png = await page.screenshot({ width, scheme });
        writeFileSync(join(folder, `${name}-${place}-${scheme}.png`), Buffer.from(png, "base64"));
      }
    }
  };
  await shots("result");
  await after(page, () => page.drop([join(HERE, "package.json")]));
  await shots("error");
}

async function main([exporter, infer, ...rest]) {
  const folder = mkdtempSync(join(tmpdir(), "mbn-web-test-"));
  let running;
  try {
    await withChromium(FLAGS, async (browser) => {
      for (const model of MODELS) {
        model.file = join(folder, `${model.name}.onnx`);
        const source = model.isMultiLabel ? ["--weights", multiLabelWeights(folder)] : ["--alpha", "0.25"];
        execFileSync(exporter, ["--quiet", ...source, ...model.options, model.file], { cwd: ROOT });
      }
      const church = readFileSync(join(IMAGES, "church.jpg"));
      const pictures = ["cassette_player.png", "church.jpg", "garbage_truck.jpg", "parachute.jpg"].map((name) => join(IMAGES, name));
      for (const orientation of [6, 3]) {
        const file = join(folder, `orientation-${orientation}.jpg`);
        writeFileSync(file, turned(church, orientation));
        pictures.push(file);
      }
      running = await serve(MODELS[0].file);
      const page = await browser.newPage();
      await page.open(running.url);
      await page.until(state("empty"));
      check(await page.evaluate("crossOriginIsolated"), "the page gets no threads");
      for (const model of MODELS) await compare(page, model, pictures, infer);
      await checkErrors(page, folder);
      await checkCamera(page);
      check(page.faults.length === 0, `faults in the page: ${page.faults.join("; ")}`);
      if (rest[0] === "--screenshots") {
        await after(page, () => page.choose("#model-file", [MODELS[0].file]));
        await after(page, () => page.drop([join(IMAGES, "church.jpg")]));
        await takeScreenshots(page, rest[1]);
      }
    });
  } finally {
    running?.server.kill();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${results.passed} checks passed, ${results.failed} failed`);
  process.exitCode = results.failed ? 1 : 0;
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
