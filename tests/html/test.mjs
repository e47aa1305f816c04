// Tests the page of `mbn-infer --html` in Chromium, from a file and against the program's other outputs:
//
//     node test.mjs MBN_INFER [--screenshots DIR]
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";

import { withChromium } from "../../interop/web/devtools.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
const IMAGES = join(ROOT, "examples", "images");
/** Nothing leaves the browser. */
const FLAGS = ["--disable-gpu", "--disable-quic", "--disable-component-update", "--disable-sync"];
const MANY = 10_000;
/** What the page promises for ten thousand pictures. */
const MOST_BYTES = 60e6;
/** Cards that are elements at once, at most: a screen's and some rows on either side. */
const MOST_CARDS = 150;

const results = { passed: 0, failed: 0 };
function check(isRight, what) {
  results[isRight ? "passed" : "failed"]++;
  if (!isRight) console.error(`FAILED: ${what}`);
}
const same = (found, expected, what) => check(JSON.stringify(found) === JSON.stringify(expected), `${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);

/** Runs the program in a folder, and gives the lines of its JSON. */
function classify(infer, folder, args, codes) {
  const options = { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 };
  const run = spawnSync(infer, ["--quiet", "--parity", "off", "--format", "json", ...args], options);
  if (!codes.includes(run.status)) throw new Error(`mbn-infer ended with ${run.status}: ${run.stderr}`);
  return run.stdout.trim().split("\n").map((line) => JSON.parse(line));
}

/** A PNG file of noise, of which JPEG makes the largest thumbnails. */
function noise(width, height, seed) {
  let state = seed;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  const pixels = Buffer.alloc(height * (1 + 3 * width));
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = i % (1 + 3 * width) === 0 ? 0 : random();
  const table = Array.from({ length: 256 }, (_, n) => Array.from({ length: 8 }).reduce((c) => (c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1), n));
  const crc = (bytes) => ~bytes.reduce((c, byte) => table[(c ^ byte) & 255] ^ (c >>> 8), -1);
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeInt32BE(crc(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts]);
}

/** Opens a page and waits until it is whole. Notes what it asks the network for. */
async function open(browser, file) {
  const page = await browser.newPage();
  const requests = [];
  await page.send("Network.enable");
  await page.send("Emulation.setDeviceMetricsOverride", { width: 1280, height: 900, deviceScaleFactor: 1, mobile: false });
  // It hears every event, since it never has what it waits for.
  page.browser.once((event) => {
    if (event.sessionId === page.session && event.method === "Network.requestWillBeSent") requests.push(event.params.request.url);
    return false;
  });
  await page.open(pathToFileURL(file).href);
  await page.until('document.documentElement.dataset.state === "ready"');
  const paint = await page.evaluate('performance.getEntriesByName("first-contentful-paint")[0]?.startTime');
  const whole = await page.evaluate("performance.timing.domComplete - performance.timing.navigationStart");
  console.log(`${file.split("/").pop()}: ${(statSync(file).size / 1e6).toFixed(1)} MB, painted after ${Math.round(paint)} ms, whole after ${whole} ms`);
  return { page, requests };
}

/** Paths of the pictures that the page shows, in order, from its own data and from the cards themselves. */
const PATHS = "shown.map((place) => rows[place].p)";
const CARDS = 'document.querySelectorAll("#grid li").length';
const COUNT = 'document.getElementById("count").textContent';

/** Sets fields of the form as a user does, and waits for the cards. */
async function filter(page, fields) {
  await page.evaluate(`(() => {
    for (const [id, value] of Object.entries(${JSON.stringify(fields)})) {
      const field = document.getElementById(id);
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  })()`);
  await page.until("waiting === 0");
  return page.evaluate(PATHS);
}
const reset = (page) => page.evaluate('document.getElementById("reset").click()');
const press = async (page, key) => {
  for (const type of ["keyDown", "keyUp"]) await page.send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: { Enter: 13, Escape: 27 }[key] ?? 0, text: type === "keyDown" && key === "Enter" ? "\r" : undefined });
};

/** Folders of classes with pictures that are right, wrong and broken. */
function makeClasses(folder) {
  const files = readdirSync(IMAGES).sort();
  // Files are named like their classes, in small letters.
  const classes = files.map((file) => file.split(".")[0].replace("french", "French"));
  for (const [i, file] of files.entries()) {
    const own = join(folder, "val", classes[i]);
    mkdirSync(own, { recursive: true });
    // Names that an address must escape, and that look like markup.
    for (const name of [`1 ${file}`, `2 #50% <b>?&${file}`]) copyFileSync(join(IMAGES, file), join(own, name));
  }
  for (const i of [0, 3]) copyFileSync(join(IMAGES, files[i]), join(folder, "val", classes[i + 1], `wrong ${files[i]}`));
  writeFileSync(join(folder, "val", classes[2], "broken.jpg"), readFileSync(join(IMAGES, files[2])).subarray(0, 300));
}

