"""The harness of the black-box tests: raw bytes on both sides of the proxy, a deadline on every
wait, nothing left behind. Everybody chooses a port by binding port 0, and who cannot gets one from `ports`.

stream     bytes of one connection: read until, read exactly, how it ended
message    a strict reader of HTTP/1 messages, independent of the proxy's own
client     what a client does, good and bad
origin     a scripted origin server that keeps every byte it was sent
websocket  frames by hand
http2      frames by hand, and a connection that keeps all it was sent
http2_origin   an origin server that speaks it
tls        TLS connections, and records by hand
certificates  an authority for one run, and what it signs
ports      ports for programs that cannot choose one themselves
program    such a program
gate       the program under test: start, ask, reload, stop, and what it left
identities  certificates of all kinds, wrong ones and revoked ones too, made on the spot
records    its logs
metrics    its metrics, parsed strictly
"""
