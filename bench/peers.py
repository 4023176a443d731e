"""The proxies that are measured, each started with a configuration from bench/peers/."""

import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from dataclasses import dataclass

import accounting

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "scenarios"))
from harness.ports import reserve_port  # noqa: E402

READY_SECONDS = 30
STOP_SECONDS = 10


def fill(template, values):
    """Replaces every @word@. A word without a value is an error, and so is a value unused."""
    unused = set(values) - set(re.findall(r"@(\w+)@", template))
    if unused:
        raise KeyError(f"the template has no place for {', '.join(sorted(unused))}")
    return re.sub(r"@(\w+)@", lambda found: str(values[found.group(1)]), template)


@dataclass(frozen=True)
class Entry:
    """How clients reach a proxy: over TLS when there are certificates; the sites that are measured
    with many take turns with them, the first is for bench.test."""

    pairs: tuple = ()
    http2: bool = False

    def pair(self, site=0):
        """Of bench.test, or of the site with this number from 1 on."""
        return self.pairs[site % len(self.pairs)]

    def answers(self, port, host):
        """Whether a proxy answers one request with 200."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
                if self.pairs:
                    with trusting().wrap_socket(peer, server_hostname=host) as secure:
                        return says_200(secure, host)
                return h2_says_200(peer, host) if self.http2 else says_200(peer, host)
        except OSError:
            return False


PLAIN = Entry()


def trusting():
    """For asking whether something answers; who it is, is not the question."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def says_200(peer, host):
    request = f"GET /1k HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    peer.sendall(request.encode("ascii"))
    return peer.recv(16).startswith(b"HTTP/1.1 200 ")


def h2_says_200(peer, host):
    """With prior knowledge (RFC 9113 section 3.3): a port for HTTP/2 alone takes nothing else."""
    # :method GET and :scheme http of the static table; :authority and :path written out.
    block = b"\x82\x86\x01" + bytes([len(host)]) + host.encode("ascii") + b"\x04\x03/1k"
    settings, headers = h2_frame(4, 0, 0, b""), h2_frame(1, 5, 1, block)
    peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + headers)
    with peer.makefile("rb") as stream:
        ok = False
        while len(head := stream.read(9)) == 9:
            payload = stream.read(int.from_bytes(head[:3], "big"))
            kind, flags = head[3:5]
            # :status 200 is one byte of the static table; a table size update may stand before.
            ok = ok or (kind == 1 and b"\x88" in payload[:4])
            if kind in (0, 1) and flags & 1:
                return ok
    return False


def h2_frame(kind, flags, stream, payload):
    head = struct.pack(">IBI", len(payload) << 8 | kind, flags, stream)
    return head + payload


class Proxy:
    """One proxy: not started, running, stopped. Only what bears its name differs."""

    name = ""
    program = ""
    template = ""
    reload_signal = signal.SIGHUP
    logs = True
    left_out = ()  # the scenarios that mean nothing for it
    only_secure = False  # takes part only where TLS or HTTP/2 is measured
    key_process = None  # the name of the process that alone has the keys
    entry = PLAIN

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

    def takes_part(self, scenario):
        if self.only_secure and not (scenario.key or scenario.http2):
            return False
        return scenario.name not in self.left_out and scenario.kind not in self.left_out

    def start(self, directory, origin_port, cpus, sites=0, entry=PLAIN):
        """Starts it and returns once it answers. With `sites`, so many sites are configured in
        addition, and it is ready when the last of them answers; returns the seconds that took."""
        self.entry = entry
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(mode=0o755)
        self.log = self.directory / "access.log"
        self.log_offset = self.log_lines_seen = 0
        path = self.directory / (self.template or "none")
        path.write_text(self.configuration(reserve_port(), origin_port, sites), encoding="utf-8")
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
        values = self.values(sites)
        common = {"port": port, "origin": origin_port, "directory": self.directory}
        values |= {word: value for word, value in common.items() if f"@{word}@" in template}
        return fill(template, values)

    def await_ready(self, host):
        deadline = time.monotonic() + READY_SECONDS
        while not self.entry.answers(self.port, host):
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

    def key_account(self):
        """Of the process that alone has the keys, where there is one."""
        if not self.key_process:
            return accounting.Account((), 0, 0)
        return accounting.account(self.process.pid, self.key_process)

    def log_lines(self):
        """The lines of the access log so far."""
        with open(self.log, "rb") as file:
            file.seek(self.log_offset)
            while block := file.read(1 << 20):
                self.log_lines_seen += block.count(b"\n")
                self.log_offset += len(block)
        return self.log_lines_seen

    def log_complete(self, expected, seconds=60):
        """Waits until the log has `expected` lines; returns the lines that it has at last."""
        deadline = time.monotonic() + seconds
        while (lines := self.log_lines()) < expected and time.monotonic() < deadline:
            time.sleep(0.02)
        return lines


