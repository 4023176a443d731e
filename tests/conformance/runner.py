"""Plays the cases through one running gate and keeps what happened, for the tests to judge."""

import re
import select
from dataclasses import dataclass, field

from harness.deadline import Deadline
from harness.gate import Gate
from harness.origin import Origin
from harness.stream import Ended

ID = re.compile(rb"(?<=\r\nX-Request-ID: )[0-9A-Z]{26}(?=\r\n)")
DATE = re.compile(rb"(?<=\r\nDate: )[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT(?=\r\n)")

CONFIG = """\
limits { connections-per-client 4096; requests-per-connection 1000 }
site a.test *.wild.test 192.0.2.7 [2001:db8::7] {
  to @origin
  route /secret/* { deny all }
  route = /public { respond 200 "public" }
}
site small.test { to @origin; limits { body 10B } }
site * { to @origin }
"""


PUBLIC = b"GET /public HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
FINAL = re.compile(rb"HTTP/1\.1 [2-5][0-9]{2} [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n")


def masked(data):
    """The bytes without what differs from one exchange to the next."""
    return DATE.sub(b"DATE", ID.sub(b"ID", data))


@dataclass
class Outcome:
    """What one case led to."""

    origin: list = field(default_factory=list)  # the bytes of each request that reached the origin
    cut: list = field(default_factory=list)  # of each that was ended before it was complete
    client: bytes = b""  # all that the client received
    ended: str = None  # how the client's connection ended: FIN, RST, None when it goes on
    reused: bool = None  # whether the next request came on the same connection of the origin
    reasons: list = field(default_factory=list)  # one for each record that tells one
    error: str = None

    @property
    def statuses(self):
        """Of all final responses."""
        return [int(head[9:12]) for head in FINAL.findall(self.client)]

    @property
    def ids(self):
        return [found.decode() for found in ID.findall(self.client)]


class Bench:
    """A gate in front of a scripted origin."""

    def __init__(self, config=CONFIG):
        self.origin = Origin()
        self.gate = Gate(config, {"origin": self.origin})
        self.gate.start()
        self.failed = False

    def masked(self, data):
        return masked(data).replace(self.origin.address.encode(), b"ORIGIN")

    def close(self):
        self.gate.close(self.failed)
        self.origin.close()

    # --- Requests -------------------------------------------------------------------------------

    def play_request(self, case, piece=None):
        """Sends the case's bytes at once, or in pieces of so many bytes."""
        outcome, piece = Outcome(), piece or len(case.sent) or 1
        with self.gate.client() as client:
            try:
                for at in range(0, len(case.sent), piece):
                    client.send_as_far_as_taken(case.sent[at : at + piece])
                if case.half_closes:
                    client.finish()
                self.answer_until(client, len(case.statuses), outcome)
                # A kept connection answers this too; one that has ended says so. Of a request that
                # stood behind a refused one nothing may be answered.
                if not case.half_closes and not client.ended:
                    client.send_as_far_as_taken(PUBLIC)
                client.recv_all()
            except (Ended, TimeoutError, AssertionError) as error:
                outcome.error = f"{type(error).__name__}: {error}"
            outcome.client, outcome.ended = client.received, client.ended
        while not self.origin.has_no_connection():
            outcome.origin.append(b"(a connection that nobody expected)")
        return outcome

    def answer_until(self, client, answers, outcome):
        """Plays the origin until the client has so many final heads, or has been cut off."""
        deadline = Deadline()
        while len(FINAL.findall(client.received)) < answers and not client.ended:
            watched = [self.origin.listener, client.socket]
            ready, _, _ = select.select(watched, [], [], deadline.left("an answer"))
            if self.origin.listener in ready:
                self.answer(outcome)
            elif client.socket in ready:
                client.fill(deadline, "an answer")

    def answer(self, outcome):
        """Takes the origin's connection and answers one request on it."""
        connection = self.origin.accept()
        try:
            connection.request()
            connection.respond(b"ok", fields=["Connection: close"])
            connection.recv_all()
            outcome.origin.append(self.masked(connection.received))
        except Ended:  # the gate ended it before the request was complete
            outcome.cut.append(self.masked(connection.received))
        except AssertionError as error:
            outcome.error = f"{connection.received!r}: {error}"
        connection.close()

    # --- Responses ------------------------------------------------------------------------------

    def play_response(self, case, number, piece=None):
        """The origin sends the case's bytes at once, or in pieces of so many bytes."""
        outcome, piece = Outcome(), piece or len(case.sent) or 1
        head = [f"{case.method} /{number} HTTP/{case.version}", "Host: a.test", *case.fields]
        if not any(line.startswith("Connection") for line in case.fields):
            head.append("Connection: close")
        with self.gate.client() as client:
            try:
                client.send("\r\n".join(head).encode("latin-1") + b"\r\n\r\n")
                connection = self.origin.accept()
                connection.request()
                for at in range(0, len(case.sent), piece):
                    connection.send_as_far_as_taken(case.sent[at : at + piece])
                if case.closes:
                    connection.finish()
                client.recv_all()
                outcome.client, outcome.ended = client.received, client.ended
                if case.late:  # the exchange is over; the connection waits for another one
                    connection.send_as_far_as_taken(case.late)
                self.find_reuse(connection, outcome)
            except (Ended, TimeoutError, AssertionError) as error:
                outcome.error = f"{type(error).__name__}: {error}"
                outcome.client, outcome.ended = client.received, client.ended
        return outcome

    def find_reuse(self, connection, outcome):
        """Where the next request goes: to the same connection of the origin, or to another one."""
        with self.gate.client() as client:
            client.send(NEXT)
            deadline, follower = Deadline(), None
            while follower is None:
                watched = [self.origin.listener] + ([] if connection.ended else [connection.socket])
                ready, _, _ = select.select(watched, [], [], deadline.left("the next request"))
                if self.origin.listener in ready:
                    follower = self.origin.accept()
                elif connection.fill(deadline, "the next request"):
                    follower = connection
            outcome.reused = follower is connection
            follower.request()
            follower.respond(b"next", fields=["Connection: close"])
            assert client.response().body == b"next", "the next exchange was spoilt"
            follower.close()
            if not outcome.reused:
                connection.recv_all()  # it has been ended
                connection.close()

    # --- All of them ----------------------------------------------------------------------------

    def find_reasons(self, log, cases, outcomes):
        """The reasons of each outcome, found in the log by the ids of its answers. As many as there
        are to be are waited for."""
        owners = {id: outcome for outcome in outcomes for id in outcome.ids}
        missing = [(case, outcome) for case, outcome in zip(cases, outcomes) if case.reasons]
        deadline = Deadline()
        while True:
            for outcome in outcomes:
                outcome.reasons = []
            for record in log.records():
                if record.get("id") in owners and record.get("reason"):
                    owners[record["id"]].reasons.append(record["reason"])
            missing = [(c, o) for c, o in missing if o.ids and len(o.reasons) < len(c.reasons)]
            if not missing or deadline.has_passed():
                return
            select.select([], [], [], 0.05)
