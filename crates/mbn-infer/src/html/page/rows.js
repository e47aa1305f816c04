// The pictures, and which of them the filters let through.

/**
 * Pictures in the order of the inputs: `p` path, `f` whether it is a file, `a` its path where `p` is another text, `k` the likeliest classes as `[index, probability]`, `c` the
 * true class, `u` whether the result is uncertain, `t` a JPEG in base64, `e` why it could not be used, `w` a warning.
 */
const rows = [];
/** What the program wrote before the first picture, and after the last. */
let about = { classes: [] };
let summary = null;
/** Places in `rows`, in the order in which they are shown. */
let shown = [];

const ALL = { text: "", predicted: "", truth: "", result: "all", low: 0, high: 100, sort: "input" };
const filters = { ...ALL };
const collator = new Intl.Collator("en", { numeric: true });
const number = (value) => value.toLocaleString("en");
const percent = (part, digits = 1) => `${(100 * part).toFixed(digits)} %`;
const counted = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const name = (index) => about.classes[index] ?? `class ${index}`;

const first = (row) => (row.k ? row.k[0][0] : -1);
const confidence = (row) => (row.k ? row.k[0][1] : -1);
const isRight = (row) => row.c !== undefined && row.k !== undefined && first(row) === row.c;
const isWrong = (row) => row.c !== undefined && row.k !== undefined && first(row) !== row.c;

/** The results that can be asked for: a label, and which pictures it means. */
const RESULTS = {
  all: ["all", () => true],
  right: ["right", isRight],
  wrong: ["wrong", isWrong],
  certain: ["certain", (row) => row.k !== undefined && !row.u],
  uncertain: ["uncertain", (row) => row.u === 1],
  warned: ["with a warning", (row) => row.w !== undefined],
  unusable: ["could not be used", (row) => row.e !== undefined],
};

/** A test of pictures by all filters but confidence. */
function test() {
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  const { predicted, truth, result } = filters;
  const [, fits] = RESULTS[result];
  return (row) => {
    if (predicted !== "" && first(row) !== Number(predicted)) return false;
    if (truth !== "" && row.c !== Number(truth)) return false;
    if (!fits(row)) return false;
    if (words.length === 0) return true;
    const path = row.p.toLowerCase();
    return words.every((word) => path.includes(word));
  };
}

/** Whether a picture's confidence is in the range; those without one are shown if the range is whole. */
function isInRange(row) {
  const { low, high } = filters;
  if (low <= 0 && high >= 100) return true;
  const value = 100 * confidence(row);
  return row.k !== undefined && value >= low && value <= high;
}

const ORDERS = {
  path: (a, b) => collator.compare(rows[a].p, rows[b].p),
  class: (a, b) => collator.compare(rows[a].k ? name(first(rows[a])) : "\uffff", rows[b].k ? name(first(rows[b])) : "\uffff") || confidence(rows[b]) - confidence(rows[a]),
  high: (a, b) => confidence(rows[b]) - confidence(rows[a]),
  // Those without a confidence come last.
  low: (a, b) => (confidence(rows[a]) < 0) - (confidence(rows[b]) < 0) || confidence(rows[a]) - confidence(rows[b]),
  mistakes: (a, b) => isWrong(rows[b]) - isWrong(rows[a]) || confidence(rows[b]) - confidence(rows[a]),
};

/** Number of bars of the histogram. */
const BINS = 20;

/** Finds what is shown, and counts the pictures that the other filters let through by confidence. */
function select() {
  const passes = test();
  const bins = new Array(BINS).fill(0);
  shown = [];
  for (const [place, row] of rows.entries()) {
    if (!passes(row)) continue;
    if (row.k) bins[Math.min(BINS - 1, Math.floor(confidence(row) * BINS))] += 1;
    if (isInRange(row)) shown.push(place);
  }
  if (ORDERS[filters.sort]) shown.sort(ORDERS[filters.sort]);
  return bins;
}
