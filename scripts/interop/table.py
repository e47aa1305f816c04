"""Writes the tables of docs/interop.md."""

START, END = "<!-- written by scripts/interop/run.py -->", "<!-- end -->"
ALPHAS = ("0.25", "0.5", "0.75", "1.0")
INPUTS = {"float": "float", "uint8": "uint8", "resize": "uint8, `--resize-inside`"}
# The page's names of engines; others keep their own.
NAMES = {
    "candle": "candle",
    "onnxruntime": "ONNX Runtime",
    "onnxruntime-oldest": "ONNX Runtime",
    "onnx.reference": "`onnx.reference`",
    "openvino": "OpenVINO",
    "onnxruntime-web-node": "onnxruntime-web in Node",
    "onnxruntime-web-chromium": "onnxruntime-web in the browser",
}


def by_default(record):
    """Whether a record is of the main table, not of a variant."""
    return record["name"] == f"alpha{record['alpha']}-{record['precision']}-{record['input']}"


def cell(record):
    """The difference; bold if it is too large; a dash if there is none."""
    if record is None:
        return ""
    if "reason" in record:
        return "-"
    text = f"{record['largest_difference']:.1e}"
    return text if record["within"] else f"**{text}**"


def title(record):
    name = NAMES.get(record["engine"], record["engine"])
    return f"{name} {record['version']}"


def rows(header, body):
    """A table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *body]]


def main_table(found):
    """A row for each engine, precision and input, a column for each alpha."""
    kinds = {}
    for record in filter(by_default, found):
        key = (title(record), record["precision"], INPUTS[record["input"]])
        kinds.setdefault(key, {})[record["alpha"]] = record
    body = [[*key, *(cell(cells.get(alpha)) for alpha in ALPHAS)] for key, cells in kinds.items()]
    return rows(["engine", "precision", "input", *(f"alpha {alpha}" for alpha in ALPHAS)], body)


def variants_table(found):
    """A row for each file that is not made by default, a column for each engine."""
    engines = list(dict.fromkeys(title(record) for record in found))
    files = {}
    for record in found:
        if not by_default(record):
            variant = record["name"].removeprefix(f"alpha{record['alpha']}-{record['precision']}-{record['input']}-")
            option = {"batch1": "`--batch 1`", "crop-bicubic": "`--resize crop --interpolation bicubic`"}
            given = option.get(variant, f"`--opset {record['opset']}`")
            key = (record["precision"], INPUTS[record["input"]], given)
            files.setdefault(key, {})[title(record)] = record
    body = [[*key, *(cell(cells.get(engine)) for engine in engines)] for key, cells in files.items()]
    return rows(["precision", "input", "option", *engines], body)


def refusals_table(refusals, found):
    """What engines do not take, of those that ran."""
    titles = {record["engine"]: title(record) for record in found if record["version"] != "?"}
    body = []
    for refusal in refusals:
        if refusal.engine in titles:
            message = f"`` {refusal.says} ``" if refusal.says else "runs, and gives other logits"
            body.append([titles[refusal.engine], refusal.files, refusal.why, message.replace("|", "\\|"), refusal.instead])
    return rows(["engine", "files", "why", "its message has", "do instead"], body)


def written(page, lines):
    """The page's text with the lines between its marks."""
    before, rest = page.split(START)
    return "\n".join([before + START, "", *lines, "", END + rest.split(END)[1]])
