"""Who is asked: exactly one Host, with the grammar of RFC 3986 §3.2 (RFC 9112 §3.2)."""

from . import get, lines, passes, reached, refused

BAD = "h1.host"


def host(sent, canonical, name=None):
    return passes(name or f"Host {sent}", "3986 §3.2.2", get(host=sent), reached(host=canonical))


GOOD = [
    host("a.test", "a.test"), host("A.TEST", "a.test"), host("a.test.", "a.test", "a trailing dot"),
    host("a.test:80", "a.test:80"), host("a.test:8080", "a.test:8080"), host("a.test:65535", "a.test:65535"),
    host("a.test:080", "a.test:80", "a port with a zero in front"),
    host("x.wild.test", "x.wild.test"), host("x-y.z0.wild.test", "x-y.z0.wild.test"),
    host("a_b.wild.test", "a_b.wild.test", "an underscore, as names in the wild have it"),
    host("192.0.2.7", "192.0.2.7"), host("192.0.2.7:81", "192.0.2.7:81"),
    host("localhost", "localhost"), host("x" * 63 + ".wild.test", "x" * 63 + ".wild.test", "a label of 63 bytes"),
    passes("no Host in HTTP/1.0", "9112 §3.2", lines("GET / HTTP/1.0"),
           lines("GET / HTTP/1.1", "Host: ORIGIN", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http",
                 "Forwarded: for=127.0.0.1;proto=http", "X-Real-IP: 127.0.0.1", "X-Request-ID: ID"), keeps=False),
    passes("absolute form in HTTP/1.0 without Host", "9112 §3.2.2", lines("GET http://a.test/x HTTP/1.0"),
           reached("GET /x"), keeps=False),
    host("0x.wild.test", "0x.wild.test", "a label that only begins like a number"),
    host("-a-.wild.test", "-a-.wild.test", "hyphens at the ends of a label"),
    host("xn--bcher-kva.wild.test", "xn--bcher-kva.wild.test", "an encoded international name"),
    passes("white space around Host", "9110 §5.5", lines("GET / HTTP/1.1", "Host:  \t a.test \t"), reached()),
    passes("Host in other letters", "9110 §5.1", lines("GET / HTTP/1.1", "hOST: a.test"), reached()),
    passes("Host behind other fields", "9110 §7.2", lines("GET / HTTP/1.1", "A: b", "Host: a.test"),
           reached(fields=["A: b"])),
]


def v6(sent, canonical, port=""):
    inside = f'"[{canonical}]{port}"'
    data = reached(host="@")
    data = data.replace(b"Host: @", f"Host: [{canonical}]{port}".encode())
    data = data.replace(b"host=@", f"host={inside}".encode())
    return passes(f"Host {sent}", "3986 §3.2.2", get(host=sent), data)


LITERALS = [
    v6("[2001:db8::7]", "2001:db8::7"), v6("[2001:DB8::7]", "2001:db8::7"),
    v6("[2001:db8:0:0:0:0:0:7]:81", "2001:db8::7", ":81"), v6("[::1]", "::1"), v6("[::ffff:192.0.2.7]", "::ffff:c000:207"),
]

REFUSED = [
    refused("no Host in HTTP/1.1", "9112 §3.2", lines("GET / HTTP/1.1"), 400, BAD),
    refused("two Hosts", "9112 §3.2", lines("GET / HTTP/1.1", "Host: a.test", "Host: b.test"), 400, BAD),
    refused("the same Host twice", "9112 §3.2", lines("GET / HTTP/1.1", "Host: a.test", "Host: a.test"), 400, BAD),
    refused("an empty Host", "9112 §3.2", get(host=""), 400, BAD),
    refused("an empty Host behind a good one", "9112 §3.2", lines("GET / HTTP/1.1", "Host: a.test", "Host:"), 400, BAD),
    refused("a folded Host", "9112 §5.2", lines("GET / HTTP/1.1", "Host: a.test", " b.test"), 400, "h1.obs-fold"),
    refused("a space before the colon", "9112 §5.1", lines("GET / HTTP/1.1", "Host : a.test"), 400,
            "h1.space-before-colon"),
    *[refused(f"Host {name}", "3986 §3.2", get(host=value), 400, BAD)
      for name, value in [
          ("with user information", "u@a.test"), ("with a password", "u:p@a.test"), ("with a path", "a.test/x"),
          ("with a query", "a.test?x"), ("with a fragment", "a.test#x"), ("with a backslash", "a.test\\x"),
          ("as a list", "a.test, b.test"), ("of two words", "a.test b.test"), ("with a scheme", "http://a.test"),
          ("with an escape", "a%2etest"), ("with an encoded NUL", "a.test%00"), ("with a quote", 'a.test"'),
          ("with an apostrophe", "a'.test"), ("with a brace", "a.test{"), ("with a bar", "a|test"),
          ("with a circumflex", "a^test"), ("with a backquote", "a`test"), ("with less-than", "a<test"),
          ("with a semicolon", "a.test;b"), ("with an exclamation mark", "a!.test"), ("with a dollar", "$a.test"),
          ("with an ampersand", "a&b.test"), ("with brackets", "(a).test"), ("with an asterisk", "*.wild.test"),
          ("with plus", "a+b.test"), ("with equals", "a=b.test"), ("with a tilde", "~a.test"),
          ("in UTF-8", "\xc3\xa4.test"), ("in Latin-1", "\xe4.test"),
          ("without a port behind its colon", "a.test:"), ("with a word for a port", "a.test:http"),
          ("with a sign before the port", "a.test:+80"), ("with a negative port", "a.test:-1"),
          ("with port 0", "a.test:0"), ("with port 65536", "a.test:65536"), ("with a port of 20 digits", "a.test:" + "1" * 20),
          ("with two ports", "a.test:80:80"), ("with a space before the port", "a.test :80"), ("of a colon", ":80"),
          ("of a dot", "."), ("of two dots", ".."), ("with a dot in front", ".a.test"), ("with two dots inside", "a..test"),
          ("with two dots behind", "a.test.."), ("of a label of 64 bytes", "x" * 64 + ".wild.test"),
          ("longer than 255 bytes", ".".join(["x" * 50] * 6)),
          ("that is almost an address", "1.2.3"), ("that is an address above 255", "1.2.3.256"),
          ("that ends in a hexadecimal number", "127.0.0.0x1"), ("of one hexadecimal number", "0x7f000001"),
          ("of 0x alone", "a.0x"),
          ("that is a number", "2130706433"), ("that is hexadecimal", "0x7f.0.0.1"), ("with octal parts", "0177.0.0.1"),
          ("of IPv6 without brackets", "2001:db8::7"), ("with one bracket", "[2001:db8::7"),
          ("with the other bracket", "2001:db8::7]"), ("with empty brackets", "[]"), ("with a name in brackets", "[a.test]"),
          ("with a zone", "[fe80::1%25eth0]"), ("of a future version", "[v1.x]"), ("with bytes behind the bracket", "[::1]x"),
          ("with nine groups", "[1:2:3:4:5:6:7:8:9]"), ("with two gaps", "[1::2::3]"), ("with a colon behind the bracket", "[::1]:"),
      ]],
    refused("Host with a tab inside", "3986 §3.2", get(host="a\ttest"), 400, BAD),
    refused("Host with a NUL", "9110 §5.5", get(host="a\0test"), 400, "h1.nul"),
    refused("Host with a bare CR", "9112 §2.2", get(host="a\rtest"), 400, "h1.bare-cr"),
]

CASES = GOOD + LITERALS + REFUSED
