// The table of the classes and the confusion matrix. Their numbers are of all pictures, also of those that this page leaves out.

/** A matrix of more classes cannot be read. */
const MOST_IN_MATRIX = 40;
const MOST_MISTAKES = 30;

/** Columns of the table: a title, a value of a class's scores to sort by, its text, and whether a bar shows it. */
const COLUMNS = [
  ["Predicted", (score) => score.predicted, number, true],
  ["Images", (score) => score.images, number],
  ["Precision", (score) => score.precision, (value) => percent(value)],
  ["Recall", (score) => score.recall, (value) => percent(value)],
  ["F1", (score) => score.f1, (value) => percent(value)],
];
let sorted = { column: 0, down: true };

/** A button that shows pictures. */
function opening(text, label, wanted) {
  const button = element("button", "", text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => show(wanted));
  return button;
}

function drawClasses() {
  const columns = about.evaluated ? COLUMNS : COLUMNS.slice(0, 1);
  const table = part("class-table");
  const value = sorted.column < 0 ? null : columns[sorted.column][1];
  const scores = summary.classes.map((score, index) => ({ index, ...score })).filter((score) => score.predicted > 0 || score.images > 0);
  const sign = sorted.down ? -1 : 1;
  scores.sort((a, b) => (value ? sign * ((value(a) ?? -1) - (value(b) ?? -1)) : sign * collator.compare(name(a.index), name(b.index))));
  const head = element("tr");
  for (const [column, title] of [[-1, "Class"], ...columns.map(([title], i) => [i, title])]) {
    const cell = element("th");
    cell.scope = "col";
    const isSorted = sorted.column === column;
    cell.setAttribute("aria-sort", isSorted ? (sorted.down ? "descending" : "ascending") : "none");
    const button = element("button", "", title);
    button.type = "button";
    button.addEventListener("click", () => {
      sorted = { column, down: isSorted ? !sorted.down : column >= 0 };
      drawClasses();
      part("class-table").querySelectorAll("th button")[column + 1].focus();
    });
    cell.append(button);
    head.append(cell);
  }
  const most = Math.max(1, ...scores.map((score) => score.predicted));
  const body = scores.map((score) => {
    const line = element("tr");
    const title = element("th");
    title.scope = "row";
    const label = `Show the pictures that were taken for ${name(score.index)}`;
    title.append(opening(name(score.index), label, { predicted: String(score.index) }));
    line.append(title);
    for (const [, value, text, hasBar] of columns) {
      const cell = element("td", hasBar ? "barred" : "");
      const found = value(score);
      if (hasBar) cell.append(bar(found / most));
      cell.append(element("span", "", found === null || found === undefined ? "–" : text(found)));
      line.append(cell);
    }
    return line;
  });
  const [top, rest] = [element("thead"), element("tbody")];
  top.append(head);
  rest.append(...body);
  table.replaceChildren(top, rest);
  const others = summary.classes.length - scores.length;
  const unseen = others ? ` ${counted(others, "other class", "other classes")} of the model ${others === 1 ? "does" : "do"} not occur.` : "";
  part("classes-explained").textContent = `A class opens the pictures that were taken for it.${unseen}`;
}

/** The classes of the matrix: all that occur, or those with the most mistakes. */
function matrixClasses() {
  const wrong = new Map();
  for (const [truth, predicted, n] of summary.confusion) {
    for (const index of [truth, predicted]) wrong.set(index, (wrong.get(index) ?? 0) + (truth === predicted ? 0 : n));
  }
  const all = [...wrong.keys()].sort((a, b) => a - b);
  if (all.length <= MOST_IN_MATRIX) return [all, all.length];
  const worst = [...all].sort((a, b) => wrong.get(b) - wrong.get(a)).slice(0, MOST_IN_MATRIX);
  return [worst.sort((a, b) => a - b), all.length];
}

function drawMatrix() {
  const [classes, occurring] = matrixClasses();
  const counts = new Map(summary.confusion.map(([truth, predicted, n]) => [`${truth},${predicted}`, n]));
  const table = part("matrix-table");
  const head = element("tr");
  const corner = element("th", "corner");
  corner.append(element("span", "", "true ↓"), element("span", "", "predicted →"));
  head.append(corner);
  for (const index of classes) {
    const cell = element("th", "column");
    cell.scope = "col";
    cell.append(element("span", "", name(index)));
    cell.title = name(index);
    head.append(cell);
  }
  const lines = classes.map((truth) => {
    const line = element("tr");
    const title = element("th", "row", name(truth));
    title.scope = "row";
    line.append(title);
    const images = summary.classes[truth].images;
    for (const predicted of classes) {
      const n = counts.get(`${truth},${predicted}`) ?? 0;
      const cell = element("td", truth === predicted ? "diagonal" : "");
      if (n > 0) {
        cell.style.setProperty("--part", Math.round(100 * (0.12 + 0.88 * (n / images))) + "%");
        cell.className += n / images > 0.5 ? " full" : "";
        const label = `${counted(n, "picture")} of ${name(truth)} taken for ${name(predicted)}`;
        const button = opening(number(n), label, { truth: String(truth), predicted: String(predicted) });
        button.title = label;
        cell.append(button);
      }
      line.append(cell);
    }
    return line;
  });
  const [top, rest] = [element("thead"), element("tbody")];
  top.append(head);
  rest.append(...lines);
  table.replaceChildren(top, rest);
  const some = classes.length < occurring ? ` These are the ${classes.length} of ${number(occurring)} classes with the most mistakes.` : "";
  part("matrix-explained").textContent = `A row is a true class, a column what its pictures were taken for. A cell opens its pictures; the deeper its colour, the larger its part of the row.${some}`;
  const mistakes = summary.confusion.filter(([truth, predicted]) => truth !== predicted).sort((a, b) => b[2] - a[2]);
  part("mistakes").replaceChildren(
    ...mistakes.slice(0, MOST_MISTAKES).map(([truth, predicted, n]) => {
      const item = element("li");
      const wanted = { truth: String(truth), predicted: String(predicted) };
      item.append(opening(`${name(truth)} taken for ${name(predicted)}`, `Show ${counted(n, "picture")} of ${name(truth)} taken for ${name(predicted)}`, wanted), element("span", "", number(n)));
      return item;
    }),
  );
  if (mistakes.length === 0) part("mistakes").replaceChildren(element("li", "", "none"));
}
