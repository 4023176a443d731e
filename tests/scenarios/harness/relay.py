#!/usr/bin/python3
"""The smallest thing that the harness can take for the proxy: a relay of bytes with the program's
command line. It exists so that the harness itself is tested. It understands no HTTP.

relay.py run -c FILE --state DIR      the file says: listen HOST:PORT, to HOST:PORT, and for the
                                      tests of the harness: exit N, report, orphan
relay.py status --json --state DIR"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(listener, to):
    while True:
        client, _ = listener.accept()
        upstream = socket.create_connection(to)
        for pair in ((client, upstream), (upstream, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def run(config_path, state):
    with open(config_path) as file:
        words = [line.split() for line in file if line.strip()]
    config = {line[0]: line[1:] for line in words}
    host, _, port = config["to"][0].rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    os.makedirs(state, exist_ok=True)
    with open(os.path.join(state, "status.json"), "w") as file:
        address = "%s:%d" % listener.getsockname()
        json.dump({"listeners": [{"address": address}], "workers": [{"pid": os.getpid()}]}, file)
    if "report" in config:
        print("ERROR: AddressSanitizer: heap-use-after-free", file=sys.stderr, flush=True)
    if "orphan" in config:
        subprocess.Popen(["/bin/sleep", "60"])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(int(config.get("exit", ["0"])[0])))
    threading.Thread(target=serve, args=(listener, (host, int(port))), daemon=True).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1\nSTATUS=relaying", os.environ["NOTIFY_SOCKET"])
    while True:
        signal.pause()


def main(arguments):
    options = dict(zip(arguments[1:], arguments[2:]))
    if arguments[0] == "run":
        run(options["-c"], options["--state"])
    elif arguments[0] == "status":
        with open(os.path.join(options["--state"], "status.json")) as file:
            print(file.read())
    else:
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
