#!/usr/bin/env python3
"""Classifies objects in S3 (moto), Azure (azurite) and on a web server, and compares the results with those of the same files.

    check.py MBN_INFER       `make cloud-test` builds the program with the feature, and gets what this needs

Results must be the same, byte for byte once the paths' beginnings are the same. Exits with 1 on any difference.
"""
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from PIL import Image

from stores import Azure, BUCKET, BreakingProxy, ROOT, S3, Web, free_port

PICTURES = 60
# Megabytes of an archive that shows that no archive is in memory as a whole, and what the program may take.
LARGE, MOST_MEMORY = 400, 250
KILLS = 10
OWN = ("AWS_", "AZURE_", "GOOGLE_", "HTTP", "http_", "ALL_PROXY", "all_proxy")


def make_pictures(folder):
    """Pictures in folders, one of them broken, and archives and tables of some."""
    chance = random.Random(1)
    sources = [Image.open(path).convert("RGB") for path in sorted((ROOT / "examples" / "images").iterdir())]
    for i in range(PICTURES):
        source = sources[i % len(sources)]
        side = chance.randint(60, 160)
        path = folder / f"day {i % 3}" / f"{i:03} ä+&.{('png', 'jpg')[i % 2]}"
        path.parent.mkdir(exist_ok=True)
        source.resize((side, side)).save(path)
    (folder / "day 1" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    (folder / "day 1" / "labels.json").write_text("{}")
    names = sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))
    with tarfile.open(folder / "all.tar", "w") as archive:
        for name in names:
            archive.add(name, name.relative_to(folder).as_posix())
    rows = [{"bytes": name.read_bytes(), "path": name.name} for name in names]
    make_tables(folder, rows)
    return names


