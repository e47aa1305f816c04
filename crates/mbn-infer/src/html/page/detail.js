// One picture, larger, with all that is known about it.

const detail = document.getElementById("detail");
const part = (id) => document.getElementById(id);

/** The address of a file, from the folder of this page or from the root. */
function address(path) {
  const isWhole = path.startsWith("/");
  const parts = `${isWhole || !about.base ? "" : `${about.base}/`}${path}`.split("/").map(encodeURIComponent);
  return (isWhole ? "file://" : "") + parts.join("/");
}

function openDetail(place) {
  setCurrent(place);
  const row = rows[shown[current]];
  part("detail-place").textContent = `${number(current + 1)} of ${number(shown.length)}`;
  part("detail-title").textContent = row.k ? name(first(row)) : "could not be used";
  const said = verdict(row);
  part("detail-verdict").textContent = said && row.k ? said[0] : "";
  part("detail-verdict").className = said?.[1] ?? "";
  const picture = part("detail-picture");
  picture.hidden = !row.t;
  if (row.t) picture.src = source(row);
  else picture.removeAttribute("src");
  picture.alt = row.k ? `Thumbnail, taken for ${name(first(row))}` : "";
  part("detail-missing").hidden = Boolean(row.t);
  part("detail-missing").textContent = row.e === undefined ? "This page has no thumbnail of it." : "No picture";
  const problem = row.e ?? row.w;
  part("detail-problem").hidden = problem === undefined;
  part("detail-problem").textContent = problem ?? "";
  part("detail-bars").replaceChildren(
    ...(row.k ?? []).map(([index, probability]) => {
      const item = element("li", index === row.c ? "true" : "");
      item.append(element("span", "name", name(index) + (index === row.c ? " (true class)" : "")), element("span", "percent", percent(probability, 2)), bar(probability));
      return item;
    }),
  );
  part("detail-path").textContent = row.p;
  const link = part("detail-link");
  link.hidden = !row.f;
  if (row.f) link.href = address(row.a ?? row.p);
  part("previous").disabled = current === 0;
  part("next").disabled = current === shown.length - 1;
  if (!detail.open) detail.showModal();
}

function step(by) {
  const place = current + by;
  if (place >= 0 && place < shown.length) openDetail(place);
}

part("previous").addEventListener("click", () => step(-1));
part("next").addEventListener("click", () => step(1));
detail.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  step(by);
});
// A click beside it closes it.
detail.addEventListener("click", (event) => {
  if (event.target === detail) detail.close();
});
detail.addEventListener("close", () => {
  cards.get(current)?.firstChild.focus();
  draw();
});
