"""Programs that people use, in front of and behind the gate: curl as the client, nginx as the
origin. What raw bytes prove elsewhere is seen here to be what they mean too."""

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile

import pytest
from harness.deadline import SECONDS, eventually
from harness.origin import response

CURL = shutil.which("curl")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_curl = pytest.mark.skipif(not CURL, reason="curl is not installed")
needs_nginx = pytest.mark.skipif(not NGINX, reason="nginx is not installed")


def curl(*arguments, status=0):
    done = subprocess.run(
        [CURL, "--silent", "--show-error", "--noproxy", "*", "--max-time", "60", *arguments],
        capture_output=True,
        timeout=90,
    )
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done.stdout


@needs_curl
def test_curl_is_served_in_every_way_it_asks(gate, origin, tmp_path):
    def answer(got, connection):
        said = f"{got.method} {got.target} {len(got.body)} ".encode()
        return response(said + hashlib.sha256(got.body).hexdigest().encode())

    origin.serve(answer)
    g = gate("limits { body 100M }\nsite * { to @origin; route /no { deny all } }", origin=origin)
    url = f"http://{g.address}"
    large = os.urandom(3_000_000)
    path = tmp_path / "large"
    path.write_bytes(large)

    def said(method, target, body=b""):
        return f"{method} {target} {len(body)} {hashlib.sha256(body).hexdigest()}".encode()

    assert curl(f"{url}/a?b=c") == said("GET", "/a?b=c")
    assert curl("--http1.0", f"{url}/old") == said("GET", "/old")
    assert curl("-d", "a=b", f"{url}/form") == said("POST", "/form", b"a=b")
    assert curl("-T", str(path), f"{url}/put") == said("PUT", "/put", large)
    at_path = f"@{path}"
    for more in (
        ["-H", "Expect: 100-continue"],
        ["-H", "Expect:"],
        ["-H", "Transfer-Encoding: chunked"],
        ["-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"],
    ):
        got = curl("--data-binary", at_path, *more, f"{url}/up")
        assert got == said("POST", "/up", large), more
    head = curl("-I", f"{url}/head").decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n") and "Content-Length:" in head
    # one connection for many
    code = "%{num_connects} %{response_code}\n"
    got = curl("-o", os.devnull, "-w", code, f"{url}/1", "-o", os.devnull, f"{url}/2")
    assert got == b"1 200\n0 200\n"
    # an early refusal is read, although curl has more to send
    for more in (["-H", "Expect:"], ["-H", "Expect: 100-continue"]):
        got = curl("-o", os.devnull, "-w", code, "--data-binary", at_path, *more, f"{url}/no")
        assert got == b"1 403\n", more


LARGE = bytes(range(256)) * 20_000
NGINX_CONFIGURATION = """\
daemon off;
master_process off;
worker_processes 1;
pid @directory/pid;
error_log @directory/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path @directory/body;
  proxy_temp_path @directory/proxy;
  fastcgi_temp_path @directory/fastcgi;
  uwsgi_temp_path @directory/uwsgi;
  scgi_temp_path @directory/scgi;
  server {
    listen unix:@directory/socket;
    keepalive_requests 3;
    client_max_body_size 1k;
    root @directory/files;
    location = /said { return 200 "$request|$http_x_real_ip|$http_x_forwarded_for|$http_host"; }
    location = /moved { return 301 /elsewhere; }
  }
}
"""


@pytest.fixture
def nginx():
    """An nginx on a Unix socket: its address, and the folder whose files it serves."""
    directory = tempfile.mkdtemp(prefix="nginx-")
    files = os.path.join(directory, "files")
    os.mkdir(files)
    os.chmod(directory, 0o755)  # the gate's workers may be another user
    with open(os.path.join(directory, "nginx.conf"), "w") as file:
        file.write(NGINX_CONFIGURATION.replace("@directory", directory))
    with open(os.path.join(files, "large"), "wb") as file:
        file.write(LARGE)
    process = subprocess.Popen(
        [NGINX, "-p", directory, "-c", os.path.join(directory, "nginx.conf")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers():
        assert process.poll() is None, "nginx ended at once"
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(os.path.join(directory, "socket")) == 0

    try:
        eventually(answers, "nginx answers")
        yield f"unix:{directory}/socket"
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
        shutil.rmtree(directory)


@needs_nginx
def test_nginx_is_an_origin_like_others(gate, nginx):
    g = gate("site * { to @nginx }", nginx=nginx)
    with g.client() as client:
        for _ in range(8):  # nginx closes its connection at every third: nobody notices
            said = client.get("/said", host="a.test").body
            assert said == b"GET /said HTTP/1.1|127.0.0.1|127.0.0.1|a.test"
        whole = client.get("/large")
        assert whole.body == LARGE and not whole.all("server")
        part = client.get("/large", fields=["Range: bytes=10-19"])
        assert (part.status, part.body) == (206, LARGE[10:20])
        assert part.get("content-range") == f"bytes 10-19/{len(LARGE)}"
        parts = client.get("/large", fields=["Range: bytes=0-1,5-6"])
        assert parts.status == 206 and b"multipart/byteranges" in parts.head
        again = client.get("/large", fields=[f"If-None-Match: {whole.get('etag')}"])
        assert (again.status, again.body) == (304, b"")
        head = client.get("/large", method="HEAD")
        assert (head.get("content-length"), head.body) == (str(len(LARGE)), b"")
        assert client.get("/missing").status == 404
        assert client.get("/moved").status == 301
        assert client.get("/large", method="POST", body=b"x").status == 405
    with g.client() as client:  # nginx refuses by the length and does not read on
        answer = client.get("/large", method="POST", body=b"x" * 300_000)
        assert answer.status == 413
    assert [r["status"] for r in g.requests_log.wait(17)][-1] == 413
    assert all("reason" not in r for r in g.requests_log.records())