def first_line(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    return done.stdout.decode("utf-8", "replace").partition("\n")[0].strip()


# This version has TLS 1.3 only when it is told. One ticket for each full handshake, as Portcullis,
# instead of OpenSSL's two.
TLS_OF_NGINX = "ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command NumTickets 1;"


class Nginx(Proxy):
    name = "nginx"
    program = "nginx"
    template = "nginx.conf"
    log_options = ""

    def values(self, sites):
        """A server with a name of its own for each further site."""
        block = (
            "    server {{ listen 127.0.0.1:{port}{listen}; server_name site{i}.bench.test;{tls} "
            "location / {{ proxy_pass http://origin; }} }}\n"
        )
        user = ""
        if os.geteuid() == 0:
            user = f"user {next(n for n in ('www-data', 'nobody') if known(n))};"
        listen = (" ssl" if self.entry.pairs else "") + (" http2" if self.entry.http2 else "")
        fill_in = {"port": self.port, "listen": listen}
        return {
            "user": user,
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "modules": "",
            "waf": "",
            "log_options": self.log_options,
            "listen": listen,
            "tls": TLS_OF_NGINX + self.certificate(0) if self.entry.pairs else "",
            "sites": "".join(
                block.format(**fill_in, i=i, tls=self.certificate(i)) for i in range(1, sites + 1)
            ),
        }

    def certificate(self, site):
        if not self.entry.pairs:
            return ""
        pair = self.entry.pair(site)
        return f" ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};"

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
            "listen": self.listen(),
            "scheme": "https" if self.entry.pairs else "http",
            "choice": choice,
            "sites": "".join(backend.format(i=i, origin=self.origin) for i in numbers),
        }

    def listen(self):
        """With one file for each certificate; HAProxy finds the names in them."""
        if not self.entry.pairs:
            return " proto h2" if self.entry.http2 else ""
        files = self.directory / "certificates.list"
        files.write_text("".join(f"{pair.both}\n" for pair in self.entry.pairs))
        return f" ssl crt-list {files} alpn {'h2,' if self.entry.http2 else ''}http/1.1"

    def command(self, path):
        return [self.program, "-W", "-db", "-f", str(path)]

    def version(self):
        return " ".join(first_line(self.program, "-v").split()[:3]).replace("version ", "")


class H2o(Proxy):
    """Where TLS or HTTP/2 is measured. Like Portcullis it keeps its keys in a process of their own
    (neverbleed, its default)."""

    name = "h2o"
    program = "h2o"
    template = "h2o.conf"
    # This version gives no new ticket with a resumed session: every other handshake is full.
    left_out = ("tls-resumed",)
    only_secure = True

    def values(self, sites):
        """A host with a listener of its own for each further site: h2o wants certificates there."""
        host = (
            "  site{i}.bench.test:\n{listen}    paths:\n      /:\n"
            "        proxy.reverse.url: http://127.0.0.1:{origin}/\n"
        )
        return {
            "user": "user: nobody" if os.geteuid() == 0 else "",
            "connections": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "listen": self.listen(0),
            "sites": "".join(
                host.format(i=i, origin=self.origin, listen=self.listen(i))
                for i in range(1, sites + 1)
            ),
        }

    def listen(self, site):
        lines = ["listen:", "  host: 127.0.0.1", f"  port: {self.port}"]
        if self.entry.pairs:
            pair = self.entry.pair(site)
            lines += ["  ssl:", f"    certificate-file: {pair.certificate}"]
            lines += [f"    key-file: {pair.key}", "    minimum-version: TLSv1.2"]
        return "".join(f"    {line}\n" for line in lines)

    def command(self, path):
        return [self.program, "-c", str(path)]

    def version(self):
        return first_line(self.program, "-v").replace("version ", "")


class Portcullis(Proxy):
    name = "portcullis"
    program = "portcullis"
    template = "portcullis.conf"
    key_process = "pc-keyholder"

    def values(self, sites):
        return {
            "listen": ("tls" if self.entry.pairs else "plain") + self.h2c(),
            "site": self.site("bench.test" if self.entry.pairs else "*", 0),
            "sites": "".join(self.site(f"site{i}.bench.test", i) for i in range(1, sites + 1)),
        }

    def h2c(self):
        return " h2c" if self.entry.http2 and not self.entry.pairs else ""

    def site(self, name, number):
        tls = ""
        if self.entry.pairs:
            pair = self.entry.pair(number)
            tls = f"tls {pair.certificate} {pair.key}; "
        return f"site {name} {{ {tls}to 127.0.0.1:{self.origin} }}\n"

    def command(self, path):
        # Of its own: another one may run beside it.
        return [self.program, "run", "-c", str(path), "--state", str(self.directory / "state")]

    def version(self):
        return first_line(self.program, "version")


class Floor(Proxy):
    """No proxy: the relay, which shows what the kernel takes for moving the bytes."""

    name = "floor"
    logs = False
    left_out = ("new-connections", "reload", "memory", "sites")

    def takes_part(self, scenario):
        return not (scenario.key or scenario.http2) and super().takes_part(scenario)


    def configuration(self, port, origin_port, sites):
        self.port, self.origin = port, origin_port
        return ""

    def command(self, path):
        return [self.program, str(self.port), str(self.origin)]

    def version(self):
        return ""


PROXIES = (Portcullis, Nginx, NginxBuffered, HaProxy, H2o, Floor)
