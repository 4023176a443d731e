"""The pages that Portcullis writes itself: readable, the same for everybody, and silent about the inside."""

import html.parser
import json
import re

import pytest

CONFIG = """\
origin gone { server @gone; timeout connect 2s }
site known.example {
  to gone
  route /closed { deny all }
  route /get { allow method GET; respond 200 }
  route /small { limits { body 10B } }
}
site empty.example {
  route /here { respond 200 }
}
"""
CASES = [
    (400, b"GET /a%2fb HTTP/1.1\r\nHost: known.example\r\n", "could not understand"),
    (403, b"GET /closed HTTP/1.1\r\nHost: known.example\r\n", "not open to you"),
    (404, b"GET /other HTTP/1.1\r\nHost: empty.example\r\n", "nothing at this address"),
    (405, b"PUT /get HTTP/1.1\r\nHost: known.example\r\n", "requests of this kind"),
    (413, b"POST /small HTTP/1.1\r\nHost: known.example\r\nContent-Length: 11\r\n", "larger than"),
    (421, b"GET / HTTP/1.1\r\nHost: unknown.example\r\n", "does not serve the site"),
    (502, b"GET / HTTP/1.1\r\nHost: known.example\r\n", "does not answer as it should"),
]
INSIDE = re.compile(r"127\.0\.0\.1|gone|known\.example|portcullis|nginx|limits|access\.|upstream|/closed", re.I)
OUTSIDE = re.compile(r"https?:|src=|url\(|<link|<script|@import")


class Page(html.parser.HTMLParser):
    """Fails when tags do not nest; `text` is what a reader sees."""

    def __init__(self, source):
        super().__init__()
        self.open, self.text = [], {}
        self.feed(source)
        self.close()
        assert self.open == [], source

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


@pytest.fixture
def asking(gate, origin):
    gone = origin.address
    origin.stop_listening()
    it = gate(CONFIG, gone=gone)

    def ask(head, fields=b""):
        with it.client() as client:
            client.send(head + fields + b"\r\n")
            return client.response()

    ask.gate = it
    return ask


@pytest.mark.parametrize("status, head, sentence", CASES)
def test_page_can_be_read_and_tells_nothing_of_the_inside(asking, status, head, sentence):
    answer = asking(head, b"Accept: text/html,*/*;q=0.8\r\n")
    assert answer.status == status
    assert answer.get("content-type") == "text/html; charset=utf-8"
    source = answer.body.decode()
    page = Page(source)
    assert page.text["h1"].startswith(f"{status} ") and page.text["title"] == page.text["h1"]
    assert sentence in page.text["p"]
    assert "prefers-color-scheme:dark" in source
    shown = "".join(text for tag, text in page.text.items() if tag != "style")
    assert not INSIDE.search(shown) and not OUTSIDE.search(source)
    record = asking.gate.requests_log.wait(1)[0]
    assert page.text["code"] == record["id"] and record["status"] == status
    assert len(source) < 2048


@pytest.mark.parametrize("status, head", [case[:2] for case in CASES])
def test_program_gets_json_when_it_prefers_it(asking, status, head):
    answer = asking(head, b"Accept: application/json\r\n")
    assert (answer.status, answer.get("content-type")) == (status, "application/json")
    told = json.loads(answer.body)
    assert set(told) == {"status", "error", "request_id"} and told["status"] == status
    assert not INSIDE.search(answer.body.decode())
