"""Plays HTTP/2 cases through one running gate, and judges what came of them."""

import re
import select
from dataclasses import dataclass, field

from cases.h2 import PUBLIC, Answers, Closes, Holds, Ignores, Resets
from harness.deadline import Deadline
from harness.gate import Gate
from harness.http2 import Http2Client, Message, block, headers
from harness.origin import Origin, response
from harness.stream import Ended
from reference import requests_in
from runner import masked

KEY = re.compile(rb"(?<=\r\nSec-WebSocket-Key: )[0-9A-Za-z+/]{22}==(?=\r\n)")

CONFIG = """\
listen 127.0.0.1:0 h2c
workers 1
log requests json to @directory/requests.log
log security json to @directory/security.log
limits { connections-per-client 4096; requests-per-connection 1000 }
# What is parsed and passed on is tested here, not what rules think of it.
defaults { waf off }
site a.test *.wild.test 192.0.2.7 [2001:db8::7] {
  to @origin
  route /secret/* { deny all }
  route = /public { respond 200 "public" }
}
site small.test { to @origin; limits { body 10B } }
site * { to @origin }
"""

WHOLE = bytes(100000)
NEXT = 0x7FFFFFFD  # a stream behind all that the cases use


class ServingOrigin(Origin):
    """Answers by the path. /hold answers nothing, /unread does not even read the request."""

    ANSWERS = {"/": b"ok", "/public": b"public", "/big": WHOLE, "/empty": b""}

    def _answer_all(self, connection, answer):
        try:
            while not self.closing:
                self._wait_for_bytes(connection)
                path = connection.buffer.split(b" ", 2)[1].decode()
                if path == "/unread":
                    self._wait_for_the_end(connection)
                got = connection.request()
                if path == "/hold":
                    self._wait_for_the_end(connection)
                body = str(len(got.body)).encode() if path == "/echo" else self.ANSWERS[path]
                connection.send(response(body))
        except (Ended, OSError):
            pass
        finally:
            connection.close()

    def _wait_for_the_end(self, connection):
        """Until the gate ends the connection, which is seen without reading what it sent."""
        poll = select.poll()
        poll.register(connection.socket, select.POLLRDHUP)
        while not self.closing:
            if poll.poll(100):
                raise Ended("FIN", b"")


class Bench:
    """A gate in front of an origin."""

    def __init__(self, origin, config=CONFIG):
        self.origin = origin
        self.gate = Gate(config, {"origin": origin}, bare=True)
        self.gate.start()
        self.failed = False

    def close(self):
        self.gate.close(self.failed)
        self.origin.close()


# --- The protocol -----------------------------------------------------------------------------------


def play(bench, case):
    """Sends the case's frames and asserts what it expects."""
    how = {"gives_window": case.gives_window, "acknowledges": case.acknowledges}
    with Http2Client(bench.gate.address, preface=case.preface, **how) as client:
        try:
            take_steps(client, case.steps)
            JUDGES[type(case.expects)](client, case.expects)
        except (Ended, TimeoutError, AssertionError) as problem:
            raise AssertionError(f"{case.name} (RFC {case.rfc}): {problem}; got {client.story()}") from None


def take_steps(client, steps):
    for step in steps:
        sent = step if isinstance(step, bytes) else step(client)
        if sent:
            client.send_as_far_as_taken(sent)


def closes(client, expected):
    client.read_to_end()
    assert client.ended, "the connection goes on"
    if expected.code:
        codes = [code for _, code, _ in client.goaways]
        assert codes and codes[-1] == expected.code, f"GOAWAY {codes}, not {expected.code}"


def resets(client, expected):
    message = client.stream(expected.stream)
    client.read_until(lambda: message.reset)
    assert message.reset == expected.code, f"RST_STREAM {message.reset}, not {expected.code}"
    goes_on(client, {expected.stream})


def answers(client, expected):
    message = client.response(expected.stream)
    assert message.reset is None, f"RST_STREAM {message.reset}"
    assert message.status == expected.status, f"{message.status}, not {expected.status}"
    assert expected.body in (None, message.body), f"{message.body[:100]!r}, not {expected.body!r}"
    goes_on(client, set(expected.resets))


def ignores(client, _):
    goes_on(client)


def holds(client, expected):
    if expected.has_room and not client.ended:
        goes_on(client, expects_resets=None)
    elif not client.ended:
        client.barrier()
    assert expected.look(client), f"no {expected.what}"


