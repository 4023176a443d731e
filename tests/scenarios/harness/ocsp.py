"""A responder (RFC 6960) that says whatever a test wants, also what none should say."""

import datetime
import http.server
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from .identities import now

MINUTE = datetime.timedelta(minutes=1)
STATES = {
    "good": ocsp.OCSPCertStatus.GOOD,
    "revoked": ocsp.OCSPCertStatus.REVOKED,
    "unknown": ocsp.OCSPCertStatus.UNKNOWN,
}


class OcspResponder:
    """Answers for the authority. Of what is in its fields each answer is made anew."""

    def __init__(self, authority):
        self.authority = authority
        self.signer = authority  # who signs; not the authority: its certificate is in the answer
        self.states = {}  # of a serial number; "good" where there is none
        self.minutes = (-5, 60)  # this update, next update; None: it says none
        self.broken = None  # (status, body) instead of an answer
        self.about = None  # an identity that it speaks about, whatever it was asked
        self.holds = threading.Event()  # cleared: it does not answer
        self.holds.set()
        self.asked = []  # serial numbers
        self.known = []  # that it has issued
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                assert self.headers["content-type"] == "application/ocsp-request"
                body = self.rfile.read(int(self.headers["content-length"]))
                request = ocsp.load_der_ocsp_request(body)
                responder.asked.append(request.serial_number)
                responder.holds.wait()
                status, answer = responder.broken or (200, responder.answer(request))
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # whoever asked has gone

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/status"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        identity = self.about or self.find(request.serial_number)
        status = STATES[self.states.get(request.serial_number, "good")]
        is_revoked = status == ocsp.OCSPCertStatus.REVOKED
        this, following = self.minutes
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=identity.certificate,
            issuer=self.authority.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=now() + this * MINUTE,
            next_update=None if following is None else now() + following * MINUTE,
            revocation_time=now() - MINUTE if is_revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.signer.certificate)
        if self.signer is not self.authority:
            builder = builder.certificates([self.signer.certificate])
        response = builder.sign(self.signer.key, hashes.SHA256())
        return response.public_bytes(serialization.Encoding.DER)

    def issue(self, *names, **draft):
        """A client's certificate of the authority that names this responder."""
        identity = self.authority.issue(*names, responder=self.url, **draft)
        self.known.append(identity)
        return identity

    def find(self, serial):
        return next(i for i in self.known if i.certificate.serial_number == serial)

    def close(self):
        self.holds.set()
        self.server.shutdown()
        self.server.server_close()
