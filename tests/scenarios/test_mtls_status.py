"""Whether a client's certificate is still good: its issuer is asked (OCSP), once for all workers."""

import concurrent.futures
import ssl
import subprocess

import pytest
from harness import tls
from harness.deadline import eventually
from harness.gate import binary_path
from harness.identities import Authority
from harness.ocsp import OcspResponder

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def clients(tmp_path):
    tmp_path.chmod(0o755)
    authority = Authority("Clients")
    authority.write(tmp_path, "clients")
    Authority("Servers").issue("a.test", "b.test").write(tmp_path, "site")
    return authority


@pytest.fixture
def responder(clients):
    made = OcspResponder(clients)
    yield made
    made.close()


@pytest.fixture
def serve(gate, origin, clients, tmp_path):
    def start(ocsp, more="", workers=1):
        origin.serve()
        g = gate(
            f"""
workers {workers}
            listen 127.0.0.1:0 tls
            defaults {{ tls @folder/site.pem @folder/site.key }}
            site a.test {{ to @origin; auth mtls @folder/clients.pem {{ {ocsp} }} }}
            {more}
            """,
            folder=tmp_path,
            origin=origin,
        )
        g.tls_address = g.addresses()[1]
        return g

    return start


@pytest.fixture
def save(tmp_path):
    def write(identity, name="client"):
        identity.write(tmp_path, name)
        return identity

    return write


def ask(g, identity, path="/", name="a.test", version=None, session=None):
    how = tls.context(certificate=identity, versions=(version, version))
    with tls.TlsClient(g.tls_address, how, name, session=session) as client:
        return client.get(path, host=name).status


def refusal(g, path):
    return g.security_log.wait_for(lambda r: r.get("uri") == path)


@pytest.mark.parametrize("version", [V12, V13])
def test_one_answer_serves_all_workers_and_the_next_generation(serve, save, responder, version):
    client = save(responder.issue("alice.test", subject="Alice"))
    g = serve("ocsp hard", workers=2)
    for _ in range(8):  # each a handshake of its own, with either worker
        assert ask(g, client, version=version) == 200
    record = g.requests_log.wait_for(lambda r: r["status"] == 200)
    assert (record["client_certificate"], record["client_status"]) == ("CN=Alice", "good")
    g.reload()
    assert ask(g, client, version=version) == 200
    assert responder.asked == [client.certificate.serial_number]


def test_requests_at_once_ask_once(serve, save, responder):
    client = save(responder.issue("a"))
    g = serve("ocsp hard", workers=2)
    responder.holds.clear()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, g, client) for _ in range(6)]
        eventually(lambda: responder.asked, "the question")
        responder.holds.set()
        assert [one.result() for one in asked] == [200] * 6
    assert len(responder.asked) == 1


def test_a_certificate_that_was_taken_back_is_refused(serve, save, responder):
    client = save(responder.issue("x", subject="Mallory"))
    responder.states[client.certificate.serial_number] = "revoked"
    for mode in ("soft", "hard"):
        g = serve(f"ocsp {mode}")
        assert ask(g, client, f"/{mode}") == 403
        record = refusal(g, f"/{mode}")
        assert (record["reason"], record["fault"], record["status"]) == ("auth.revoked", "policy", 403)
        assert "has taken the client's certificate back: CN=Mallory, serial " in record["text"]
        assert "(keyCompromise)" in record["text"]
        assert "portcullis.conf:" in record["where"]


def stranger():
    return Authority("Clients")  # the same name, another key


def spoil_unknown(responder, client):
    responder.states[client.certificate.serial_number] = "unknown"


def spoil_end(responder, client):
    responder.minutes = (-90, -30)


def spoil_begin(responder, client):
    responder.minutes = (30, 90)


def spoil_signer(responder, client):
    responder.signer = stranger()


def spoil_delegate(responder, client):
    responder.signer = responder.authority.issue("other", subject="Other", usage="client")


def spoil_about(responder, client):
    responder.about = responder.authority.issue("other")


def spoil_status(responder, client):
    responder.broken = (503, b"busy")


def spoil_form(responder, client):
    responder.broken = (200, b"<html>")


def spoil_port(responder, client):
    responder.server.shutdown()
    responder.server.server_close()


