// Puts the page together while it loads: `start`, `more` for each part of the pictures, `finish`.

const TABS = ["pictures", "classes", "matrix"];
const FIELDS = ["text", "predicted", "truth", "result", "low", "high", "sort"];

function selectTab(wanted) {
  for (const tab of TABS) {
    const button = part(`tab-${tab}`);
    button.setAttribute("aria-selected", tab === wanted);
    button.tabIndex = tab === wanted ? 0 : -1;
    part(tab).hidden = tab !== wanted;
  }
  if (wanted === "pictures") redraw();
}

/** Shows the pictures that the filters `wanted` select, and no others. */
function show(wanted) {
  Object.assign(filters, ALL, wanted, { sort: filters.sort });
  writeForm();
  selectTab("pictures");
  refresh();
  part("results").focus({ preventScroll: true });
  part("tabs").scrollIntoView({ block: "start" });
}

function writeForm() {
  for (const field of FIELDS) part(field).value = filters[field];
}

function readForm() {
  for (const field of FIELDS) filters[field] = part(field).value;
  filters.low = Number(filters.low);
  filters.high = Number(filters.high);
}

/** Selects, counts and draws. */
function refresh() {
  const bins = select();
  current = 0;
  const most = Math.max(1, ...bins);
  const { low, high } = filters;
  part("histogram").replaceChildren(
    ...bins.map((n, i) => {
      const [from, to] = [(100 * i) / BINS, (100 * (i + 1)) / BINS];
      const column = element("span", to <= low || from >= high ? "out" : "");
      column.style.height = n === 0 ? "0" : `${Math.max(4, (100 * n) / most)}%`;
      return column;
    }),
  );
  part("range").value = `${low} to ${high} %`;
  writeCount();
  part("none").hidden = shown.length > 0 || !summary;
  redraw();
}

function writeCount() {
  const all = counted(rows.length, "picture");
  const found = shown.length === rows.length ? all : `${number(shown.length)} of ${all}`;
  part("count").textContent = summary ? found : `Loading: ${found}`;
}

/** Adds the pictures that have been read since the last call, without drawing the others anew. */
function grow() {
  if (Object.keys(ALL).some((field) => filters[field] !== ALL[field])) return refresh();
  for (let place = shown.length; place < rows.length; place += 1) shown.push(place);
  writeCount();
  measure();
  draw();
}

/** Milliseconds between drawings while the page loads. */
const PAUSE = 300;
let waiting = 0;
function soon(action, pause) {
  if (waiting) return;
  const run = () => {
    waiting = 0;
    action();
  };
  waiting = setTimeout(run, pause);
}

function tile(title, value, note = "") {
  const made = element("div");
  made.append(element("dt", "", title), element("dd", "", value));
  if (note) made.append(element("dd", "note", note));
  return made;
}

function drawTiles() {
  const { pictures, unusable, confidence: mean, evaluation, certain } = summary;
  const tiles = [tile("Pictures", number(pictures), unusable ? `${number(unusable)} could not be used` : "")];
  if (evaluation) {
    tiles.push(tile("Top-1 accuracy", percent(evaluation.top1, 2)));
    if (about.classes.length > 5) tiles.push(tile("Top-5 accuracy", percent(evaluation.top5, 2)));
    tiles.push(tile("Mean F1", percent(evaluation.f1, 2)));
    tiles.push(tile("Calibration error", percent(evaluation.calibration_error, 2), "expected, by confidence"));
  } else {
    const found = summary.classes.filter((score) => score.predicted > 0).length;
    tiles.push(tile("Classes found", number(found), `of ${number(about.classes.length)}`));
    if (mean !== null) tiles.push(tile("Mean confidence", percent(mean)));
  }
  if (about.threshold !== null) tiles.push(tile("Certain", percent(certain / Math.max(1, pictures - unusable)), `at or over ${percent(about.threshold)}`));
  part("tiles").replaceChildren(...tiles);
}

/** Fills a list with the classes that have pictures in it, by name. */
function fillClasses(id, count) {
  const used = summary.classes.map((score, index) => [index, count(score)]).filter(([, n]) => n > 0);
  used.sort(([a], [b]) => collator.compare(name(a), name(b)));
  for (const [index, n] of used) part(id).append(new Option(`${name(index)} (${number(n)})`, index));
}

// The three steps of loading, which the scripts below this one call.

function start(facts) {
  about = facts;
  about.model = about.model.replaceAll("`", "");
  part("title").textContent = about.evaluated ? "Evaluation" : "Classified pictures";
  document.title = `${part("title").textContent}: ${about.model}`;
  part("about").textContent = `${about.model}, ${about.engine}`;
  for (const field of document.querySelectorAll(".evaluated")) field.hidden = !about.evaluated;
  part("tab-matrix").hidden = !about.evaluated;
  if (about.evaluated) part("sort").append(new Option("surest mistakes first", "mistakes"));
  // Room for the filters would push the pictures of a telephone off its window.
  part("filters").open = innerWidth >= 900;
  refresh();
}

function more() {
  const block = document.currentScript.previousElementSibling;
  for (const row of JSON.parse(block.textContent)) rows.push(row);
  // Its text would be kept a second time.
  block.remove();
  if (shown.length === 0) grow();
  else soon(grow, PAUSE);
}

function finish(facts) {
  clearTimeout(waiting);
  waiting = 0;
  summary = facts;
  drawTiles();
  for (const [value, [label, fits]] of Object.entries(RESULTS)) {
    const n = rows.filter(fits).length;
    if (value !== "all" && n > 0 && n < rows.length) part("result").append(new Option(`${label} (${number(n)})`, value));
  }
  fillClasses("predicted", (score) => score.predicted);
  fillClasses("truth", (score) => score.images);
  drawClasses();
  if (about.evaluated) drawMatrix();
  part("notice").hidden = !summary.notice;
  part("notice").textContent = summary.notice ?? "";
  refresh();
  document.documentElement.dataset.state = "ready";
}

for (const [i, tab] of TABS.entries()) {
  part(`tab-${tab}`).addEventListener("click", () => selectTab(tab));
  part(`tab-${tab}`).addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    const usable = TABS.filter((other) => !part(`tab-${other}`).hidden);
    const next = usable[(usable.indexOf(TABS[i]) + by + usable.length) % usable.length];
    selectTab(next);
    part(`tab-${next}`).focus();
  });
}
part("form").addEventListener("input", (event) => {
  // The ends of the range do not pass each other.
  const [low, high] = [part("low"), part("high")];
  if (event.target === low && Number(low.value) > Number(high.value)) low.value = high.value;
  if (event.target === high && Number(high.value) < Number(low.value)) high.value = low.value;
  readForm();
  clearTimeout(waiting);
  waiting = 0;
  soon(refresh, 0);
});
part("form").addEventListener("submit", (event) => event.preventDefault());
part("form").addEventListener("reset", (event) => {
  event.preventDefault();
  filters.sort = ALL.sort;
  show({});
});
part("reset-none").addEventListener("click", () => show({}));
