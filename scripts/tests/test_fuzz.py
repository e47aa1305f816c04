"""`fuzz.py`: how it reads the fuzzer's output."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import fuzz  # noqa: E402

# A run that ends at a crash after 700 executions, and the one that goes on.
FIRST = """\
#40	INITED cov: 2120 ft: 5021 corp: 26/15Kb exec/s: 0 rss: 60Mb
#512	NEW    cov: 2230 ft: 5400 corp: 31/18Kb lim: 900 exec/s: 256 rss: 71Mb L: 220/900 MS: 1 ChangeByte-
==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1 at pc 0x2
artifact_prefix='a/'; Test unit written to a/crash-0123
stat::number_of_executed_units: 700
"""
SECOND = """\
#300	DONE   cov: 2225 ft: 5410 corp: 33/19Kb lim: 900 exec/s: 100 rss: 71Mb
stat::number_of_executed_units: 300
"""


class Output(unittest.TestCase):
    def test_runs_after_a_crash_are_added_up(self):
        run = fuzz.Run("jpeg")
        for output in (FIRST, SECOND):
            before = run.executions
            for line in output.splitlines():
                run.read(line, before)
        self.assertEqual(run.failures, ["a/crash-0123"])
        self.assertEqual((run.executions, run.edges, run.features, run.files), (1000, 2230, 5410, 33))
        self.assertEqual(run.line().split(), ["jpeg", "0", "1,000", "2,230", "5,410", "33", "1"])

    def test_every_program_is_a_target(self):
        self.assertIn("pictures", fuzz.targets())


if __name__ == "__main__":
    unittest.main()
