#!/usr/bin/env python3
"""Copies a CUDA library with the machine code for one chip only; compressed, the copy is several times smaller.

python3 thin_fatbin.py LIBRARY OUT SM        SM is 90 for compute capability 9.0

A library holds each kernel for several chips in containers ("fat binaries"); the driver loads the entry that fits. This
script overwrites the code for other chips with zeros. No address changes, and the copy runs on that chip only.
"""
import argparse
import struct
import sys
from pathlib import Path

SECTIONS = (b".nv_fatbin", b"__nv_relfatbin")
# A container: magic, version, size of this header, bytes of entries.
CONTAINER = struct.Struct("<IHHQ")
MAGIC = 0xBA55ED50
VERSION = 1
# An entry: kind, version, size of this header, bytes of code; the chip is at offset 28.
ENTRY = struct.Struct("<HHIQ")
ENTRY_HEADER = 64
CHIP = struct.Struct("<I")
CHIP_OFFSET = 28
PTX, MACHINE_CODE = 1, 2


class Invalid(Exception):
    """The file is not a CUDA library that this script understands."""


def sections(data):
    """Yields start and end of each section with containers in a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise Invalid("it is not a 64-bit little-endian ELF file")
    if len(data) < 64:
        raise Invalid("its header is cut off")
    (table,) = struct.unpack_from("<Q", data, 40)
    entry_size, count, names_index = struct.unpack_from("<HHH", data, 58)
    if entry_size != 64 or names_index >= count or table + entry_size * count > len(data):
        raise Invalid("its section table is damaged")
    headers = [struct.unpack_from("<IIQQQQ", data, table + entry_size * index) for index in range(count)]
    *_, names_at, names_size = headers[names_index]
    names = bytes(data[names_at:names_at + names_size])
    for name, _, _, _, start, size in headers:
        if names[name:names.find(b"\0", name)] in SECTIONS:
            if start + size > len(data):
                raise Invalid(f"a section at {start:#x} goes past the end of the file")
            yield start, start + size


def containers(data, start, end):
    """Yields start and end of the entries of each container in a section."""
    at = start
    while at < end:
        if data[at:at + 8] == bytes(min(8, end - at)):
            at += 8  # padding
            continue
        if at + CONTAINER.size > end:
            raise Invalid(f"the container at {at:#x} is cut off")
        magic, version, header, size = CONTAINER.unpack_from(data, at)
        if magic != MAGIC or version != VERSION or header < CONTAINER.size:
            raise Invalid(f"there is no container at {at:#x}: magic {magic:#x}, version {version}, header of {header}")
        if at + header + size > end:
            raise Invalid(f"the container at {at:#x} goes past the end of its section")
        yield at + header, at + header + size
        at += header + size


def entries(data, start, end):
    """Yields kind, chip, start and end of the code of each entry in a container."""
    at = start
    while at < end:
        if at + ENTRY_HEADER > end:
            raise Invalid(f"the entry at {at:#x} is cut off")
        kind, _, header, size = ENTRY.unpack_from(data, at)
        if kind not in (PTX, MACHINE_CODE) or header < ENTRY_HEADER or at + header + size > end:
            raise Invalid(f"the entry at {at:#x} is damaged: kind {kind}, header of {header}, {size} bytes")
        (chip,) = CHIP.unpack_from(data, at + CHIP_OFFSET)
        yield kind, chip, at + header, at + header + size
        at += header + size


def fitting(found, chip):
    """Returns what the driver loads on this chip: the newest machine code of its generation, else the newest PTX."""
    code = {other for kind, other, *_ in found if kind == MACHINE_CODE and other // 10 == chip // 10 and other <= chip}
    texts = {other for kind, other, *_ in found if kind == PTX and other <= chip}
    for kind, chips in ((MACHINE_CODE, code), (PTX, texts)):
        if chips:
            return kind, max(chips)
    return None


def thin(data, chip):
    """Zeroes the code for other chips in place; returns the numbers of bytes kept and zeroed."""
    kept = zeroed = 0
    for section in sections(data):
        for container in containers(data, *section):
            found = list(entries(data, *container))
            wanted = fitting(found, chip)
            for kind, other, start, end in found:
                if (kind, other) == wanted:
                    kept += end - start
                else:
                    data[start:end] = bytes(end - start)
                    zeroed += end - start
    if not kept:
        raise Invalid(f"it has no code that runs on sm_{chip}")
    return kept, zeroed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("sm", type=int, metavar="SM")
    options = parser.parse_args()
    try:
        data = bytearray(options.library.read_bytes())
        kept, zeroed = thin(data, options.sm)
        options.out.write_bytes(data)
    except OSError as error:
        sys.exit(f"error: {error}")
    except Invalid as error:
        sys.exit(f"error: `{options.library}` cannot be thinned: {error}")
    print(f"{options.out}: {kept} bytes of code for sm_{options.sm} kept, {zeroed} bytes zeroed", file=sys.stderr)


if __name__ == "__main__":
    main()
