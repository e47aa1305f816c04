// From a file or a camera's frame to the values that a model takes.
import { resize } from "./resize.js";

/** A file that is no picture. The message is a sentence for the user. */
export class PictureError extends Error {}

/** Pictures with more pixels are reduced by the browser first: canvases of phones hold no more, and memory is short. */
export const MOST_PIXELS = 16_000_000;

/**
 * Decodes a file, upright and without applying colour profiles, as mbn-infer does. Gives a bitmap. `name` is for the message.
 */
export async function decode(file, name) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new PictureError(`“${name}” is not a picture that this browser can read.`);
  }
}

/** The pixels of a bitmap, an image or a video: {data: RGBA bytes, width, height, isReduced}. */
export function pixels(source, sourceWidth, sourceHeight) {
  const factor = Math.min(1, Math.sqrt(MOST_PIXELS / (sourceWidth * sourceHeight)));
  const [width, height] = [sourceWidth, sourceHeight].map((side) => Math.max(1, Math.round(side * factor)));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  // What is transparent becomes white: a canvas does not keep the colours of transparent pixels.
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return { data: context.getImageData(0, 0, width, height).data, width, height, isReduced: factor < 1 };
}

/** Drops the fourth byte of each pixel. */
function rgb(data) {
  const bytes = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    bytes[to] = data[from];
    bytes[to + 1] = data[from + 1];
    bytes[to + 2] = data[from + 2];
  }
  return bytes;
}

/** [size, size, 3] bytes to [3, size, size] normalised values. */
function normalised(bytes, { size, mean, std }) {
  const values = new Float32Array(bytes.length);
  for (let channel = 0; channel < 3; channel++) {
    const plane = values.subarray(channel * size * size, (channel + 1) * size * size);
    const [scale, shift] = [1 / (255 * std[channel]), -mean[channel] / std[channel]];
    for (let i = 0; i < plane.length; i++) plane[i] = bytes[i * 3 + channel] * scale + shift;
  }
  return values;
}

/** What the model takes for a picture: {type, values, shape}. A model for batches gets the picture in its first place. */
export function inputOf(picture, { input, preprocess, resizesInside }) {
  const { size } = preprocess;
  const bytes = resizesInside ? rgb(picture.data) : new Uint8Array(resize(picture, preprocess).buffer);
  const batch = input.shape[0] ?? 1;
  const shape = resizesInside ? [batch, picture.height, picture.width, 3] : [batch, size, size, 3];
  const one = input.type === "uint8" ? bytes : normalised(bytes, preprocess);
  if (batch === 1) {
    return { type: input.type, values: one, shape: input.type === "uint8" ? shape : [1, 3, size, size] };
  }
  const values = new one.constructor(batch * one.length);
  values.set(one);
  return { type: input.type, values, shape: input.type === "uint8" ? shape : [batch, 3, size, size] };
}

/** Probabilities of `count` logits where several classes may be right at once. */
export function sigmoid(logits, count) {
  return Array.from(logits.slice(0, count), (value) => 1 / (1 + Math.exp(-value)));
}

/** Probabilities of `count` logits of which one class is right. */
export function softmax(logits, count) {
  const values = Array.from(logits.slice(0, count));
  const largest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}