async function testEvaluation(browser, infer, folder, shots) {
  makeClasses(folder);
  const lines = classify(infer, folder, ["--evaluate", "--html", "pages/eval.html", "val"], [3]);
  const { page, requests } = await open(browser, join(folder, "pages", "eval.html"));
  const known = lines.map((line) => ({ path: line.path, error: line.error, first: line.predictions?.[0], truth: line.path.split("/")[1] }));
  const good = known.filter(({ error }) => !error);
  const paths = (wanted) => known.filter(wanted).map(({ path }) => path);
  same(await page.evaluate(PATHS), paths(() => true), "all pictures in order");
  same(await page.evaluate(COUNT), `${known.length} pictures`, "their number");
  const cards = await page.evaluate('[...document.querySelectorAll("#grid img")].map((image) => image.complete && image.naturalWidth > 0)');
  check(cards.length > 5 && cards.every(Boolean), `thumbnails are pictures: ${cards}`);

  same(await filter(page, { text: "WRONG val" }), paths(({ path }) => path.includes("wrong")), "words of a path");
  same(await filter(page, { text: "<b>" }), paths(({ path }) => path.includes("<b>")), "markup in a path");
  same(await filter(page, { text: "no such picture" }), [], "no picture");
  check(await page.evaluate('!document.getElementById("none").hidden'), "it is not said that nothing matches");
  await reset(page);
  const index = (label) => `about.classes.indexOf(${JSON.stringify(label)})`;
  const label = good[0].first.label;
  same(await filter(page, { predicted: String(await page.evaluate(index(label))) }), paths(({ first }) => first?.label === label), "a predicted class");
  await reset(page);
  same(await filter(page, { result: "wrong" }), paths(({ first, truth }) => first && first.label !== truth), "mistakes");
  same(await filter(page, { result: "unusable" }), paths(({ error }) => error), "what could not be used");
  await reset(page);
  same(await filter(page, { low: "60", high: "95" }), paths(({ first }) => first && first.probability >= 0.6 && first.probability <= 0.95), "a range of confidence");
  await reset(page);
  const sorted = await filter(page, { sort: "low" });
  const byConfidence = [...good].sort((a, b) => a.first.probability - b.first.probability);
  same(sorted.slice(0, 3), byConfidence.slice(0, 3).map(({ path }) => path), "lowest confidence first");
  same(sorted.at(-1), paths(({ error }) => error)[0], "without a confidence last");
  await filter(page, { sort: "input" });

  // Each cell of the matrix opens its pictures.
  const pairs = new Map();
  for (const { path, first, truth } of good) {
    const key = `${truth} taken for ${first.label}`;
    pairs.set(key, [...(pairs.get(key) ?? []), path]);
  }
  const cells = await page.evaluate('[...document.querySelectorAll("#matrix-table td button")].map((cell) => [cell.getAttribute("aria-label"), cell.textContent])');
  same(cells.map(([, n]) => Number(n)).reduce((a, b) => a + b, 0), good.length, "the matrix counts every picture");
  same(cells.length, pairs.size, "cells of the matrix");
  for (const [i, [title]] of cells.entries()) {
    await page.evaluate(`selectTab("matrix"); document.querySelectorAll("#matrix-table td button")[${i}].click()`);
    const wanted = pairs.get(title.replace(/^[\d,]+ pictures? of /, ""));
    same(await page.evaluate(PATHS), wanted, title);
    check(await page.evaluate('!document.getElementById("pictures").hidden'), "the pictures are not in view");
  }
  await page.evaluate("show({})");

  // One picture, by keyboard alone.
  await page.evaluate('document.querySelector("#grid .card").focus()');
  await press(page, "ArrowRight");
  // The page lays its cards out anew when it becomes narrower: the focus stays.
  const columns = await page.evaluate("shape.columns");
  await page.evaluate('document.getElementById("results").style.width = "50%"');
  await page.until(`shape.columns < ${columns}`);
  same(await page.evaluate("document.activeElement.dataset.place"), "1", "the card that keeps the focus");
  await page.evaluate('document.getElementById("results").style.width = ""');
  await page.until(`shape.columns === ${columns}`);
  await press(page, "Enter");
  await page.until('document.getElementById("detail").open');
  same(await page.evaluate('document.getElementById("detail-path").textContent'), known[1].path, "the second picture");
  await press(page, "ArrowRight");
  same(await page.evaluate('document.getElementById("detail-place").textContent'), `3 of ${known.length}`, "the next one");
  for (const { path } of known) {
    await page.evaluate(`openDetail(${known.findIndex((line) => line.path === path)})`);
    const target = await page.evaluate('document.getElementById("detail-link").href');
    check(existsSync(fileURLToPath(target)) && resolve(fileURLToPath(target)) === resolve(folder, path), `${path} leads to ${target}`);
  }
  await page.evaluate("openDetail(2)");
  await press(page, "Escape");
  // The focus goes back to the card once the browser has told the page that the dialog is closed.
  await page.until('!document.getElementById("detail").open && document.activeElement.dataset.place === "2"');

  await checkNames(page);
  check(requests.every((url) => /^(file|data):/.test(url)), `the page asks for ${requests}`);
  check(page.faults.length === 0, `faults in the page: ${page.faults.join("; ")}`);
  if (shots) await takeScreenshots(page, shots, "evaluation");
}

