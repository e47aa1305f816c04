// What the page says about a model, in words.
import { MOST_PIXELS } from "./picture.js";

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};

const readable = (name) => name.replaceAll("_", " ");

function training({ data_set, recipe, epochs, accuracy }) {
  if (!data_set) return undefined;
  const parts = [data_set, recipe && `recipe ${recipe}`, epochs && `${epochs} epochs`];
  const reached = Number.isFinite(accuracy) && `${accuracy.toFixed(1)} % of the test pictures are right`;
  return [...parts, reached].filter(Boolean).join(", ");
}

function resizing({ size, resize, shorter, interpolation }) {
  const how =
    resize === "square" ? "the whole picture" : `the shorter side to ${shorter}, then the centre,`;
  const single = interpolation === "nearest" || interpolation.endsWith("-no-antialias");
  const filter = single ? interpolation : `${interpolation} with antialiasing`;
  return `${how} to ${size} × ${size} pixels, ${filter}`;
}

/** [term, description] for each fact. */
export function facts({ description, length }) {
  const { classes, preprocess, resizesInside, input, opset, metadata } = description;
  const { bits } = parsed(metadata.quantization);
  const type = input.type === "uint8" ? "bytes" : "normalised float32 values";
  const found = [
    ["Network", [metadata.architecture === "mobilenet_v1" ? "MobileNetV1" : metadata.architecture, metadata.alpha && `alpha ${metadata.alpha}`].filter(Boolean).join(", ")],
    [`${classes.length} classes`, classes.length <= 20 ? classes.map(readable).join(", ") : `${classes.slice(0, 8).map(readable).join(", ")}, …`],
    ["Input", `${type}, ${resizesInside ? "any size" : `${preprocess.size} × ${preprocess.size}`}`],
    ["Preprocessing", `${resizing(preprocess)}; mean ${preprocess.mean.join(", ")}; std ${preprocess.std.join(", ")}`],
    ["Trained on", training(parsed(metadata.training))],
    ["File", [`${(length / 1e6).toFixed(2)} MB`, `opset ${opset}`, bits && `int8 with ${bits}-bit weights`].filter(Boolean).join(", ")],
    ["Weights", metadata.weights_sha256 && `SHA-256 ${metadata.weights_sha256}`],
  ];
  return found.filter(([, text]) => text);
}

/** What happens between a file and the model, and how far it is what mbn-infer does. */
export function preparation({ preprocess, resizesInside }) {
  const decoding = `The browser decodes the picture and turns it upright. Colour profiles are not applied. Transparent parts become white (mbn-infer drops the transparency instead), and pictures of more than ${MOST_PIXELS / 1e6} megapixels are reduced by the browser first.`;
  const rest = resizesInside
    ? "The model gets every pixel and resizes inside: from the same pixels it computes the same values everywhere."
    : `This page resizes ${resizing(preprocess)}. It computes what mbn-infer computes, to within a level of 255; it does not use the browser's own resizing, which differs from browser to browser.`;
  return `${decoding} ${rest}`;
}

export { readable };
