"""Tests `thin_fatbin.py` on small libraries made here: what it keeps, and what it refuses."""
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from thin_fatbin import MACHINE_CODE, PTX, Invalid, thin  # noqa: E402


def entry(kind, chip, code):
    header = bytearray(64)
    struct.pack_into("<HHIQ", header, 0, kind, 0x101, 64, len(code))
    struct.pack_into("<I", header, 28, chip)
    return bytes(header) + code


def container(*entries):
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def library(section, name=b".nv_fatbin"):
    """Makes an ELF file: header, the section, names, section table."""
    names = b"\0" + name + b"\0.shstrtab\0"
    names_at = 64 + len(section)
    table = names_at + len(names)
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", header, 40, table)
    struct.pack_into("<HHH", header, 58, 64, 3, 2)
    rows = [(0, 0, 0, 0), (1, 1, 64, len(section)), (len(name) + 2, 3, names_at, len(names))]
    headers = [struct.pack("<IIQQQQ", at, kind, 0, 0, start, size).ljust(64, b"\0") for at, kind, start, size in rows]
    return bytearray(bytes(header) + section + names + b"".join(headers))


def code(letter):
    return letter.encode() * 40


class Thin(unittest.TestCase):
    def left(self, section, chip, **names):
        """Returns the letters of the codes that are left; checks that nothing else changed."""
        before = library(section, **names)
        after = bytearray(before)
        thin(after, chip)
        self.assertEqual(len(after), len(before))
        letters = "ABCDEF"
        left = [letter for letter in letters if code(letter) in after]
        for letter in letters:
            if letter not in left:
                before = before.replace(code(letter), bytes(40))
        self.assertEqual(after, before)
        return "".join(left)

    def test_the_code_of_one_chip_is_left(self):
        section = container(entry(MACHINE_CODE, 80, code("A")), entry(MACHINE_CODE, 90, code("B")),
                            entry(PTX, 90, code("C"))) + bytes(24) + container(entry(MACHINE_CODE, 90, code("D")))
        self.assertEqual(self.left(section, 90), "BD")
        self.assertEqual(self.left(section, 80), "A")
        self.assertEqual(self.left(section, 90, name=b"__nv_relfatbin"), "BD")

    def test_what_the_chip_falls_back_on_is_left(self):
        older = container(entry(MACHINE_CODE, 80, code("A")), entry(MACHINE_CODE, 86, code("B")),
                          entry(MACHINE_CODE, 90, code("C")), entry(PTX, 75, code("D")), entry(PTX, 80, code("E")))
        self.assertEqual(self.left(older, 89), "B")  # the newest of its generation
        self.assertEqual(self.left(older, 100), "E")  # the newest PTX
        self.assertEqual(self.left(older, 75), "D")

    def test_a_library_without_code_for_the_chip_is_refused(self):
        only = container(entry(MACHINE_CODE, 90, code("A")))
        for data in [library(only), library(only, name=b".text"), library(b"")]:
            with self.assertRaisesRegex(Invalid, "no code that runs on sm_80"):
                thin(data, 80)

    def test_damage_is_refused(self):
        good = container(entry(MACHINE_CODE, 90, code("A")))
        damaged = {
            "not a 64-bit": bytearray(b"\x7fELF\x01\x01"),
            "cut off": bytearray(b"\x7fELF\x02\x01"),
            "section table": library(good)[:-1],
            "no container": library(b"\x01" + good[1:]),
            "goes past the end of its section": library(good[:-8]),
            "damaged: kind 7": library(container(entry(7, 90, code("A")))),
            "entry at .* is cut off": library(container(entry(MACHINE_CODE, 90, code("A")), b"abc")),
            "container at .* is cut off": library(good + b"abc"),
        }
        longer = bytearray(good)
        struct.pack_into("<Q", longer, 16 + 8, 41)
        damaged["damaged: kind 2, header of 64, 41 bytes"] = library(bytes(longer))
        for message, data in damaged.items():
            with self.subTest(message), self.assertRaisesRegex(Invalid, message):
                thin(data, 90)


if __name__ == "__main__":
    unittest.main()
