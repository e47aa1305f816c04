// ONNX Runtime in WebAssembly: loads a model, and runs one picture at a time.
import { describe, ModelError } from "./model.js";
import { inputOf, sigmoid, softmax } from "./picture.js";

/** More threads than this do not make so small a network faster. */
const MOST_THREADS = 4;

/** ONNX Runtime itself. The errors are sentences for the user. */
export async function loadRuntime() {
  if (typeof WebAssembly !== "object") {
    throw new ModelError("This browser has no WebAssembly, or it is turned off. The model cannot run here.");
  }
  let ort;
  try {
    ort = await import("./ort/ort.wasm.min.mjs");
  } catch {
    throw new ModelError("ONNX Runtime is not there. Run “npm ci --prefix examples/web” and reload this page.");
  }
  // Without the headers that serve.py sends, a browser gives no memory that threads share.
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  ort.env.logLevel = "error";
  return ort;
}

/** A model that is ready to run. */
export class Model {
  #ort;
  #session;

  /** `bytes` is the whole file: the description and the network are in it. */
  static async open(ort, bytes) {
    const model = new Model();
    model.description = describe(bytes);
    model.length = bytes.length;
    model.#ort = ort;
    try {
      model.#session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    } catch (error) {
      throw new ModelError(`ONNX Runtime does not take this model: ${String(error?.message ?? error).split("\n")[0]}`);
    }
    return model;
  }

  /** Classes with probabilities, the most probable first, and the milliseconds that preparing and running took. */
  async classify(picture) {
    const start = performance.now();
    const { type, values, shape } = inputOf(picture, this.description);
    const prepared = performance.now();
    const { logits } = await this.#session.run({ input: new this.#ort.Tensor(type, values, shape) }, ["logits"]);
    const done = performance.now();
    const { classes, isMultiLabel } = this.description;
    const probabilities = (isMultiLabel ? sigmoid : softmax)(logits.data, classes.length);
    const ranked = classes.map((name, i) => ({ name, probability: probabilities[i] }));
    ranked.sort((a, b) => b.probability - a.probability);
    return { ranked, preparing: prepared - start, running: done - prepared };
  }

  release() {
    return this.#session.release();
  }
}
