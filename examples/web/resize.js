// Resizes as mbn-infer does: along the height first, rounding to bytes, then along the width. A canvas would use a filter of
// the browser's choice.

const triangle = (x) => Math.max(0, 1 - Math.abs(x));
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const within = (half, weight) => ({ support: half, weight: (x) => (Math.abs(x) < half ? weight(x) : 0) });

/** The filters where they do not reduce: half the width, and the weight at a distance. `single`: they never widen. */
const KERNELS = {
  nearest: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0), single: true },
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: triangle },
  "bilinear-no-antialias": { support: 1, weight: triangle, single: true },
  hamming: within(1, (x) => sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))),
  lanczos: within(3, (x) => sinc(x) * sinc(x / 3)),
  // Keys's cubic with a = -0.5.
  bicubic: {
    support: 2,
    weight: (distance) => {
      const x = Math.abs(distance);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    },
  },
};

/** For each of `size` results, the first pixel and the weights, on the part of `extent` pixels from `low` of an axis. */
function axis(length, { low, extent }, size, { support, weight, single }) {
  const scale = extent / size;
  const widening = single ? 1 : Math.max(scale, 1);
  return Array.from({ length: size }, (_, i) => {
    const centre = low + (i + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - support * widening + 0.5));
    const end = Math.min(length, Math.floor(centre + support * widening + 0.5));
    const weights = Array.from({ length: end - start }, (_, j) => weight((start + j - centre + 0.5) / widening));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { start, weights: weights.map((value) => value / sum) };
  });
}

/** Pixels before a part of `size` in the centre of `length`. */
function offset(length, size, centre) {
  const around = Math.max(0, length - size);
  const half = Math.floor(around / 2);
  return centre === "even" && around % 2 === 1 ? half + (half % 2) : half;
}

/** The part of each axis that becomes the network's input, in pixels of the picture. */
function region(width, height, { size, resize, shorter, centre }) {
  const along = (length) => {
    if (resize === "square") return { low: 0, extent: length };
    const resized = Math.floor((shorter * length) / Math.min(width, height));
    const back = length / resized;
    return { low: offset(resized, size, centre) * back, extent: size * back };
  };
  return { columns: along(width), rows: along(height) };
}

/** Resizes [height, width, 4] bytes (RGBA) to [size, size, 3] bytes (RGB) as `preprocess` says. */
export function resize({ data, width, height }, preprocess) {
  const { size, interpolation } = preprocess;
  const kernel = KERNELS[interpolation];
  if (!kernel) throw new Error(`the model's filter ${interpolation} is not one of ${Object.keys(KERNELS).join(", ")}`);
  const part = region(width, height, preprocess);
  const rows = axis(height, part.rows, size, kernel);
  const columns = axis(width, part.columns, size, kernel);
  const resized = new Uint8ClampedArray(size * size * 3);
  const sums = new Float64Array(width * 4);
  // Rounds to bytes, and cuts off what lies outside 0 to 255.
  const row = new Uint8ClampedArray(width * 4);
  rows.forEach(({ start, weights }, y) => {
    sums.fill(0);
    weights.forEach((weight, j) => {
      const from = (start + j) * width * 4;
      for (let x = 0; x < sums.length; x++) sums[x] += weight * data[from + x];
    });
    row.set(sums);
    columns.forEach(({ start, weights }, x) => {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j] * row[(start + j) * 4 + channel];
        resized[(y * size + x) * 3 + channel] = sum;
      }
    });
  });
  return resized;
}
