"""A server that others have written, as a process with its output in a file."""

import os
import subprocess
import tempfile

from .deadline import eventually
from .ports import is_listening

LOG_BYTES_MAX = 1 << 20


class Program:
    def __init__(self, command, **options):
        self.name = str(command[0])
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, **options)

    def log(self):
        """What it has said; its own place in the file is not moved."""
        return os.pread(self.output.fileno(), LOG_BYTES_MAX, 0).decode(errors="replace")

    def wait_listening(self, *ports):
        """Until it takes connections on all of them. One that ends before is told at once, with what it said."""

        def listens():
            code = self.process.poll()
            assert code is None, f"{self.name} ended with {code}:\n{self.log()}"
            return all(map(is_listening, ports))

        try:
            eventually(listens, f"{self.name} on port {', '.join(map(str, ports))}")
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        self.process.kill()
        self.process.wait()
        self.output.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
