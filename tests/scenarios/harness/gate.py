"""The program under test, in a directory of its own.

A configuration in a test says only what the test is about. Unless `bare` is asked for, the harness
puts before it: one listener on port 0, both logs, one worker unless it says how many, and `waf off`
unless it says something about the WAF, or `judged` is asked for: then what is built in judges. "@name" in
the text is replaced by the value given for `name`, so that braces stay readable."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from . import processes
from .client import Client
from .deadline import SECONDS, Deadline, eventually
from .metrics import Metrics
from .records import Log

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
BINARIES = ("build/sanitized/portcullis", "build/debug/portcullis")
REPORTS = re.compile(
    r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|: panic: "
)
PREAMBLE = """\
listen 127.0.0.1:0
workers 1
log requests json to @directory/requests.log
log security json to @directory/security.log
"""
UNJUDGED = "; defaults { waf off }\n"  # on a line that is there: places in messages stay


def binary_path():
    """Of PORTCULLIS_BINARY, or the sanitized build of this checkout, or its debug build."""
    named = os.environ.get("PORTCULLIS_BINARY")
    candidates = [named] if named else [os.path.join(ROOT, path) for path in BINARIES]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    raise FileNotFoundError(f"no program to test: {', '.join(candidates)} (make sanitized)")


def replace_names(text, values):
    """Puts values for "@name"; a name without a value is a mistake in the test."""

    def value(match):
        return str(values[match.group(1)])

    return re.sub(r"@([a-z][a-z0-9_]*)", value, text)


class Notifications:
    """The service manager's end of sd_notify."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.messages = []

    def poll(self, seconds):
        """Takes one message if it comes within `seconds`."""
        self.socket.settimeout(seconds)
        try:
            self.messages += self.socket.recv(65536).decode().splitlines()
        except (TimeoutError, BlockingIOError):
            return False
        return True

    def all(self):
        """Every line so far."""
        while self.poll(0):
            pass
        return self.messages

    def close(self):
        self.socket.close()