SPOILT = {
    "unknown": (spoil_unknown, "it does not know the certificate"),
    "over": (spoil_end, "it is out of date"),
    "early": (spoil_begin, "it is from the future"),
    "stranger": (spoil_signer, "its signature is not the issuer's"),
    "delegate": (spoil_delegate, "its signature is not the issuer's"),
    "other": (spoil_about, "it is about another certificate"),
    "busy": (spoil_status, "it answers with status 503"),
    "html": (spoil_form, "it is not an OCSP response"),
    "closed": (spoil_port, "onnect"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_says_nothing_of_use_lets_in_softly_only(serve, save, responder, name):
    spoil, words = SPOILT[name]
    client = save(responder.issue("x", subject="Bob"))
    spoil(responder, client)
    g = serve("ocsp hard", "site b.test { to @origin; auth mtls @folder/clients.pem { ocsp soft } }")
    assert ask(g, client, "/hard") == 403
    assert ask(g, client, "/soft", "b.test") == 200
    record = refusal(g, "/hard")
    assert (record["reason"], record["fault"]) == ("auth.status", "policy")
    assert "nobody says whether the client's certificate is still good: CN=Bob" in record["text"]
    assert words in record["text"]
    let_in = g.requests_log.wait_for(lambda r: r.get("uri") == "/soft")
    assert let_in["client_status"] == "unknown"
    g.wait_stderr(r"the status of the client certificate CN=Bob, serial \w+ is not known: ")
    assert len(responder.asked) == (name != "closed"), "nobody asks again at once"


def test_a_responder_that_the_issuer_has_named_may_sign(serve, save, responder):
    responder.signer = responder.authority.issue("status", subject="Status", usage="ocsp")
    client = save(responder.issue("x"))
    assert ask(serve("ocsp hard"), client) == 200


def test_an_answer_without_an_end_counts(serve, save, responder):
    responder.minutes = (-5, None)
    assert ask(serve("ocsp hard"), save(responder.issue("x"))) == 200


def test_another_responder_is_asked_where_one_is_written(serve, save, responder, clients):
    client = save(clients.issue("x", subject="Carol"))
    responder.known.append(client)
    g = serve(
        f"ocsp hard {responder.url}",
        "site b.test { to @origin; auth mtls @folder/clients.pem { ocsp hard } }",
    )
    assert ask(g, client) == 200
    assert ask(g, client, "/none", "b.test") == 403
    assert "names no responder to ask" in refusal(g, "/none")["text"]
    assert len(responder.asked) == 1


def test_a_responder_that_hangs_holds_nobody_for_long(serve, save, responder):
    client, other = save(responder.issue("x")), save(responder.issue("y"), "other")
    g = serve("ocsp hard", "site b.test { to @origin; auth mtls @folder/clients.pem { ocsp soft } }")
    responder.holds.clear()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        hard, soft = pool.submit(ask, g, client, "/hard"), pool.submit(ask, g, other, "/", "b.test")
        eventually(lambda: len(responder.asked) == 2, "both questions")
        assert (hard.result(), soft.result()) == (403, 200)
    assert refusal(g, "/hard")["reason"] == "auth.status"


def test_questions_survive_the_one_who_answers_them(serve, save, responder):
    client = save(responder.issue("x"))
    g = serve("ocsp hard")
    g.kill(*g.members("pc-certifier"))
    assert ask(g, client) == 200


def test_who_dies_with_a_question_leaves_it_to_the_next(serve, save, responder):
    client = save(responder.issue("x"))
    g = serve("ocsp hard")
    responder.holds.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, g, client)
        eventually(lambda: responder.asked, "the question")
        g.kill(*g.members("pc-certifier"))
        responder.holds.set()
        assert asked.result() == 200
    assert len(responder.asked) == 2


def test_sessions_are_not_resumed(serve, save, responder):
    client = save(responder.issue("x"))
    g = serve("ocsp hard")
    for version in (V12, V13):
        how = tls.context(certificate=client, versions=(version, version))
        with tls.TlsClient(g.tls_address, how, "a.test") as first:
            assert first.get("/", host="a.test").status == 200
            session = first.socket.session
        assert not session or not session.has_ticket
        with tls.TlsClient(g.tls_address, how, "a.test", session=session) as second:
            assert second.get("/", host="a.test").status == 200
            assert not second.socket.session_reused


@pytest.mark.parametrize(
    "written, words",
    [
        ("ocsp", "'ocsp' needs one of off|soft|hard"),
        ("ocsp maybe", "'ocsp' expects off, soft or hard"),
        ("ocsp off http://x/", "nothing behind 'off'"),
        ("ocsp hard ftp://x/", "the responder's URL, http:// or https://"),
        ("ocsp hard http://", "the responder's URL, http:// or https://"),
        ("} ; route /x { auth mtls @/clients.pem { ocsp soft }", "'ocsp' soft and off"),
        ("ocsp hard } ; route /x { auth mtls @/clients.pem { ocsp hard http://x/ }", "'ocsp' with two responders"),
    ],
)
def test_what_is_written_wrongly_is_told(clients, tmp_path, written, words):
    config = tmp_path / "wrong.conf"
    config.write_text(
        f"listen 127.0.0.1:0 tls\nsite a.test {{ tls {tmp_path}/site.pem {tmp_path}/site.key\n"
        f"to 127.0.0.1:1\nauth mtls {tmp_path}/clients.pem {{ {written.replace('@', str(tmp_path))} }} }}\n"
    )
    told = subprocess.run([binary_path(), "check", "-c", config], capture_output=True, text=True)
    assert told.returncode == 1 and words in told.stdout + told.stderr, told.stderr