def make_tables(folder, rows):
    """Tables as pyarrow and Hugging Face's datasets write them."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    plain = [row["bytes"] for row in rows]
    table = pa.table({"image": pa.array(rows, image), "label": list(range(len(rows)))})
    for compression in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
        for version in ("1.0", "2.0"):
            pyarrow.parquet.write_table(table, folder / f"{compression}-{version}.parquet", compression=compression,
                                        data_page_version=version, row_group_size=25)
    for compression in ("uncompressed", "lz4", "zstd"):
        pyarrow.feather.write_feather(table, folder / f"{compression}.feather", compression=compression, chunksize=20)
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        column = pa.table({"image": pa.array(plain, kind)})
        with pa.ipc.new_stream(folder / f"{kind}.arrow", column.schema) as writer:
            writer.write_table(column, max_chunksize=20)
        if kind != pa.binary_view():
            pyarrow.parquet.write_table(column, folder / f"{kind}.parquet")
    import datasets
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    data = datasets.Dataset.from_dict({"image": rows, "label": list(range(len(rows)))}, features=features)
    data.to_parquet(folder / "hugging-face.parquet")
    data.save_to_disk(folder.parent / "saved")
    (shard,) = (folder.parent / "saved").glob("*.arrow")
    os.replace(shard, folder / "hugging-face.arrow")


class Program:
    def __init__(self, path):
        self.path, self.failures, self.compared = path, [], 0

    def environment(self, store):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
        return {**kept, "NO_COLOR": "1", **(store or {})}

    def run(self, arguments, environment=None, cwd=None, expected=(0, 3)):
        """The lines of results, and the errors."""
        command = [self.path, "--engine", "candle", "--format", "json", *arguments]
        done = subprocess.run(command, env=self.environment(environment), cwd=cwd, capture_output=True, text=True)
        if done.returncode not in expected:
            raise RuntimeError(f"{arguments}: {done.returncode}, expected {expected}\n{done.stderr}")
        return done.stdout.splitlines(), done.stderr

    def same(self, what, found, expected):
        self.compared += 1
        if found != expected:
            self.failures.append(what)
            pairs = zip(found, expected) if isinstance(found, list) else [(found, expected)]
            differs = next((pair for pair in pairs if pair[0] != pair[1]), (f"{len(found)} lines", f"{len(expected)} lines"))
            print(f"DIFFERENT: {what}: {str(differs[0])[:1000]} is not {str(differs[1])[:1000]}", flush=True)

    def fails(self, what, arguments, code, part, environment=None):
        """Ends with this exit code, and says so in one line."""
        start = time.monotonic()
        lines, errors = self.run(arguments, environment, expected=(code,))
        said = [line for line in errors.splitlines() if part in line]
        self.same(what, len(said) >= 1 and arguments[-1].split("?")[0] in errors, True)
        print(f"{what}: {code} after {time.monotonic() - start:.0f} s: {said[0] if said else errors}", flush=True)


def moved(lines, base, to):
    """The lines of results with other paths."""
    results = (json.loads(line) for line in lines)
    return [json.dumps({**line, "path": to + line["path"].removeprefix(base)}, ensure_ascii=False) for line in results]


def same_everywhere(program, folder, names, store):
    """What a store holds gives what the folder gives."""
    base, environment = store.base, store.environment()
    disk = lambda arguments: moved(program.run(arguments, cwd=folder)[0], "", base)
    cloud = lambda arguments, *more: moved(program.run([*arguments, *more], environment)[0], base, base)
    url = lambda name: base + (name.replace(" ", "%20").replace("ä", "%C3%A4") if base.startswith("http") else name)
    plain = lambda lines: [line.replace("%20", " ").replace("%C3%A4", "ä") for line in lines]
    relative = [name.relative_to(folder).as_posix() for name in names]
    every = disk(relative)
    program.same(f"{base}: one by one", plain(cloud([url(name) for name in relative])), every)
    listed = folder.parent / "list.txt"
    listed.write_text("".join(f"{url(name)}\n" for name in relative))
    program.same(f"{base}: a list", plain(cloud(["--list", str(listed)])), every)
    shards = [cloud(["--list", str(listed), "--shard", f"{i}/3"]) for i in range(3)]
    merged = [shards[i % 3][i // 3] for i in range(len(every))]
    program.same(f"{base}: shards", plain(merged), every)
    held = ["all.tar", *(path.name for path in sorted(folder.glob("*.feather"))), *(path.name for path in sorted(folder.glob("*.arrow")))]
    if not base.startswith("http"):
        held += [path.name for path in sorted(folder.glob("*.parquet"))]
        program.same(f"{base}: all", sorted(cloud([base])), sorted(every))
        program.same(f"{base}: a folder", cloud([f"{base}day 1/"]), disk(["day 1"]))
        program.same(f"{base}: a folder without a slash", cloud([f"{base}day 1"]), disk(["day 1"]))
        program.same(f"{base}: a pattern", cloud([f"{base}day*/*.png"]), disk(["day*/*.png"]))
        program.same(f"{base}: archives", cloud([f"{base}*.tar"]), disk(["all.tar"]))
    for name in held:
        program.same(f"{base}{name}", cloud([f"{base}{name}"]), disk([name]))


def killed_and_resumed(program, store, root):
    """An output of many objects, killed again and again, has every line once."""
    base = [program.path, "-q", "--engine", "candle", "--format", "json", "--batch-size", "1", "--bad-images", "report"]
    whole, out = (root / f"{store.base[:2]}-{name}.jsonl" for name in ("whole", "out"))
    environment = program.environment(store.environment())
    start = time.monotonic()
    subprocess.run([*base, "--output", whole, store.base], env=environment, check=True)
    length = time.monotonic() - start
    chance, kills = random.Random(1), 0
    while not out.exists():
        process = subprocess.Popen([*base, "--output", out, "--resume", store.base], env=environment)
        if kills < KILLS:
            time.sleep(chance.uniform(0, length))
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    program.same(f"{store.base}: killed {kills} times", out.read_text(), whole.read_text())


def breaks(program, folder, store):
    """Connections that end early are no matter."""
    proxy = BreakingProxy(store.port, 9)
    with closing(proxy):
        found = moved(program.run([store.base], store.environment(proxy.port))[0], "", "")
        expected = moved(program.run([store.base], store.environment())[0], "", "")
        program.same(f"{store.base}: {proxy.broken} connections broken", found, expected)
        proxy.left = 8
        found, _ = program.run([f"{store.base}all.tar"], store.environment(proxy.port))
        program.same(f"{store.base}all.tar: broken", found, program.run([f"{store.base}all.tar"], store.environment())[0])
        if proxy.broken == 0:
            program.failures.append("no connection was broken")


def large_archive(program, store, root):
    """The memory for an archive does not depend on its size."""
    path = root / "web" / "large.tar"
    picture = next((root / "photos").rglob("*.png")).read_bytes()
    with tarfile.open(path, "w") as archive:
        for i in range(LARGE):
            for name, content in ((f"{i}.txt", os.urandom(1 << 20)), (f"{i}.png", picture)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    command = [program.path, "-q", "--engine", "candle", "--format", "json", "--output", os.devnull, f"{store.base}large.tar"]
    process = subprocess.Popen(command, env=program.environment(store.environment()))
    _, status, usage = os.wait4(process.pid, 0)
    megabytes = usage.ru_maxrss // 1024
    print(f"an archive of {path.stat().st_size >> 20} MB takes {megabytes} MB of memory", flush=True)
    program.same("memory", (status, megabytes < MOST_MEMORY), (0, True))


def faults(program, s3, azure):
    closed = free_port()
    own, missing = s3.environment(), f"s3://{BUCKET}/gone.png"
    program.fails("missing object", [missing], 3, "no such object", own)
    program.fails("missing bucket", ["s3://nothing/a.png"], 3, "no such bucket", own)
    program.fails("missing bucket, listed", ["s3://nothing/"], 3, "no such bucket", own)
    program.fails("missing container", ["az://nothing/"], 3, "no such bucket", azure.environment())
    program.fails("missing blob", [f"az://{BUCKET}/gone.png"], 3, "no such object", azure.environment())
    wrong = {**azure.environment(), "AZURE_STORAGE_ACCOUNT_KEY": "AAAA"}
    program.fails("denied", [f"az://{BUCKET}/gone.png"], 3, "access is denied", wrong)
    program.fails("no server", [f"s3://{BUCKET}/a.png"], 1, "cannot be reached", s3.environment(closed))
    program.fails("no server, listed", [f"az://{BUCKET}/"], 1, "cannot be reached", azure.environment(closed))
    program.fails("no web server", [f"http://127.0.0.1:{closed}/a.png"], 3, "cannot be reached")
    nobody = {"AWS_METADATA_ENDPOINT": f"http://127.0.0.1:{closed}", "AWS_ENDPOINT_URL": own["AWS_ENDPOINT_URL"]}
    program.fails("no credentials", [f"s3://{BUCKET}/a.png"], 1, "no valid credentials", nobody)
    program.fails("no account", [f"az://{BUCKET}/a.png"], 1, "no valid credentials", {})


def main():
    program = Program(str(Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory(prefix="cloud-") as root:
        root = Path(root)
        folder = root / "photos"
        folder.mkdir()
        names = make_pictures(folder)
        (root / "web").symlink_to(folder)
        with closing(S3(folder)) as s3, closing(Azure(folder, root / "azurite")) as azure, closing(Web(folder)) as web:
            for store in (s3, azure, web):
                same_everywhere(program, folder, names, store)
                print(f"{store.base}: {program.compared} comparisons so far", flush=True)
            for store in (s3, azure):
                breaks(program, folder, store)
                killed_and_resumed(program, store, root)
            large_archive(program, web, root)
            faults(program, s3, azure)
    print(f"{program.compared} comparisons, {len(program.failures)} failed: {', '.join(program.failures)}")
    return bool(program.failures)


if __name__ == "__main__":
    sys.exit(main())
