"""The combined format against nginx itself: the same requests through both, the same lines but for the
time."""

import os
import re
import shutil

import pytest
from harness.client import Client
from harness.origin import response
from harness.ports import reserve_port
from harness.program import Program
from harness.records import Log

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONFIG = """\
@user
daemon off;
master_process off;
pid @folder/nginx.pid;
error_log stderr;
events {}
http {
    access_log @folder/nginx.log combined;
    client_body_temp_path @folder/body;
    proxy_temp_path @folder/proxy;
    fastcgi_temp_path @folder/fastcgi;
    uwsgi_temp_path @folder/uwsgi;
    scgi_temp_path @folder/scgi;
    client_header_timeout 500ms;
    server {
        listen 127.0.0.1:@port;
        location /own {
            return 204;
        }
        location / {
            proxy_pass http://@origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
    }
}
"""


@pytest.fixture
def nginx(tmp_path, origin):
    """(address, log) of an nginx in front of the origin."""
    if not os.access(NGINX, os.X_OK):
        pytest.skip("nginx is not installed here (tools/install-packages test)")
    port = reserve_port()
    values = {
        "user": "user root;" if os.geteuid() == 0 else "",
        "folder": str(tmp_path), "port": str(port), "origin": str(origin),
    }
    text = re.sub(r"@(\w+)", lambda match: values[match[1]], CONFIG)
    (tmp_path / "nginx.conf").write_text(text)
    with Program([NGINX, "-c", tmp_path / "nginx.conf", "-e", "stderr"]) as program:
        program.wait_listening(port)
        yield f"127.0.0.1:{port}", Log(tmp_path / "nginx.log")


def play(got, connection):
    if got.target.startswith("/chunked"):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    if got.target.startswith("/none"):
        return response(b"", "204 No Content", length=False)
    if got.target.startswith("/gone"):
        return response(b"no such page", "404 Not Found")
    if got.method == "HEAD":
        return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    return response(b"hello")


def get(line, *fields):
    return b"\r\n".join([line, b"Host: example.test", *fields]) + b"\r\n\r\n"


REQUESTS = [
    get(b"GET / HTTP/1.1"),
    get(b"GET / HTTP/1.0"),
    get(b"HEAD / HTTP/1.1"),
    get(b"DELETE /gone HTTP/1.1"),
    get(b"GET /none HTTP/1.1"),
    get(b"GET /chunked HTTP/1.1"),
    get(b"GET /a/./b/../c//d?x=1&&y= HTTP/1.1"),
    get(b"GET /%7euser/%41?%41 HTTP/1.1"),
    get(b"GET /? HTTP/1.1"),
    get(b"GET /'quotes'?<>\"&x={} HTTP/1.1".replace(b'"', b"%22").replace(b"<>", b"%3C%3E")
        .replace(b"{}", b"%7B%7D")),
    get(b"GET http://example.test/absolute HTTP/1.1"),
    get(b"GET / HTTP/1.1", b"User-Agent: plain/1.0 (X; Y)"),
    get(b"GET / HTTP/1.1", b'User-Agent: "quoted" \\back\\slash'),
    get(b"GET / HTTP/1.1", b"User-Agent: \xe4\xf6\xfc \xe2\x82\xac tab\there"),
    get(b"GET /own HTTP/1.1", b"User-Agent:"),
    get(b"GET / HTTP/1.1", b"Referer: http://r.test/a?b=c#d", b"User-Agent: x"),
    get(b"GET /own HTTP/1.1", b"Referer: "),
    get(b"GET / HTTP/1.1", b'Referer: "\\x22"'),
    get(b"POST /up HTTP/1.1", b"Content-Length: 3") + b"abc",
    get(b"POST /up HTTP/1.1", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
]
# Both refuse these, with pages of their own: status and sizes are not compared.
REFUSED = [
    get(b"GET / HTTP/1.1", b"Host: two.test"),
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /half",
    b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    b"GE\xffT / HTTP/1.1\r\n\r\n",
]
TIME = re.compile(rb"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]")


def without_time(line):
    assert len(TIME.findall(line)) == 1, line
    return TIME.sub(b"[time]", line)


def exchange(address, head):
    with Client(address, source="127.0.0.5") as client:
        client.send(head)
        client.response(head.split(b" ")[0].decode())


def try_to_exchange(address, head):
    with Client(address, source="127.0.0.5") as client:
        client.send(head).finish()
        client.recv_all()


SITE = "site example.test { to @origin; route = /own { respond 204 } }"


def test_lines_are_nginxs_byte_for_byte(gate, origin, nginx):
    origin.serve(play)
    address, theirs = nginx
    proxy = gate("log requests combined to @directory/ours.log\n" + SITE, origin=origin)
    ours = Log(f"{proxy.directory}/ours.log")
    for head in REQUESTS:
        exchange(proxy.address, head)
        exchange(address, head)
    assert len(theirs.wait_lines(len(REQUESTS))) == len(ours.wait_lines(len(REQUESTS)))
    pairs = zip(map(without_time, ours.lines()), map(without_time, theirs.lines()), REQUESTS)
    for our, their, head in pairs:
        assert our == their, head
    assert b"127.0.0.5 - - [time]" in without_time(ours.lines()[0])


def test_what_both_refuse_shows_the_same_request(gate, origin, nginx):
    address, theirs = nginx
    proxy = gate("log requests combined to @directory/ours.log\n" + SITE, origin=origin)
    ours = Log(f"{proxy.directory}/ours.log")
    for number, head in enumerate(REFUSED, 1):
        try_to_exchange(proxy.address, head)
        try_to_exchange(address, head)
        theirs.wait_lines(number)
        ours.wait_lines(number)
    shape = re.compile(rb'(127\.0\.0\.5 - - \[time\] ".*") (\d{3}) \d+ (".*" ".*")\Z')
    for our, their, head in zip(ours.lines(), theirs.lines(), REFUSED):
        we, they = (shape.match(without_time(line)) for line in (our, their))
        assert we and they, (our, their)
        assert we[1] == they[1] and we[3] == they[3], head
