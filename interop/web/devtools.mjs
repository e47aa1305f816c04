// Starts Debian's Chromium without a window and drives it over the DevTools protocol, through a pipe.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
/** How long a page may take for what it is waited for: a slow machine compiles WebAssembly in a few seconds. */
const PATIENCE_MS = 120_000;

/** The program: CHROMIUM, or the first of the usual names on the path. */
function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: the next one.
    }
  }
  throw new Error("Chromium is missing: install Debian's package `chromium`, or set CHROMIUM to the program");
}

/** A page of the browser. */
class Page {
  /** What went wrong in it that nothing caught, and what it wrote to the console as errors. */
  faults = [];

  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
  }

  send(method, parameters = {}) {
    return this.browser.send(method, parameters, this.session);
  }

  /** The value of an expression, or of its promise. */
  async evaluate(expression) {
    const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", options);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Opens an address, and waits until its scripts have run. */
  async open(url) {
    const loaded = this.browser.once((event) => event.sessionId === this.session && event.method === "Page.loadEventFired");
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await loaded;
  }

  /** Waits until an expression is true, and gives its value. */
  async until(expression) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = await this.evaluate(expression);
      if (value) return value;
      if (Date.now() > end) throw new Error(`the page did not come to \`${expression}\``);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Gives files to an `<input type="file">`, as the dialogue does. */
  async choose(selector, files) {
    const { result } = await this.send("Runtime.evaluate", { expression: `document.querySelector(${JSON.stringify(selector)})` });
    await this.send("DOM.setFileInputFiles", { files, objectId: result.objectId });
  }

  /** Drops files on the middle of the window. */
  async drop(files) {
    const { width, height } = await this.evaluate("({ width: innerWidth, height: innerHeight })");
    const data = { items: [], files, dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await this.send("Input.dispatchDragEvent", { type, x: width / 2, y: height / 2, data });
    }
  }

  /** A PNG of the page, as base64. */
  async screenshot({ width, height = 800, scheme = "light" }) {
    const isNarrow = width < 600;
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: isNarrow });
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    // Bars move for a moment.
    await new Promise((resolve) => setTimeout(resolve, 600));
    return (await this.send("Page.captureScreenshot", { captureBeyondViewport: true })).data;
  }
}

class Browser {
  #process;
  #profile;
  #last = 0;
  #waiting = new Map();
  #listeners = new Set();
  #pages = new Map();

  constructor(flags) {
    const program = findChromium();
    this.#profile = mkdtempSync(join(tmpdir(), "mbn-chromium-"));
    // The sandbox of Chromium does not start for root, as in a container.
    const rootFlags = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    const own = ["--headless=new", "--remote-debugging-pipe", `--user-data-dir=${this.#profile}`];
    const quiet = ["--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage", "--mute-audio"];
    const all = [...own, ...quiet, ...rootFlags, ...flags, "about:blank"];
    this.#process = spawn(program, all, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#process.on("error", (error) => this.#fail(new Error(`Chromium does not start: ${error.message}`)));
    this.#process.on("exit", (code) => this.#fail(new Error(`Chromium ended with exit code ${code}`)));
    this.#process.stdio[3].on("error", () => {});
    let rest = "";
    this.#process.stdio[4].setEncoding("utf8").on("data", (chunk) => {
      const messages = (rest + chunk).split("\0");
      rest = messages.pop();
      messages.map((message) => JSON.parse(message)).forEach((message) => this.#receive(message));
    });
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #receive(message) {
    if (message.id) {
      const { resolve, reject } = this.#waiting.get(message.id) ?? {};
      this.#waiting.delete(message.id);
      if (message.error) reject?.(new Error(message.error.message));
      else resolve?.(message.result);
      return;
    }
    const { method, params } = message;
    const faults = this.#pages.get(message.sessionId)?.faults;
    if (method === "Runtime.exceptionThrown") faults?.push(params.exceptionDetails.exception?.description ?? "exception");
    if (method === "Log.entryAdded" && params.entry.level === "error") faults?.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    for (const listener of this.#listeners) listener(message);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** The first event that a test accepts. */
  once(accepts) {
    return new Promise((resolve) => {
      const listener = (event) => {
        if (!accepts(event)) return;
        this.#listeners.delete(listener);
        resolve(event);
      };
      this.#listeners.add(listener);
    });
  }

  async version() {
    return (await this.send("Browser.getVersion")).product.split("/")[1];
  }

  async newPage() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.#pages.set(sessionId, page);
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    return page;
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    await this.send("Browser.close").catch(() => {});
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Starts the browser, gives it to `use`, and ends it. */
export async function withChromium(flags, use) {
  const browser = new Browser(flags);
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}
