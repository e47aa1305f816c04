"""A process of `mbn-infer` that is given paths and answers with a line of JSON for each, for engines that call Python."""
import json
import subprocess
import threading


# Files with several pictures. A table may also have none, and then gives no result to wait for.
SEVERAL = (".tar", ".parquet", ".arrow", ".arrows", ".feather")


class WorkerDied(RuntimeError):
    """The process ended before it had answered."""


class NotOnePicture(ValueError):
    """A name gave results of other names: it is a folder or a file with several pictures."""


def shown(path):
    """The path as it stands in the results, where a byte that belongs to no character is U+FFFD and two hexadecimal digits."""
    return "".join(
        "".join(f"\ufffd{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        if char == "\ufffd" or "\udc80" <= char <= "\udcff"
        else char
        for char in path
    )


class Worker:
    """Runs one process of `mbn-infer` and keeps it from batch to batch, since loading a model takes longer than classifying a picture.

    `command` is the program with its options, such as `["mbn-infer", "--model", "model.onnx", "--threads", "1"]`. What the program
    says on stderr goes to this process's stderr, which is the engine's log.
    """

    def __init__(self, command):
        # A path may hold any character but NUL. A bad picture is a line with `error`, not a failure of the process.
        fixed = ["--list", "-", "--null", "--format", "json", "--bad-images", "report", "--quiet"]
        self._process = subprocess.Popen([*command, *fixed], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def classify(self, paths):
        """The lines of JSON for a batch of paths of single pictures, in their order.

        An empty path gets a line with `error`. Raises WorkerDied if the process ends before it has answered: the batch can then be
        given to another one. Raises NotOnePicture if a path is a folder, an archive or a table, whose results nobody could tell from
        those of the next paths; classify those with `--shard` instead.
        """
        for path in paths:
            if path.lower().endswith(SEVERAL):
                raise NotOnePicture(f"`{path}` may hold several pictures: name single pictures")
        names = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths if path)
        # Written beside the reading, because the process answers while names still come, and pipes hold little.
        writer = threading.Thread(target=self._write, args=[names], daemon=True)
        writer.start()
        lines = []
        for path in paths:
            if not path:
                lines.append(json.dumps({"path": "", "error": "the name is empty"}))
                continue
            line = self._process.stdout.readline()
            if not line.endswith(b"\n"):
                raise WorkerDied(f"mbn-infer ended with exit code {self._process.wait()} before it answered for `{path}`")
            line = line.decode().rstrip("\n")
            found = json.loads(line)["path"]
            if found != shown(path):
                raise NotOnePicture(f"`{path}` gave the result of `{found}`, expected its own: name single pictures")
            lines.append(line)
        writer.join()
        return lines

    def _write(self, names):
        try:
            self._process.stdin.write(names)
            self._process.stdin.flush()
        except BrokenPipeError:
            # The reader finds that the process has ended.
            pass

    def close(self):
        """Ends the process. Raises WorkerDied if it then fails, and NotOnePicture if it had more to say."""
        self._process.stdin.close()
        rest = self._process.stdout.readline()
        if rest:
            self.kill()
            raise NotOnePicture(f"there are more results than names, first {rest.decode(errors='replace').strip()}")
        code = self._process.wait()
        if code:
            raise WorkerDied(f"mbn-infer ended with exit code {code}")

    def kill(self):
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()
