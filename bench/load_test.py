"""The load generator and the origin against each other, in every mode, and against servers that
answer wrongly: what must count as a failure does."""

import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import certificates

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "scenarios"))
from harness.ports import reserve_port

ORIGIN, LOAD, RELAY = sys.argv[1:4]
KEY_ANSWER = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def load(port, *options):
    """Runs the generator; its exit status and its result."""
    command = [LOAD, "--port", str(port), "--timeout", "20", *map(str, options)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


class AgainstTheOrigin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = subprocess.Popen([ORIGIN], stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.origin.stdout.readline().split()[1])

    @classmethod
    def tearDownClass(cls):
        cls.origin.terminate()
        cls.origin.wait()
        cls.origin.stdout.close()

    def assert_all_done(self, requests, *options):
        status, result = load(self.port, "--requests", requests, *options)
        self.assertEqual((status, result["error"]), (0, ""))
        self.assertEqual((result["requests"], result["failed"], result["cut"]), (requests, 0, 0))
        self.assertLessEqual(result["p50_us"], result["p999_us"])
        self.assertLessEqual(result["p999_us"], result["max_us"])
        return result

    def test_keep_alive(self):
        for path, length in ("/1k", 1024), ("/10k", 10240), ("/100k", 102400):
            self.assert_all_done(500, "--path", path, "--length", length, "--connections", 16)

    def test_warm_up_comes_before(self):
        options = ("--path", "/1k", "--length", 1024, "--connections", 4, "--warm-up", 50)
        self.assert_all_done(100, *options)

    def test_small_buffers_at_both_ends_change_nothing_but_the_pieces(self):
        with subprocess.Popen([ORIGIN, "0", "16384"], stdout=subprocess.PIPE, text=True) as origin:
            port = int(origin.stdout.readline().split()[1])
            status, result = load(port, "--path", "/sink", "--length", 2, "--body", 3000000, "--send-buffer", 16384, "--requests", 3)
            origin.terminate()
        self.assertEqual((status, result["requests"], result["failed"]), (0, 3, 0))

    def test_what_is_no_size_of_a_buffer_is_refused(self):
        for wrong in "-1", "x", "99999999999":
            refused = subprocess.run([ORIGIN, "0", wrong], capture_output=True, text=True, timeout=20)
            self.assertEqual((refused.returncode, refused.stdout), (2, ""))
            self.assertIn("SO_RCVBUF", refused.stderr)
        refused = subprocess.run([LOAD, "--port", "1", "--send-buffer", "x"], capture_output=True, text=True, timeout=20)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--send-buffer", refused.stderr)

    def test_a_new_connection_for_each_request(self):
        options = ("--path", "/1k", "--length", 1024, "--connections", 8, "--close")
        self.assert_all_done(200, *options, "--sources", 10)

    def test_post_from_small_to_larger_than_a_socket_takes_at_once(self):
        for body in 1, 10240, 20 * 1024 * 1024:
            self.assert_all_done(8, "--path", "/sink", "--length", 2, "--body", body)

    def test_websocket_round_trips(self):
        for payload in 1, 100, 125, 126, 1024:
            self.assert_all_done(200, "--path", "/ws", "--websocket", payload, "--connections", 4)

    def test_open_loop_keeps_its_rate(self):
        options = ("--path", "/1k", "--length", 1024, "--connections", 16, "--rate", 1000)
        result = self.assert_all_done(300, *options)
        self.assertGreaterEqual(result["seconds"], 0.298)

    def test_once_holds_every_connection(self):
        options = ("--path", "/1k", "--length", 1024, "--connections", 300)
        self.assert_all_done(300, *options, "--concurrency", 32, "--once", "--sources", 20)

    def test_a_request_from_a_file_is_sent_as_it_is(self):
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / "request"
            for request, length in (
                (b"GET /1k?a=b HTTP/1.1\r\nHost: a\r\nCookie: c=d\r\n\r\n", 1024),
                (b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000, 2),
            ):
                path.write_bytes(request)
                self.assert_all_done(100, "--request", path, "--length", length, "--connections", 4)

    def test_a_file_that_is_no_request_is_refused(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"GET /1k HTTP/1.1\r\nHost: a\r\n\r\nsurplus")
            file.flush()
            command = [LOAD, "--port", str(self.port), "--length", "1024", "--request", file.name]
            done = subprocess.run(command, capture_output=True, timeout=60, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("its body is not as long as Content-Length says", done.stderr)

    def test_a_wrong_length_or_status_is_a_failure(self):
        for path, length, error in (
            ("/1k", 1000, "unexpected Content-Length"),
            ("/none", 0, "unexpected status"),
        ):
            status, result = load(self.port, "--path", path, "--length", length, "--requests", 3)
            self.assertEqual((status, result["failed"], result["error"]), (1, 3, error))

    def test_a_closed_port_is_a_failure(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            status, result = load(unused.getsockname()[1], "--length", 1)
        self.assertEqual((status, result["error"]), (1, "cannot connect"))

    def test_steps_wait_for_a_line_before_and_after(self):
        command = [LOAD, "--port", str(self.port), "--path", "/1k", "--length", "1024", "--step"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            self.assertEqual(process.stdout.readline(), "warm\n")
            process.stdin.write("\n")
            process.stdin.flush()
            self.assertEqual(json.loads(process.stdout.readline())["requests"], 1)
            self.assertIsNone(process.poll())
            process.stdin.write("\n")
            process.stdin.flush()
            self.assertEqual(process.wait(timeout=20), 0)


class ThroughTheRelay(AgainstTheOrigin):
    """The same, with the floor of the benchmark between."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        port = reserve_port()
        cls.relay = subprocess.Popen([RELAY, str(port), str(cls.port)])
        cls.port = port
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > deadline or cls.relay.poll() is not None:
                    raise

    @classmethod
    def tearDownClass(cls):
        cls.relay.terminate()
        cls.relay.wait()
        super().tearDownClass()


class AgainstWrongServers(unittest.TestCase):
    """A server here is a list of connections, each a list of answers; then it closes."""

    def answers(self, connections, *options):
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            for answers in connections:
                peer, _ = listener.accept()
                with peer:
                    for answer in answers:
                        peer.recv(65536)
                        peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return load(listener.getsockname()[1], "--length", 2, *options)
        finally:
            thread.join(timeout=20)
            listener.close()

    GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def test_what_is_wrong_with_an_answer_is_told(self):
        for answer, error in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", "the connection ended early"),
            (b"HTTP/1.1 200 OK\r\n\r\nok", "no plain Content-Length"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", "bytes after the response"),
            (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", "unexpected status"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 4000, "response head too long"),
        ):
            with self.subTest(error):
                status, result = self.answers([[answer]])
                self.assertEqual((status, result["failed"], result["error"]), (1, 1, error))

    def test_connection_close_is_followed(self):
        last = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        status, result = self.answers([[last], [self.GOOD, last]], "--requests", 3)
        self.assertEqual((status, result["requests"], result["cut"]), (0, 3, 0))

    def test_a_cut_connection_is_a_failure_unless_it_is_tried_again(self):
        cut = [[self.GOOD, b""], [self.GOOD]]
        status, result = self.answers(cut, "--requests", 2, "--retry")
        self.assertEqual((status, result["failed"], result["cut"]), (0, 0, 1))
        status, result = self.answers(cut, "--requests", 3)
        self.assertEqual((status, result["failed"], result["cut"]), (1, 1, 1))

    def test_a_wrong_websocket_answer_is_told(self):
        shake = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: "
        good = shake + KEY_ANSWER + b"\r\n\r\n"
        for answers, error in (
            ([shake + b"x\r\n\r\n"], "wrong Sec-WebSocket-Accept"),
            ([self.GOOD], "unexpected status"),
            ([good, b"\x82\x02ab"], "another message came back"),
            ([good, b"\x82\x03abd"], "another message came back"),
            ([good, b"\x82\x03abcd"], "another message came back"),
        ):
            with self.subTest(error):
                status, result = self.answers([answers], "--websocket", 3)
                self.assertEqual((status, result["error"]), (1, error))


class OverTls(unittest.TestCase):
    """What the generator claims of handshakes is what the server sees."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        authority = certificates.Authority(pathlib.Path(cls.place.name) / "pairs")
        cls.pair = authority.issue("pair", ["bench.test"])

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def exchange(self, connections, tickets, *options):
        """Serves so many connections with one exchange each; what the generator and the server
        say: its status and result, and for each connection whether a session was resumed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair.certificate, self.pair.key)
        context.set_alpn_protocols(["http/1.1"])
        context.num_tickets = tickets
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)
        seen = []

        def serve():
            for _ in range(connections):
                try:
                    peer, _ = listener.accept()
                    with context.wrap_socket(peer, server_side=True) as secure:
                        seen.append(secure.session_reused)
                        secure.recv(65536)
                        secure.sendall(AgainstWrongServers.GOOD)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            port = listener.getsockname()[1]
            return *load(port, "--length", 2, "--close", *options), seen
        finally:
            listener.close()
            thread.join(timeout=30)

    def test_full_handshakes_are_full_and_counted(self):
        for version, agreed in (
            ("--tls", "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519 ECDSA http/1.1"),
            ("--tls12", "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 X25519 ECDSA http/1.1"),
        ):
            status, result, seen = self.exchange(3, 1, version, "--requests", 3)
            self.assertEqual((status, result["error"], seen), (0, "", [False] * 3))
            self.assertEqual((result["full"], result["resumed"]), (3, 0))
            self.assertEqual(result["agreed"], agreed)

    def test_sessions_are_resumed_after_the_first_and_counted(self):
        for version in "--tls", "--tls12":
            options = (version, "--resume", "--warm-up", 1, "--requests", 1)
            status, result, seen = self.exchange(2, 1, *options)
            self.assertEqual((status, result["error"], seen), (0, "", [False, True]))
            self.assertEqual((result["full"], result["resumed"]), (0, 1))

    def test_a_session_that_never_came_is_a_full_handshake_in_the_count(self):
        options = ("--tls", "--resume", "--warm-up", 1, "--requests", 1)
        status, result, seen = self.exchange(2, 0, *options)
        self.assertEqual((status, seen), (0, [False, False]))
        self.assertEqual((result["full"], result["resumed"]), (1, 0))

    def test_a_server_without_tls_is_a_failure(self):
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        with listener:
            status, result = load(listener.getsockname()[1], "--length", 2, "--tls")
            thread.join(timeout=20)
        self.assertEqual((status, result["error"]), (1, "the TLS handshake failed"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
