// Reads what mbn-export writes into an ONNX file about the model. ONNX Runtime for browsers does not give this part, so the
// file's protobuf is read here. Field numbers are those of onnx.proto.

/** A file that is no model for this page. The message is a sentence for the user. */
export class ModelError extends Error {}

/** The problem type of a model of which several classes may be right at once. */
const MULTI_LABEL = "multi_label_classification";

const ELEMENT_TYPES = { 1: "float32", 2: "uint8" };

/** Yields [number, value] for each field of a message. A value is a number, or the bytes of text or of a message inside. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    for (let value = 0, factor = 1; ; factor *= 128) {
      if (at >= bytes.length || factor > 2 ** 63) throw new RangeError("a number does not end");
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const take = (length) => {
    if (length > bytes.length - at) throw new RangeError("a length is larger than the file");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield [number, varint()];
        break;
      case 1:
        yield [number, take(8)];
        break;
      case 2:
        yield [number, take(varint())];
        break;
      case 5:
        yield [number, take(4)];
        break;
      default:
        throw new RangeError("a field has no known type");
    }
  }
}

const all = (bytes, number) => [...fields(bytes)].filter(([found]) => found === number).map(([, value]) => value);
const first = (bytes, number) => all(bytes, number)[0];
const message = (bytes, number) => first(bytes, number) ?? new Uint8Array();
const text = (bytes) => new TextDecoder().decode(bytes ?? new Uint8Array());

/** Name, element type and shape of a graph's input. A side that may vary is null. */
function valueInfo(bytes) {
  const tensor = message(message(bytes, 2), 1);
  const shape = all(message(tensor, 2), 1).map((dimension) => first(dimension, 1) ?? null);
  return { name: text(first(bytes, 1)), type: ELEMENT_TYPES[first(tensor, 1)], shape };
}

function parse(bytes) {
  const model = [...fields(bytes)];
  const graph = model.find(([number]) => number === 7)?.[1];
  if (graph === undefined) throw new RangeError("there is no graph");
  const metadata = model
    .filter(([number]) => number === 14)
    .map(([, entry]) => [text(first(entry, 1)), text(first(entry, 2))]);
  const opset = model.filter(([number]) => number === 8).map(([, entry]) => first(entry, 2));
  return {
    metadata: Object.fromEntries(metadata),
    opset: opset[0],
    inputs: all(graph, 11).map(valueInfo),
    outputs: all(graph, 12).map((output) => text(first(output, 1))),
  };
}

function json(metadata, key) {
  try {
    return JSON.parse(metadata[key]);
  } catch {
    throw new ModelError(`The model's metadata has no readable “${key}”. This page runs models that mbn-export wrote.`);
  }
}

/** The preprocessing with its defaults written out. They are those of docs/export.md and of mbn-infer. */
function preprocessing(found) {
  const { size, resize, mean, std } = found;
  const three = (values) => Array.isArray(values) && values.length === 3 && values.every(Number.isFinite);
  const isSound = Number.isInteger(size) && size > 0 && size <= 4096 && three(mean) && three(std);
  if (!isSound || !["square", "crop"].includes(resize)) {
    throw new ModelError("The model's metadata describes a preprocessing that this page does not know.");
  }
  const usualShorter = Math.floor((size * 256 + 112) / 224);
  return { shorter: usualShorter, centre: "even", interpolation: "bilinear", ...found };
}

/**
 * Describes a model from the bytes of its file: `classes`, `isMultiLabel` (several may be right at once), `preprocess`, `resizesInside`, `input` ({type, shape}), `opset` and
 * the rest of its `metadata`. Throws a ModelError if the page cannot run it.
 */
export function describe(bytes) {
  let found;
  try {
    found = parse(bytes);
  } catch {
    throw new ModelError("This file is no ONNX model, or it is damaged.");
  }
  const { metadata, opset, inputs, outputs } = found;
  const input = inputs.find(({ name }) => name === "input");
  if (!("classes" in metadata && "preprocess" in metadata && input && outputs.includes("logits"))) {
    throw new ModelError(
      "This ONNX model does not say what its classes and its preprocessing are. The page runs models that mbn-export wrote.",
    );
  }
  if (!input.type || input.shape.length !== 4) {
    throw new ModelError("The model takes neither bytes nor float32 pictures, so this page cannot run it.");
  }
  const classes = json(metadata, "classes");
  if (!Array.isArray(classes) || classes.length === 0 || !classes.every((name) => typeof name === "string")) {
    throw new ModelError("The model's metadata has no list of class names.");
  }
  const preprocess = preprocessing(json(metadata, "preprocess"));
  const { problem_type: problem } = metadata;
  if (problem !== undefined && problem !== MULTI_LABEL) {
    throw new ModelError(`The model's metadata has the problem type “${problem}”, which this page does not know.`);
  }
  return { classes, isMultiLabel: problem === MULTI_LABEL, preprocess, resizesInside: metadata.resize_inside === "true", input, opset, metadata };
}
