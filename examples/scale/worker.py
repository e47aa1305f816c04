"""A process of `mbn-infer` that is given paths and answers with a line of JSON for each, for engines that call Python."""
import subprocess
import threading


class WorkerDied(RuntimeError):
    """The process ended before it had answered."""


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
        """The lines of JSON for a batch of paths, in their order.

        Raises WorkerDied if the process ends before it has answered: the batch can then be given to another one.
        """
        names = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
        # Written beside the reading, because the process answers while names still come, and pipes hold little.
        writer = threading.Thread(target=self._write, args=[names], daemon=True)
        writer.start()
        lines = []
        for path in paths:
            line = self._process.stdout.readline()
            if not line.endswith(b"\n"):
                raise WorkerDied(f"mbn-infer ended with exit code {self._process.wait()} before it answered for `{path}`")
            lines.append(line.decode().rstrip("\n"))
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
        """Ends the process. Raises WorkerDied if it then fails."""
        self._process.stdin.close()
        code = self._process.wait()
        if code:
            raise WorkerDied(f"mbn-infer ended with exit code {code}")

    def kill(self):
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()
