"""Packs a folder into `.tar.xz` archives of limited size. Each unpacks on its own into the same folder.

A file that is too large for an archive is cut into parts, `FILE.part-00` and so on. The same files give the same archives.
"""
import hashlib
import shutil
import subprocess
import sys
import tarfile

# Largest size in bytes of an archive, and of a part, which fits into an archive even if it does not compress.
LIMIT = 40_000_000
PART = 38_000_000
SUMS = "SHA256SUMS"
# Uses all cores, which cuts the stream into blocks. The programs share much code, so the dictionary holds a whole one.
XZ = ["xz", "--compress", "--stdout", "--threads=0", "--lzma2=preset=6,dict=64MiB"]
# Fast, and an upper bound: XZ compresses better.
QUICK_XZ = ["xz", "--compress", "--stdout", "--threads=0", "-1"]
# Files below SMALL bytes are not compressed to measure them. An archive adds ENTRY bytes per file.
SMALL = 1_000_000
ENTRY = 1024


def pack(folder, target):
    """Writes checksums of all files into the folder, and its archives beside `target`; returns the archives' paths."""
    if not shutil.which("xz"):
        sys.exit("error: `xz` is missing\nhint: install the package `xz-utils` or `xz`")
    sizes = {}
    for path in files(folder):
        for part, size in parts(path):
            sizes[str(part.relative_to(folder))] = size
    sums = folder / SUMS
    sums.write_text("".join(f"{sha256(folder / name)}  {name}\n" for name in sizes))
    for old in target.parent.glob(f"{target.name}-*.tar.xz"):
        old.unlink()
    archives = []
    for number, names in enumerate(groups(sizes, LIMIT - ENTRY - sums.stat().st_size), 1):
        path = target.parent / f"{target.name}-{number}.tar.xz"
        write(folder, [SUMS, *names], path)
        if path.stat().st_size > LIMIT:
            sys.exit(f"error: `{path}` has {path.stat().st_size} bytes, expected at most {LIMIT}")
        archives.append(path)
    (target.parent / SUMS).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in archives))
    return archives


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)


def parts(path):
    """Returns the file, or its parts after cutting it, each with an upper bound of its size in an archive."""
    size = path.stat().st_size
    if size > SMALL:
        size = min(size, compressed_size(path))
    if size + ENTRY <= PART:
        return [(path, size)]
    with open(path, "rb") as source:
        found = []
        while part := source.read(PART):
            found.append(path.with_name(f"{path.name}.part-{len(found):02}"))
            found[-1].write_bytes(part)
    path.unlink()
    return [(part, min(part.stat().st_size, compressed_size(part))) for part in found]


def groups(sizes, limit):
    """Splits the names, in order, into lists that each fit within the limit."""
    found, room = [], 0
    for name, size in sizes.items():
        room -= size + ENTRY
        if room < 0:
            found.append([])
            room = limit - size - ENTRY
        found[-1].append(name)
    return found


def write(folder, names, path):
    with open(path, "wb") as sink, subprocess.Popen(XZ, stdin=subprocess.PIPE, stdout=sink) as xz:
        with tarfile.open(fileobj=xz.stdin, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for name in names:
                archive.add(folder / name, f"{folder.name}/{name}", filter=anonymous)
    if xz.returncode != 0:
        sys.exit(f"error: xz could not write `{path}`")


def anonymous(entry):
    """Removes what depends on who packs the file, and when."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


def compressed_size(path):
    size = 0
    with subprocess.Popen([*QUICK_XZ, path], stdout=subprocess.PIPE) as xz:
        while block := xz.stdout.read(1 << 20):
            size += len(block)
    if xz.returncode != 0:
        sys.exit(f"error: xz could not compress `{path}`")
    return size


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
