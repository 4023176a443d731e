"""The proxies that are measured, each started with a configuration from bench/peers/."""

import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import accounting

HERE = pathlib.Path(__file__).resolve().parent
READY_SECONDS = 30
STOP_SECONDS = 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(template, values):
    """Replaces every @word@. A word without a value is an error, and so is a value unused."""
    unused = set(values) - set(re.findall(r"@(\w+)@", template))
    if unused:
        raise KeyError(f"the template has no place for {', '.join(sorted(unused))}")
    return re.sub(r"@(\w+)@", lambda found: str(values[found.group(1)]), template)


def answers(port, host):
    """Whether a proxy answers one request with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            request = f"GET /1k HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            peer.sendall(request.encode("ascii"))
            return peer.recv(16).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


class Proxy:
    """One proxy: not started, running, stopped. Only what bears its name differs."""

    name = ""
    program = ""
    template = ""
    reload_signal = signal.SIGHUP
    logs = True
    left_out = ()  # the scenarios that mean nothing for it

    def __init__(self, program=None):
        self.program = program or self.program
        self.process = None
        self.asked = 0

    # What differs.

    def values(self, sites):
        """What the template wants, apart from port, origin and directory."""
        return {}

    def command(self, path):
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    # What does not.

    def installed(self):
        return shutil.which(self.program) is not None

    def start(self, directory, origin_port, cpus, sites=0):
        """Starts it and returns once it answers. With `sites`, so many sites are configured in
        addition, and it is ready when the last of them answers; returns the seconds that took."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o755)
        self.log = self.directory / "access.log"
        self.log_offset = self.log_lines_seen = 0
        path = self.directory / (self.template or "none")
        path.write_text(self.configuration(free_port(), origin_port, sites), encoding="utf-8")
        self.asked = 0
        began = time.monotonic()
        with open(self.log, "ab") as out, open(self.directory / "stderr", "wb") as err:
            self.process = subprocess.Popen(
                self.command(path),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.directory,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus),
            )
        self.await_ready(f"site{sites}.bench.test" if sites else "bench.test")
        return time.monotonic() - began

    def configuration(self, port, origin_port, sites):
        """The text of its configuration file; files that this names are written at once."""
        self.port, self.origin = port, origin_port
        template = (HERE / "peers" / self.template).read_text(encoding="utf-8")
        values = {"port": port, "origin": origin_port, **self.values(sites)}
        if "@directory@" in template:
            values["directory"] = self.directory
        return fill(template, values)

    def await_ready(self, host):
        deadline = time.monotonic() + READY_SECONDS
        while not answers(self.port, host):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.directory / "stderr").read_text(encoding="utf-8", errors="replace")
                raise OSError(f"{self.name} does not answer: {said.strip()[-2000:]}")
            time.sleep(0.002)
        self.asked += 1

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def reload(self):
        self.process.send_signal(self.reload_signal)

    def account(self):
        return accounting.account(self.process.pid)

    def log_lines(self):
        """The lines of the access log so far."""
        with open(self.log, "rb") as file:
            file.seek(self.log_offset)
            while block := file.read(1 << 20):
                self.log_lines_seen += block.count(b"\n")
                self.log_offset += len(block)
        return self.log_lines_seen

    def log_complete(self, expected, seconds=5):
        """Waits until the log has `expected` lines; returns the lines that it has at last."""
        deadline = time.monotonic() + seconds
        while (lines := self.log_lines()) < expected and time.monotonic() < deadline:
            time.sleep(0.02)
        return lines


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    return done.stdout.decode("utf-8", "replace").partition("\n")[0].strip()


class Nginx(Proxy):
    name = "nginx"
    program = "nginx"
    template = "nginx.conf"
    log_options = ""

    def values(self, sites):
        """A server with a name of its own for each further site."""
        block = (
            "    server {{ listen 127.0.0.1:{port}; server_name site{i}.bench.test; "
            "location / {{ proxy_pass http://origin; }} }}\n"
        )
        user = ""
        if os.geteuid() == 0:
            user = f"user {next(n for n in ('www-data', 'nobody') if known(n))};"
        return {
            "user": user,
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "log_options": self.log_options,
            "sites": "".join(block.format(port=self.port, i=i) for i in range(1, sites + 1)),
        }

    def command(self, path):
        return [self.program, "-p", str(path.parent), "-e", "stderr", "-c", str(path)]

    def version(self):
        return first_line(self.program, "-v").replace("nginx version: ", "").replace("/", " ")


class NginxBuffered(Nginx):
    name = "nginx-buffered"
    log_options = " buffer=64k flush=1s"


def known(user):
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


class HaProxy(Proxy):
    name = "haproxy"
    program = "haproxy"
    template = "haproxy.cfg"
    reload_signal = signal.SIGUSR2

    def values(self, sites):
        """A backend for each further site, chosen from a map of names."""
        numbers = range(1, sites + 1)
        names = self.directory / "names.map"
        names.write_text("".join(f"site{i}.bench.test site{i}\n" for i in numbers))
        backend = "backend site{i}\n    server origin 127.0.0.1:{origin}\n"
        choice = f"    use_backend %[req.hdr(host),lower,map({names},origin)]" if sites else ""
        return {
            "connections": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "choice": choice,
            "sites": "".join(backend.format(i=i, origin=self.origin) for i in numbers),
        }

    def command(self, path):
        return [self.program, "-W", "-db", "-f", str(path)]

    def version(self):
        return " ".join(first_line(self.program, "-v").split()[:3]).replace("version ", "")


class Portcullis(Proxy):
    name = "portcullis"
    program = "portcullis"
    template = "portcullis.conf"

    def values(self, sites):
        line = "site site{i}.bench.test {{ to 127.0.0.1:{origin} }}\n"
        return {
            "sites": "".join(line.format(i=i, origin=self.origin) for i in range(1, sites + 1))
        }

    def command(self, path):
        return [self.program, "run", "-c", str(path)]

    def version(self):
        return first_line(self.program, "version")


class Floor(Proxy):
    """No proxy: the relay, which shows what the kernel takes for moving the bytes."""

    name = "floor"
    logs = False
    left_out = ("new-connections", "reload", "memory", "sites")

    def configuration(self, port, origin_port, sites):
        self.port, self.origin = port, origin_port
        return ""

    def command(self, path):
        return [self.program, str(self.port), str(self.origin)]

    def version(self):
        return ""


PROXIES = (Portcullis, Nginx, NginxBuffered, HaProxy, Floor)
