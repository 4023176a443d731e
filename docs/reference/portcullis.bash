# bash completion for portcullis: source it, or put it into
# /usr/share/bash-completion/completions/portcullis
_portcullis_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
}
_portcullis() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local words= options=
  COMPREPLY=()
  if [ "$word" = = ]; then
    word=
  elif [ "$previous" = = ]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  case $previous in
    -c|--config|--pid-file) _portcullis_files -f; return;;
    --state) _portcullis_files -d; return;;
    -s) words='reload quit stop';;
    --log-level) words='error warn info debug';;
    --method) words='GET HEAD POST PUT DELETE OPTIONS PATCH';;
    --reference) words='directives codes reasons commands';;
    --man) words='1 5';;
    --to|--listen|--host|--from|--header|--on|--repeat|--load-seconds) return;;
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$word")); return
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W 'run check reload stop upgrade status certs fmt show explain exclude whatif waf help completion version --to --listen --host --shadow --print-config --config --state --version --help -c -t -T -s -v -h' -- "$word")); return
  fi
  case ${COMP_WORDS[1]} in
    run) options='-c --config --state --storage --pid-file --log-level --load-seconds --help';;
    check) options='-c --config --json --dump --help';;
    reload) options='--state --help';;
    stop) options='--now --state --help';;
    upgrade) options='--state --help';;
    status) options='--json --state --help';;
    certs) options='--json --state --storage --help';;
    fmt) options='-w --write --help';;
    show) options='-c --config --json --help';;
    explain) options='-c --config --json --from --method -H --header --data --on --ja4 --h2 --phases --state --help';;
    exclude) options='--for --because --rule --broad --everywhere --yes --print -c --config --from --state --help';;
    whatif) options='-c --config --since --from --requests --samples --json --state --help';;
    waf) options='--rules --paranoia --set --response --client --from --repeat --json --proxy --remember --help';;
    help) options='--reference --man --help';;
    completion) options='--help';;
    version) options='--json --help';;
    *) options='-c --config --state --to --listen --host --shadow --print-config';;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")); return;;
  esac
  case ${COMP_WORDS[1]} in
    check|fmt|-t|-T) _portcullis_files -f;;
    show) COMPREPLY=($(compgen -W 'routes effective' -- "$word"));;
    completion) COMPREPLY=($(compgen -W bash -- "$word"));;
    help) COMPREPLY=($(compgen -W '
listen
trust
site
extend
on
use
route
when
priority
to
slashes
origin
server
queue
keep-alive
http2
proxy-protocol
tls
name
ca
pin
cert
key
verify
min
redirect
respond
allow
deny
list
auth
crl
depth
ocsp
strict
acme
directory
contact
eab
challenge
dns
staging
must-staple
profile
issuer
headers
request
set
add
remove
via
timeout
connect
head
idle
send
total
header
limits
body
body-rate
fields
line
target
connections
connections-per-client
requests-per-connection
streams
h2-budget
fibers
buffered
held
ciphers
groups
early-data
hsts
waf
rules
paranoia
threshold
exclude
shadow
inspect
response
budget
include
defaults
policy
workers
user
drain
log
recent
resolver
metrics
admin
E0101
E0102
E0103
E0104
E0105
E0106
E0107
E0108
E0109
E0110
E0111
E0201
E0202
E0203
E0204
E0205
E0206
E0301
E0303
E0304
E0305
E0306
E0401
E0402
E0403
E0404
E0405
E0406
E0407
E0408
E0409
E0410
E0411
E0412
E0414
E0416
E0501
E0502
E0503
E0504
E0601
E0602
W0701
W0702
W0703
W0704
W0705
W0706
W0707
W0708
W0709
W0710
W0711
W0712
W0713
access.deny
access.h2
access.ja4
access.method
answer.too-large
auth.mtls
auth.revoked
auth.status
client.closed
client.gone
grpc.deadline
grpc.timeout
h1.bare-cr
h1.bare-lf
h1.body-forbidden
h1.chunk
h1.connection
h1.content-length
h1.control
h1.expect
h1.field-count
h1.field-name
h1.head
h1.head-length
h1.host
h1.host-differs
h1.length-required
h1.line-length
h1.method
h1.nul
h1.obs-fold
h1.scheme-differs
h1.space-before-colon
h1.status
h1.status-line
h1.switch
h1.target
h1.target-length
h1.transfer-encoding
h1.two-lengths
h1.version
h2.abuse-address
h2.abuse-data
h2.abuse-frames
h2.abuse-heads
h2.abuse-resets
h2.abuse-shunned
h2.connection-field
h2.content-length
h2.field-count
h2.field-length
h2.field-name
h2.field-value
h2.head-length
h2.interim
h2.protocol
h2.protocol-error
h2.pseudo-field
h2.status
h2.trailers
headers.value
limits.body
limits.body-rate
limits.held
limits.buffered
limits.connections
limits.connections-per-client
limits.fibers
limits.fields
method.connect
method.trace
origin.queue-full
origin.queue-timeout
proxy-protocol.malformed
proxy-protocol.untrusted
request.too-large
resources.descriptors
resources.memory
response.too-large
route.nothing
route.undecided
site.unknown
timeout.body
timeout.header
timeout.send
timeout.total
tls.early-data
tls.handshake
tls.malformed
tls.no-certificate
tls.no-proof
tls.other-site
tls.timeout
tls.unknown-name
tunnel.idle
upstream.body
upstream.chunk
upstream.closed
upstream.connect
upstream.connect-timeout
upstream.flood
upstream.head-length
upstream.head-timeout
upstream.http2
upstream.idle
upstream.interim
upstream.name
upstream.reset
upstream.send-timeout
upstream.tls.alpn
upstream.tls.client-certificate
upstream.tls.closed
upstream.tls.expired
upstream.tls.handshake
upstream.tls.name
upstream.tls.not-yet-valid
upstream.tls.pin
upstream.tls.protocol
upstream.tls.timeout
upstream.tls.untrusted
upstream.truncated
uri.above-root
uri.asterisk
uri.authority
uri.backslash
uri.control
uri.dot-parameters
uri.double-encoding
uri.encoded-slash
uri.escape
uri.nul
uri.overlong
uri.path
uri.scheme
uri.target
uri.two-routes
uri.userinfo
waf.body
waf.budget
waf.dos
waf.fixation
waf.injection
waf.java
waf.leak
waf.lfi
waf.php
waf.protocol
waf.rce
waf.reputation
waf.rfi
waf.rule
waf.scanner
waf.sqli
waf.xss
websocket.accept
websocket.handshake
websocket.version
worker.ending
run
check
reload
stop
upgrade
status
certs
fmt
show
explain
exclude
whatif
waf
help
completion
version' -- "$word"));;
  esac
}
complete -F _portcullis portcullis