def goes_on(client, expects_resets=frozenset()):
    """Another request is answered on this connection, and no stream was reset but those named. None:
    whichever."""
    if NEXT > max(client.streams, default=0):
        windows = client.gives_window
        client.send_as_far_as_taken(headers(NEXT, block(*PUBLIC)))
        if windows:
            assert client.response(NEXT).body == b"public", "the next request was not answered"
        else:  # nothing but its head can come
            client.read_until(lambda: client.stream(NEXT).fields)
    client.barrier()
    assert not client.goaways, "GOAWAY"
    found = {number for number, message in client.streams.items() if message.reset}
    assert expects_resets is None or found == expects_resets, f"resets of {found}"


JUDGES = {Closes: closes, Resets: resets, Answers: answers, Ignores: ignores, Holds: holds}


# --- Messages ---------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What one message led to."""

    origin: list = field(default_factory=list)  # the bytes of each request that reached the origin
    cut: list = field(default_factory=list)  # of each that was ended before it was complete
    message: Message = None  # the answer
    ended: str = None  # the code of GOAWAY, or how the connection ended without one
    error: str = None

    def __str__(self):
        answer = self.message and (self.message.status, self.message.reset)
        return f"answer {answer}, end {self.ended}, origin {self.origin}, cut {self.cut}, {self.error}"


def play_message(bench, sent, piece=None):
    """Sends frames whose request is on stream 1, at once or in pieces of so many bytes, and plays the
    origin until that stream is over."""
    outcome = Outcome()
    with Http2Client(bench.gate.address) as client:
        try:
            for at in range(0, len(sent), piece or len(sent)):
                client.send_as_far_as_taken(sent[at : at + (piece or len(sent))])
            answer_until_over(bench, client, outcome)
            client.barrier()
        except Ended:
            outcome.ended = client.goaways[-1][1] if client.goaways else client.ended
        except (TimeoutError, AssertionError) as error:
            outcome.error = f"{type(error).__name__}: {error}"
        outcome.message = client.stream(1)
    while not bench.origin.has_no_connection():  # made before the message was found out
        late = bench.origin.connections[-1]
        late.recv_all()
        outcome.cut.append(mask(bench.origin, late.received))
        late.close()
    return outcome


def mask(origin, data):
    return KEY.sub(b"KEY", masked(data)).replace(origin.address.encode(), b"ORIGIN")


def answer_until_over(bench, client, outcome):
    deadline = Deadline()
    while not client.stream(1).is_over:
        ready, _, _ = select.select([bench.origin.listener, client.socket], [], [], deadline.left("an answer"))
        if bench.origin.listener in ready:
            take_request(bench.origin, outcome)
        elif client.socket in ready:
            if not client.fill(deadline, "an answer"):
                raise Ended(client.ended, b"")
            while client.has_frame():
                client.read_frame(deadline)


def take_request(origin, outcome):
    """Takes the origin's connection and answers one request on it."""
    connection = origin.accept()
    try:
        connection.request()
        connection.respond(b"ok", fields=["Connection: close"])
        connection.recv_all()
        outcome.origin.append(mask(origin, connection.received))
    except Ended:  # the gate ended it before the request was complete
        outcome.cut.append(mask(origin, connection.received))
    except AssertionError as error:
        outcome.error = f"{connection.received!r}: {error}"
    connection.close()


def had_what_was_promised(case, outcome):
    """Of a body that is longer than it says the rest may come in a later packet, when the origin has
    had the bytes that were promised. It gets no more than those: its reader is strict."""
    return (case.cut and case.reason == "h2.content-length" and len(outcome.origin) == 1
            and outcome.origin[0].startswith(case.cut) and len(requests_in(outcome.origin[0])) == 1
            and b"/smuggled" not in outcome.origin[0])


def judge_message(case, outcome):
    told = f"{case.name} (RFC {case.rfc}): {outcome}"
    assert outcome.error is None, told
    assert outcome.ended == case.ends, told
    if not had_what_was_promised(case, outcome):
        assert outcome.origin == ([] if case.reaches is None else [case.reaches]), told
    if case.cut:
        assert all(cut.startswith(case.cut) or not cut for cut in outcome.cut), told
        assert len(outcome.cut) <= 1, told
    else:
        assert outcome.cut == [], told
    answer = outcome.message
    # the rest of a request that is answered early may be called off (§8.1)
    reset = None if case.status and answer.reset == "NO_ERROR" else answer.reset
    assert (answer.status, reset) == (case.status, case.reset), told
