// Resizes as mbn-infer does: along one axis, rounding to bytes, then along the other. A canvas would use a filter of the
// browser's choice.

// Of the two edges only one belongs to it.
const rectangle = (x) => (x > -0.5 && x <= 0.5 ? 1 : 0);
const triangle = (x) => Math.max(0, 1 - Math.abs(x));
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const within = (half, weight) => ({ support: half, weight: (x) => (Math.abs(x) < half ? weight(x) : 0) });

/** The filters where they do not reduce: half the width, and the weight at a distance. `single`: they never widen. */
const KERNELS = {
  nearest: { support: 0.5, weight: rectangle, single: true },
  box: { support: 0.5, weight: rectangle },
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

/** For each of `size` results after those that are skipped, the first pixel and the weights. */
function axis(length, { back, skipped }, size, { support, weight, single }) {
  if (weight === rectangle && single) return nearest(length, back, skipped, size);
  const widening = single ? 1 : Math.max(back, 1);
  return Array.from({ length: size }, (_, i) => {
    const centre = (skipped + i + 0.5) * back;
    const start = Math.max(0, Math.floor(centre - support * widening + 0.5));
    const end = Math.min(length, Math.floor(centre + support * widening + 0.5));
    const weights = Array.from({ length: end - start }, (_, j) => weight((start + j - centre + 0.5) / widening));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { start, weights: weights.map((value) => value / sum) };
  });
}

/** The same for the nearest pixel. Positions are added up as in Pillow: rounding decides between two that are equally near. */
function nearest(length, step, skipped, size) {
  let position = step * 0.5;
  for (let i = 0; i < skipped; i++) position += step;
  return Array.from({ length: size }, () => {
    const start = Math.min(Math.floor(position), length - 1);
    position += step;
    return { start, weights: [1] };
  });
}

/** Pixels before a part of `size` in the centre of `length`. */
function offset(length, size, centre) {
  const around = Math.max(0, length - size);
  const half = Math.floor(around / 2);
  return centre === "even" && around % 2 === 1 ? half + (half % 2) : half;
}

/** Of each axis: pixels of the resized picture, those before the network's input, and pixels of the picture for one of them. */
function region(width, height, { size, resize, shorter, centre }) {
  const along = (length) => {
    if (resize === "square") return { back: length / size, skipped: 0, resized: size };
    const resized = Math.floor((shorter * length) / Math.min(width, height));
    return { back: length / resized, skipped: offset(resized, size, centre), resized };
  };
  return { columns: along(width), rows: along(height) };
}

/** Resizes along the height: bytes [rows, stride] to bytes [results, stride]. Storing rounds, and cuts off what lies outside 0 to 255. */
function down(bytes, stride, rows) {
  const resized = new Uint8ClampedArray(rows.length * stride);
  const sums = new Float64Array(stride);
  rows.forEach(({ start, weights }, y) => {
    sums.fill(0);
    weights.forEach((weight, j) => {
      const from = (start + j) * stride;
      for (let x = 0; x < stride; x++) sums[x] += weight * bytes[from + x];
    });
    resized.set(sums, y * stride);
  });
  return resized;
}

/** Resizes along the width: bytes [height, stride] of pixels of `depth` bytes to bytes [height, results, 3]. */
function across(bytes, stride, depth, columns) {
  const height = bytes.length / stride;
  const resized = new Uint8ClampedArray(height * columns.length * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (const { start, weights } of columns) {
      for (let channel = 0; channel < 3; channel++, at++) {
        const from = y * stride + start * depth + channel;
        let sum = 0;
        for (let j = 0; j < weights.length; j++) sum += weights[j] * bytes[from + j * depth];
        resized[at] = sum;
      }
    }
  }
  return resized;
}

/** Whether the height comes first. The order matters where a filter overshoots. */
function isHeightFirst(width, height, { columns, rows }, interpolation) {
  if (interpolation === "bilinear") return true;
  // Pillow's rule: where that takes away more than twice as many rows as the width takes away columns.
  const away = height - rows.resized;
  return away > 0 && away > 2 * (width - columns.resized);
}

/** Resizes [height, width, 4] bytes (RGBA) to [size, size, 3] bytes (RGB) as `preprocess` says. */
export function resize({ data, width, height }, preprocess) {
  const { size, interpolation } = preprocess;
  const kernel = KERNELS[interpolation];
  if (!kernel) throw new Error(`the model's filter ${interpolation} is not one of ${Object.keys(KERNELS).join(", ")}`);
  const part = region(width, height, preprocess);
  const rows = axis(height, part.rows, size, kernel);
  const columns = axis(width, part.columns, size, kernel);
  if (isHeightFirst(width, height, part, interpolation)) return across(down(data, width * 4, rows), width * 4, 4, columns);
  return down(across(data, width * 4, 4, columns), size * 3, rows);
}