const ROLES = ["button", "tab", "searchbox", "combobox", "slider", "link"];

/** Everything that can be used has a name for those who do not see it. */
async function checkNames(page) {
  for (const tab of ["pictures", "classes", "matrix"]) {
    await page.evaluate(`selectTab("${tab}")`);
    const { nodes } = await page.send("Accessibility.getFullAXTree");
    const used = nodes.filter(({ ignored, role }) => !ignored && ROLES.includes(role?.value));
    check(used.length > 3, `${tab}: ${used.length} nodes of ${ROLES}`);
    const unnamed = used.filter(({ name }) => !name?.value?.trim());
    check(unnamed.length === 0, `${tab}: without a name: ${unnamed.map(({ role }) => role.value)}`);
  }
  await page.evaluate('selectTab("pictures")');
}

async function testMany(browser, infer, folder, shots) {
  mkdirSync(join(folder, "many"));
  const pictures = readdirSync(IMAGES).map((name) => join(folder, name));
  for (const picture of pictures) copyFileSync(join(IMAGES, picture.slice(folder.length)), picture);
  for (let i = 0; i < 20; i += 1) {
    const file = join(folder, `noise-${i}.png`);
    writeFileSync(file, noise(224, 224, i + 1));
    pictures.push(file);
  }
  for (let i = 0; i < MANY; i += 1) linkSync(pictures[i % pictures.length], join(folder, "many", `picture ${String(i).padStart(5, "0")}`));
  const lines = classify(infer, folder, ["--html", "pages/many.html", "many"], [0]);
  const file = join(folder, "pages", "many.html");
  check(statSync(file).size < MOST_BYTES, `${MANY} pictures make a page of ${statSync(file).size} bytes`);
  const { page, requests } = await open(browser, file);
  same(await page.evaluate("rows.length"), MANY, "pictures in the page");
  same(await page.evaluate("rows.filter((row) => row.t).length"), MANY, "thumbnails in the page");
  const few = async (where) => check((await page.evaluate(CARDS)) <= MOST_CARDS, `${await page.evaluate(CARDS)} cards ${where}`);
  await few("at the top");
  // The way down: what is in the window is always there.
  for (const part of [0.3, 0.7, 1]) {
    await page.evaluate(`scrollTo(0, ${part} * document.documentElement.scrollHeight)`);
    await page.until(`(() => {
      const middle = document.elementFromPoint(innerWidth - 300, innerHeight / 2);
      return middle?.closest(".card") !== null;
    })()`);
    await few(`at ${part}`);
  }
  const last = await page.evaluate('[...document.querySelectorAll("#grid .path")].at(-1).title');
  same(last, lines.at(-1).path, "the last picture is at the end");
  same(await filter(page, { text: "04711" }), ["many/picture 04711"], "one of many");
  await reset(page);
  const high = await filter(page, { sort: "high" });
  const most = Math.max(...lines.map(({ predictions }) => predictions[0].probability));
  const first = lines.find(({ path }) => path === high[0]);
  check(Math.abs(first.predictions[0].probability - most) < 1e-4, "the most confident first");
  check(requests.every((url) => /^(file|data):/.test(url)), `the page asks for ${requests}`);
  check(page.faults.length === 0, `faults in the page: ${page.faults.join("; ")}`);
  if (shots) {
    await reset(page);
    await takeScreenshots(page, shots, "many");
  }
}

async function takeScreenshots(page, folder, name) {
  mkdirSync(folder, { recursive: true });
  const views = { pictures: 'scrollTo(0, 0); selectTab("pictures")', classes: 'selectTab("classes")', matrix: 'selectTab("matrix")', detail: 'selectTab("pictures"); openDetail(2)' };
  for (const [view, action] of Object.entries(views)) {
    if (view === "matrix" && name !== "evaluation") continue;
    await page.evaluate(`detail.close(); ${action}`);
    for (const [place, width] of [["desktop", 1280], ["phone", 390]]) {
      for (const scheme of ["light", "dark"]) {
        await page.send("Emulation.setDeviceMetricsOverride", { width, height: 850, deviceScaleFactor: 1, mobile: width < 600 });
        await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        await new Promise((later) => setTimeout(later, 400));
        const { data } = await page.send("Page.captureScreenshot");
        writeFileSync(join(folder, `${name}-${view}-${place}-${scheme}.png`), Buffer.from(data, "base64"));
      }
    }
  }
}

async function main([infer, ...rest]) {
  const folder = mkdtempSync(join(tmpdir(), "mbn-html-test-"));
  const shots = rest[0] === "--screenshots" ? rest[1] : undefined;
  mkdirSync(join(folder, "pages"));
  try {
    await withChromium(FLAGS, async (browser) => {
      await testEvaluation(browser, resolve(infer), folder, shots);
      await testMany(browser, resolve(infer), folder, shots);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${results.passed} checks passed, ${results.failed} failed`);
  process.exitCode = results.failed ? 1 : 0;
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
