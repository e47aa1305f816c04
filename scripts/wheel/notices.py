"""Collects the licences of everything that is built into the programs, for the wheel.

A crate's texts lie in its folder, those of C code that it brings in folders below. A crate without any gets the text that its
`license` names. `cargo about` does this too, but it would have to be built first.
"""
import json
import re
import shlex
import subprocess
from html.parser import HTMLParser
from pathlib import Path

TEXT = re.compile(r"(licen[sc]e|copying|copyright|notice|unlicense|authors|readme\.ijg)", re.IGNORECASE)
SOURCE = re.compile(r"\.(rs|c|h|py|html|toml)$", re.IGNORECASE)
# Folders of a crate that are not built into a program.
UNBUILT = {"tests", "test", "benches", "examples", "target", "docs", "fuzz"}
# Licences that a text of ours gives in full, and what that text calls the authors.
STANDARD = {"Apache-2.0": "LICENSE-APACHE", "MIT": "LICENSE-MIT", "BSD-3-Clause": "scripts/wheel/BSD-3-Clause.txt"}
# Licences whose text names the authors.
NAMES_AUTHORS = {"MIT", "BSD-3-Clause"}
OUR_COPYRIGHT = re.compile(r"^Copyright .*$", re.MULTILINE)

HEADER = """\
mbn-train, mbn-export and mbn-infer contain the software listed here, under the licences that follow. Where a licence
offers a choice, all texts that its authors give are included. ONNX Runtime is not part of this package: it is a package of
its own, with notices of its own.

This software is based in part on the work of the Independent JPEG Group.
"""


class Missing(Exception):
    """Software without a licence text."""


def built_crates(manifest, target, cargo=("cargo",)):
    """Returns cargo's descriptions of the crates that are linked into the programs, without those of this repository."""
    common = ["--locked", "--manifest-path", str(manifest)]
    tree = run([*cargo, "tree", *common, "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"])
    built = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    metadata = json.loads(run([*cargo, "metadata", *common, "--format-version", "1", "--filter-platform", target]))
    packages = [package for package in metadata["packages"] if (package["name"], "v" + package["version"]) in built]
    return sorted((package for package in packages if package["source"]), key=lambda package: (package["name"], package["version"]))


def run(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def texts_in(folder):
    """Returns the licence texts in a folder and below, each with its path from there."""
    folder, found = Path(folder), []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if UNBUILT.isdisjoint(inside.parts[:-1]) and TEXT.match(path.name) and not SOURCE.search(path.name) and path.is_file():
            found.append((inside.as_posix(), path.read_text(encoding="utf-8", errors="replace")))
    return found


def standard_text(package, root):
    """Returns the text of the licence that a crate without texts names, with the crate's authors."""
    authors = ", ".join(package.get("authors") or []) or f"the authors of {package['name']}"
    for name in re.split(r"\s+OR\s+|/", package.get("license") or ""):
        if name.strip() in STANDARD:
            file = STANDARD[name.strip()]
            text = (root / file).read_text(encoding="utf-8")
            if name.strip() in NAMES_AUTHORS:
                text = OUR_COPYRIGHT.sub(lambda _: f"Copyright (c) {authors}", text, count=1)
            return Path(file).name, text
    raise Missing(f"{package['name']} {package['version']} has no licence text, and its licence is {package.get('license')!r}")


def of_crates(packages, root):
    """Returns (name, licence, texts) of every crate."""
    entries = []
    for package in packages:
        texts = texts_in(Path(package["manifest_path"]).parent) or [standard_text(package, root)]
        entries.append((f"{package['name']} {package['version']}", package.get("license") or "see below", texts))
    return entries


class Words(HTMLParser):
    """The text of a page."""

    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)


def of_rust(sysroot):
    """Returns the entry of Rust's standard library, whose notices come with the compiler as a page."""
    pages = [Path(sysroot) / "share" / "doc" / "rust" / "COPYRIGHT-library.html"]
    pages += Path(sysroot).glob("share/doc/**/COPYRIGHT-library.html")
    page = next((page for page in pages if page.is_file()), None)
    if page is None:
        raise Missing(f"Rust's notices, `COPYRIGHT-library.html`, are not in `{sysroot}`")
    words = Words()
    words.feed(page.read_text(encoding="utf-8"))
    text = re.sub(r"[ \t]+\n", "\n", "".join(words.parts))
    return "Rust's standard library", "MIT OR Apache-2.0, and others", [(page.name, re.sub(r"\n{3,}", "\n\n", text))]


def of_zig(folder):
    """Returns the entries of what Zig's linker adds to a program."""
    parts = (("Zig's compiler-rt", "LICENSE"), ("LLVM's libunwind", "lib/libunwind/LICENSE.TXT"))
    return [(name, "see below", [(file, (Path(folder) / file).read_text(encoding="utf-8"))]) for name, file in parts]


def document(entries):
    """Returns the notices: a list of the software, then each text once, with who uses it."""
    users, texts = {}, {}
    for name, _, found in entries:
        for path, text in found:
            key = re.sub(r"\s+", " ", text).strip()
            texts.setdefault(key, text.strip("\n"))
            users.setdefault(key, []).append(f"{name} ({path})" if "/" in path else name)
    lines = [HEADER, *(f"{name}: {licence}" for name, licence, _ in entries)]
    for key, text in texts.items():
        lines += ["", "=" * 80, *dict.fromkeys(users[key]), "-" * 80, "", text]
    return "\n".join(lines) + "\n"


def collect(manifest, target, root, zig=None, cargo=("cargo",)):
    """Returns the notices of the programs of a manifest."""
    entries = of_crates(built_crates(manifest, target, cargo), root)
    entries.append(of_rust(run([*shlex.split("rustc --print sysroot")]).strip()))
    return document(entries + (of_zig(zig) if zig else []))