class Gate:
    def __init__(
        self, config, values=None, bare=False, prefix=(), environment=None, arguments=(),
        binary=None, judged=False,
    ):
        self.directory = tempfile.mkdtemp(prefix="gate-")
        os.chmod(self.directory, 0o777)
        self.state = os.path.join(self.directory, "state")
        self.config_path = os.path.join(self.directory, "portcullis.conf")
        self.values = {"directory": self.directory, **(values or {})}
        self.bare = bare
        self.judged = judged
        self.prefix = list(prefix)
        self.binary = binary  # instead of the one that is tested everywhere
        self.sessions = []  # of every time it was started
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.requests_log = Log(os.path.join(self.directory, "requests.log"))
        self.security_log = Log(os.path.join(self.directory, "security.log"))
        self.stderr_path = os.path.join(self.directory, "stderr")
        self.process = None
        self.notifications = None
        self.expected_reports = False
        self.write_config(config)

    # --- Starting -------------------------------------------------------------------------------

    def write_config(self, config):
        preamble = "" if self.bare else PREAMBLE
        if re.search(r"^workers ", config, re.MULTILINE):
            preamble = preamble.replace("workers 1\n", "")
        if preamble and not self.judged and not re.search(r"\bwaf\b", config):
            preamble = preamble.rstrip("\n") + UNJUDGED
        text = preamble + config
        with open(self.config_path, "w") as file:
            file.write(replace_names(text, self.values) + "\n")

    def command_environment(self):
        environment = dict(os.environ)
        environment.pop("NOTIFY_SOCKET", None)
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        environment["NO_COLOR"] = "1"
        environment.update(self.environment)
        return environment

    def spawn(self):
        """Starts the program without waiting for anything."""
        self.__dict__.pop("_address", None)
        path = os.path.join(self.directory, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notifications = Notifications(path)
        program = self.binary or binary_path()
        command = [*self.prefix, program, "run", "-c", self.config_path]
        command += ["--state", self.state, *self.arguments]
        with open(self.stderr_path, "ab") as stderr, open(
            os.path.join(self.directory, "stdout"), "ab"
        ) as stdout:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=self.directory,
                env={**self.command_environment(), "NOTIFY_SOCKET": path},
                start_new_session=True,
            )
        self.sessions.append(self.process.pid)
        return self

    def start(self):
        """Starts the program and waits for READY=1."""
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self):
        deadline = Deadline()
        while "READY=1" not in self.notifications.messages:
            assert self.process.poll() is None, f"it ended at once:\n{self.stderr()}"
            assert not deadline.has_passed(), f"not ready in time:\n{self.stderr()}"
            self.notifications.poll(0.1)

    # --- Asking ---------------------------------------------------------------------------------

    def stderr(self):
        with open(self.stderr_path, errors="replace") as file:
            return file.read()

    def stdout(self):
        with open(os.path.join(self.directory, "stdout"), errors="replace") as file:
            return file.read()

    def wait_stderr(self, pattern):
        """Until the program log has a match of the pattern; the match."""
        return eventually(lambda: re.search(pattern, self.stderr()), f"{pattern!r} in the log")

    def start_command(self, *arguments, input=None):
        """Another invocation of the program on the same state directory; its process."""
        if self.notifications:
            self.notifications.all()  # a service manager reads: its queue is short
        return subprocess.Popen(
            [binary_path(), arguments[0], "--state", self.state, *arguments[1:]],
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env=self.command_environment(),
        )

    def command(self, *arguments, check=None, input=None):
        """The same, to its end."""
        process = self.start_command(*arguments, input=input)
        try:
            out, err = process.communicate(input, timeout=SECONDS * 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        if check is not None:
            told = f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            assert done.returncode == check, told
        return done

    def status(self):
        return json.loads(self.command("status", "--json", check=0).stdout)

    def addresses(self):
        return [listener["address"] for listener in self.status()["listeners"]]

    @property
    def address(self):
        """Of the first listener; ports do not change while the program lives."""
        if not hasattr(self, "_address"):
            self._address = self.addresses()[0]
        return self._address

    def client(self, **options):
        return Client(self.address, **options)

    def metrics(self):
        """From the admin socket."""
        with Client(f"unix:{self.state}/admin.sock") as client:
            client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = client.response()
        assert answer.status == 200, answer.raw
        assert answer.get("content-type").startswith("text/plain; version=0.0.4"), answer.head
        return Metrics(answer.body.decode())

    def reload(self, config=None, check=0, **values):
        """Another configuration, taken over by `reload`."""
        self.values.update(values)
        if config is not None:
            self.write_config(config)
        return self.command("reload", check=check)

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def workers(self):
        """Process ids of the newest generation's workers; those of an older one may be about to end."""
        told = self.status()
        loading = {g["number"] for g in told["generations"] if g["state"] == "loading"}
        found = [worker for worker in told["workers"] if worker["generation"] not in loading]
        newest = max((worker["generation"] for worker in found), default=0)
        return [worker["pid"] for worker in found if worker["generation"] == newest]

    # --- The end --------------------------------------------------------------------------------

    def kill(self, pid, number=signal.SIGKILL):
        """Sends a signal to one of its processes."""
        assert pid in self.members(), f"{pid} is none of its processes"
        os.kill(pid, number)

    def members(self, name=None):
        """All its living processes, or those with that name: pc-worker, pc-generation, …"""
        found = [pid for session in self.sessions for pid in processes.session_members(session)]
        return [pid for pid in found if name in (None, processes.name(pid))]

    def generations(self, state=None):
        """Their numbers, as `status` tells them."""
        told = self.status()["generations"]
        return [g["number"] for g in told if state in (None, g["state"])]

    def wait_generations(self, count):
        """Until that many are left."""
        return eventually(
            lambda: len(self.generations()) == count and self.generations(),
            f"{count} generations",
        )

    def stop(self, number=signal.SIGTERM, status=0, seconds=None):
        """Ends it and checks that it ended well and left nothing behind."""
        self.send_signal(number)
        self.wait_end(status, seconds)

    def wait_end(self, status=0, seconds=None):
        try:
            ended = self.process.wait(timeout=seconds or SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end; its log:\n{self.stderr()}") from None
        assert ended == status, f"exit {ended}, expected {status}; its log:\n{self.stderr()}"
        eventually(lambda: not self.members(), "no process of it left")
        self.assert_no_report()

    def assert_no_report(self):
        if not self.expected_reports:
            found = REPORTS.search(self.stderr())
            assert not found, f"a report in its log:\n{self.stderr()}"

    def kill_left_overs(self):
        left = self.members()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return left

    def close(self, failed=False):
        """After the test: stops it if the test did not, and removes its directory."""
        try:
            if self.process and self.process.poll() is None and not failed:
                self.stop()
            if self.process and not failed:
                self.assert_no_report()
        finally:
            left = self.kill_left_overs() if self.process else []
            if self.process:
                self.process.wait(timeout=SECONDS)
            if self.notifications:
                self.notifications.close()
            if os.environ.get("PORTCULLIS_KEEP"):
                print(f"kept: {self.directory}")
            else:
                shutil.rmtree(self.directory, ignore_errors=True)
        assert failed or not left, f"processes left behind: {left}"
