// The cards: only those near the window are elements of the page.

/** Rows of cards beyond the window's edges. */
const BEYOND = 3;
/** The narrowest card and the space between cards, in the page's `rem`. */
const NARROWEST = 10;
const GAP = 0.75;
/** As `.card` in the style sheet, in `rem`. */
const HEIGHT = 13.5;

const grid = document.getElementById("grid");
/** Elements by place in `shown`. */
const cards = new Map();
/** The card that the keyboard reaches. It stays on the page wherever that is scrolled. */
let current = 0;
let shape = { columns: 1, width: 0, height: 0, gap: 0 };

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const source = (row) => `data:image/jpeg;base64,${row.t}`;
const fileName = (path) => path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1) || path;

/** A bar as long as the probability. */
function bar(probability) {
  const track = element("span", "track");
  const filled = element("span", "bar");
  filled.style.width = `${100 * probability}%`;
  track.append(filled);
  return track;
}

/** A few words on what is special about a result, and a class for its colour. */
function verdict(row) {
  if (row.e !== undefined) return ["could not be used", "bad"];
  if (isWrong(row)) return [`true: ${name(row.c)}`, "bad"];
  if (row.u) return ["uncertain", "doubtful"];
  if (isRight(row)) return ["right", "good"];
  if (row.w !== undefined) return ["warning", "doubtful"];
  return null;
}

function card(place) {
  const row = rows[shown[place]];
  const item = element("li");
  item.setAttribute("aria-posinset", place + 1);
  item.setAttribute("aria-setsize", shown.length);
  const button = element("button", "card");
  button.type = "button";
  button.dataset.place = place;
  button.tabIndex = place === current ? 0 : -1;
  const frame = element("span", "frame");
  if (row.t) {
    const picture = element("img");
    picture.src = source(row);
    picture.alt = "";
    picture.decoding = "async";
    frame.append(picture);
  } else {
    frame.append(element("span", "missing", row.e === undefined ? "no thumbnail" : "no picture"));
  }
  const said = isRight(row) && !row.u ? null : verdict(row);
  // Mistakes stand out if nothing else does.
  if (said) frame.append(element("span", `badge ${said[1]}`, said[0]));
  button.append(frame, element("span", "name", row.k ? name(first(row)) : row.e));
  const meter = element("span", "meter");
  if (row.k) meter.append(bar(confidence(row)), element("span", "percent", percent(confidence(row))));
  button.append(meter);
  const path = element("span", "path", fileName(row.p));
  path.title = row.p;
  button.append(path);
  item.append(button);
  return item;
}

function measure() {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const gap = GAP * rem;
  const all = grid.clientWidth;
  // Two in a row even on a narrow telephone.
  const columns = Math.max(2, Math.floor((all + gap) / (NARROWEST * rem + gap)));
  shape = { columns, gap, width: (all - gap * (columns - 1)) / columns, height: (HEIGHT + GAP) * rem };
  grid.style.height = `${Math.ceil(shown.length / columns) * shape.height}px`;
}

function put(place) {
  const item = card(place);
  const [column, line] = [place % shape.columns, Math.floor(place / shape.columns)];
  item.style.width = `${shape.width}px`;
  item.style.transform = `translate(${column * (shape.width + shape.gap)}px, ${line * shape.height}px)`;
  cards.set(place, item);
  // In the order of the list, for those who hear the page.
  const after = [...cards.keys()].filter((other) => other > place).sort((a, b) => a - b)[0];
  grid.insertBefore(item, after === undefined ? null : cards.get(after));
}

/** Makes the cards that are near the window, and removes the others. */
function draw() {
  if (grid.clientWidth === 0) return;
  const top = -grid.getBoundingClientRect().top;
  const line = (y) => Math.floor(y / shape.height);
  const from = Math.max(0, (line(top) - BEYOND) * shape.columns);
  const to = Math.min(shown.length, (line(top + innerHeight) + 1 + BEYOND) * shape.columns);
  for (const [place, item] of cards) {
    if ((place < from || place >= to) && place !== current) {
      item.remove();
      cards.delete(place);
    }
  }
  for (let place = from; place < to; place += 1) if (!cards.has(place)) put(place);
  if (current < shown.length && !cards.has(current)) put(current);
}

/** Draws everything anew, for other pictures or another width. A card that has the focus gives it to the current one. */
function redraw() {
  const hasFocus = grid.contains(document.activeElement);
  for (const item of cards.values()) item.remove();
  cards.clear();
  measure();
  draw();
  if (hasFocus) cards.get(current)?.firstChild.focus({ preventScroll: true });
}

/** Makes a card the one that the keyboard reaches. */
function setCurrent(place) {
  const button = (at) => cards.get(at)?.firstChild;
  if (button(current)) button(current).tabIndex = -1;
  current = Math.max(0, Math.min(shown.length - 1, place));
  if (!cards.has(current)) put(current);
  button(current).tabIndex = 0;
  return button(current);
}

/** What keys do to the place of the current card. */
const MOVES = {
  ArrowLeft: (place) => place - 1,
  ArrowRight: (place) => place + 1,
  ArrowUp: (place) => place - shape.columns,
  ArrowDown: (place) => place + shape.columns,
  PageUp: (place) => place - 3 * shape.columns,
  PageDown: (place) => place + 3 * shape.columns,
  Home: () => 0,
  End: () => shown.length - 1,
};

grid.addEventListener("keydown", (event) => {
  const move = MOVES[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const place = move(current);
  // A step beyond the first or the last row stays where it is.
  if (place < 0 || place >= shown.length) if (event.key.startsWith("Arrow")) return;
  setCurrent(place).focus();
});
grid.addEventListener("click", (event) => {
  const button = event.target.closest(".card");
  if (button) openDetail(Number(button.dataset.place));
});
let isWaiting = false;
function later() {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    draw();
  });
}
addEventListener("scroll", later, { passive: true });
new ResizeObserver(() => redraw()).observe(document.getElementById("results"));
