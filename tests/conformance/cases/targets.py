"""What is asked for: the forms of the target, its bytes, and the one spelling that every path has
(RFC 9112 §3.2, RFC 3986). /secret/* is denied: no spelling of it may slip past."""

from . import get, lines, passes, reached, refused

DENIED = "access.deny"


def path(sent, canonical, name=None):
    return passes(name or f"{sent} is {canonical}", "3986 §6.2.2", get(target=sent),
                  reached(f"GET {canonical}"))


def bad(name, target, reason, rfc="3986 §3.3", status=400):
    return refused(name, rfc, lines(b"GET " + (target if isinstance(target, bytes) else
                                               target.encode("latin-1")) + b" HTTP/1.1",
                                    "Host: a.test"), status, reason)


FORMS = [
    path("/", "/"),
    path("/a/b.html?x=1&y=2", "/a/b.html?x=1&y=2", "path and query"),
    path("/a?", "/a?", "an empty query stays"),
    path("/a??b=?/c", "/a??b=?/c", "question marks and slashes in a query"),
    path("/a?b=%20%2f%00c%41", "/a?b=%20%2f%00c%41", "a query goes on as it came"),
    path("/a?b=[1]", "/a?b=[1]", "brackets in a query"),
    path("/a?../../secret/", "/a?../../secret/", "dots in a query are no path"),
    passes("absolute form", "9112 §3.2.2", get(target="http://a.test/x?y"), reached("GET /x?y")),
    passes("absolute form without a path", "9112 §3.2.2", get(target="http://a.test"), reached("GET /")),
    passes("absolute form with a query and no path", "9112 §3.2.2", get(target="http://a.test?q"),
           reached("GET /?q")),
    passes("absolute form in other letters", "3986 §3.1", get(target="HTTP://A.TEST/x"), reached("GET /x")),
    refused("absolute form that names another host", "9112 §3.2.2", get(target="http://b.test/"), 400,
            "h1.host-differs"),
    refused("absolute form that names another port", "9112 §3.2.2", get(target="http://a.test:81/"), 400,
            "h1.host-differs"),
    refused("absolute form of https on a plain connection", "9110 §7.4", get(target="https://a.test/x"), 421,
            "h1.scheme-differs"),
    refused("absolute form that names the default port", "9112 §3.2.2", get(target="http://a.test:80/"), 400,
            "h1.host-differs"),
    refused("absolute form with a word for a port", "9110 §4.2.1", get(target="http://a.test:x/"), 400,
            "uri.authority"),
    refused("absolute form with port 0", "9110 §4.2.1", get(target="http://a.test:0/"), 400, "uri.authority"),
    refused("absolute form with an escaped host", "9110 §4.2.1", get(target="http://%61.test/"), 400,
            "uri.authority"),
    refused("absolute form with one slash", "9112 §3.2.2", get(target="http:/a.test/"), 400, "uri.target"),
    refused("a scheme alone", "9112 §3.2.2", get(target="http:"), 400, "uri.target"),
    passes("a path that looks like absolute form", "9112 §3.2.1", get(target="/http://b.test/"),
           reached("GET /http:/b.test/")),
    passes("absolute form with OPTIONS and no path", "9112 §3.2.4",
           get(target="http://a.test", method="OPTIONS"), reached("OPTIONS /")),
    refused("absolute form with user information", "9110 §4.2.4", get(target="http://u@a.test/"), 400,
            "uri.userinfo"),
    refused("absolute form without a host", "9112 §3.2.2", get(target="http:///x"), 400, "uri.authority"),
    refused("absolute form of another scheme", "9112 §3.2.2", get(target="ftp://a.test/x"), 400, "uri.scheme"),
    refused("absolute form of a file", "9112 §3.2.2", get(target="file:///etc/passwd"), 400, "uri.scheme"),
    refused("absolute form without Host", "9112 §3.2", lines("GET http://a.test/ HTTP/1.1"), 400, "h1.host"),
    passes("asterisk with OPTIONS", "9112 §3.2.4", get(target="*", method="OPTIONS"), reached("OPTIONS *")),
    refused("asterisk with GET", "9112 §3.2.4", get(target="*"), 400, "uri.asterisk"),
    refused("authority form with GET", "9112 §3.2.3", get(target="a.test:80"), 400, "uri.target"),
    bad("a path without its slash", "secret/x", "uri.target"),
    bad("a query alone", "?x", "uri.target"),
    bad("a fragment", "/a#b", "h1.target", "9112 §3.2"),
    bad("an empty fragment", "/a#", "h1.target", "9112 §3.2"),
    path("/a%23b", "/a%23b", "an encoded fragment stays encoded"),
    path("/a%3fb", "/a%3Fb", "an encoded question mark stays encoded"),
]

BYTES = [
    *[bad(f"a raw {name} in the target", b"/a" + byte + b"b", "h1.target", "9112 §3.2")
      for name, byte in [
          ("quote", b'"'), ("less-than", b"<"), ("greater-than", b">"), ("backslash", b"\\"),
          ("circumflex", b"^"), ("backquote", b"`"), ("brace", b"{"), ("closing brace", b"}"),
          ("bar", b"|"), ("tab", b"\t"), ("NUL", b"\0"), ("DEL", b"\x7f"), ("escape", b"\x1b"),
          ("UTF-8", b"\xc3\xa4"), ("Latin-1", b"\xe4"),
      ]],
    *[bad(f"the escape {escape}", f"/a{escape}/b", "uri.escape", "3986 §2.1")
      for escape in ["%", "%4", "%zz", "%4g", "%%41", "%u0041"]],
    bad("a malformed escape in the query", "/a?b=%zz", "uri.escape", "3986 §2.1"),
    bad("an encoded NUL", "/a%00b", "uri.nul"),
    bad("an encoded CR", "/a%0db", "uri.control"),
    bad("an encoded LF", "/a%0ab", "uri.control"),
    bad("an encoded tab", "/a%09b", "uri.control"),
    bad("an encoded DEL", "/a%7fb", "uri.control"),
    path("/a%41%7e%2D%5f%2e", "/aA~-_.", "unreserved bytes are not escaped"),
    path("/a%c3%a4", "/a%C3%A4", "escapes are in upper case"),
    path("/a%20b%22%3c%3e", "/a%20b%22%3C%3E", "what must be escaped stays so"),
    path("/a;b=c,d", "/a;b=c,d", "parameters stay"),
    path("/a:@!$&'()*+=", "/a:@!$&'()*+=", "sub-delimiters stay"),
    path("/%E4", "/%E4", "a Latin-1 escape stays"),
]

DOTS = [
    path("/a/./b", "/a/b"), path("/a/../b", "/b"), path("/a/b/..", "/a/"), path("/a/b/.", "/a/b/"),
    path("/a/%2e/b", "/a/b"), path("/a/%2e%2e/b", "/b"), path("/a/.%2E/b", "/b"), path("/a/%2e./b", "/b"),
    path("//a", "/a"), path("/a//b", "/a/b"), path("/a///b//", "/a/b/"), path("/a/..//b", "/b"),
    path("/a/...", "/a/..."), path("/.a/..b", "/.a/..b"), path("/./", "/"), path("/a/b/../../c", "/c"),
    bad("above the root", "/..", "uri.above-root"), bad("above the root and back", "/../a", "uri.above-root"),
    bad("far above the root", "/a/../../../etc/passwd", "uri.above-root"),
    bad("above the root, encoded", "/%2e%2e/a", "uri.above-root"),
    bad("an encoded slash", "/a%2fb", "uri.encoded-slash"), bad("an encoded slash in capitals", "/a%2Fb", "uri.encoded-slash"),
    bad("an encoded backslash", "/a%5cb", "uri.backslash"), bad("a traversal with encoded slashes", "/a/..%2fb", "uri.encoded-slash"),
    bad("a traversal with encoded backslashes", "/a/..%5c..%5cb", "uri.backslash"),
    bad("a dot segment with a parameter", "/a/..;/b", "uri.dot-parameters"),
    bad("a dot segment with a named parameter", "/a/..;x=1/b", "uri.dot-parameters"),
    bad("a single dot with a parameter", "/a/.;/b", "uri.dot-parameters"),
    bad("double encoding of a dot", "/a/%252e%252e/b", "uri.double-encoding"),
    bad("double encoding of a slash", "/a%252fb", "uri.double-encoding"),
    bad("double encoding of a backslash", "/a%255cb", "uri.double-encoding"),
    bad("double encoding of a NUL", "/a%2500b", "uri.double-encoding"),
    path("/a%2541", "/a%2541", "double encoding of a letter is harmless"),
    bad("an overlong slash", "/a%c0%afb", "uri.overlong"), bad("an overlong dot", "/a/%c0%ae%c0%ae/b", "uri.overlong"),
    bad("an overlong slash of three bytes", "/a%e0%80%afb", "uri.overlong"),
    bad("an overlong slash of five bytes", "/a%f8%80%80%80%afb", "uri.overlong"),
    bad("an overlong slash of six bytes", "/a%fc%80%80%80%80%afb", "uri.overlong"),
    bad("an overlong slash, half of it raw", b"/a%c0\xafb", "h1.target"),
    bad("a backslash in a query", "/a?b\\c", "h1.target"),
    bad("double encoding with an encoded digit", "/a/%252%65/b", "uri.double-encoding"),
    bad("an overlong backslash", "/a%c1%9cb", "uri.overlong"),
]

# Every way that is known to write /secret/x so that a rule for it might miss.
SPELLINGS = [
    "/secret/x", "/secret", "/secret/", "/secret?x", "//secret/x", "///secret/x", "/./secret/x",
    "/a/../secret/x", "/a/b/../../secret/x", "/secret//x", "/secret/./x", "/%73ecret/x", "/secre%74/x",
    "/%73%65%63%72%65%74/x", "/%2e/secret/x", "/a/%2e%2e/secret/x", "/a/.%2e/secret/x", "/.//secret/x",
    "/secret/%2e%2e/secret/x", "/a//../secret/x", "/secret;a=b/../secret/x", "/secret/x?y=/../",
    "http://a.test/secret/x", "http://a.test//secret/x", "HTTP://A.TEST/%73ecret", "http://a.test/a/../secret",
]
REFUSED_SPELLINGS = {
    "uri.encoded-slash": ["/a%2f../secret/x", "/a/..%2fsecret/x", "/%2fsecret/x", "/secret%2fx"],
    "uri.backslash": ["/secret%5cx", "/%5csecret/x"],
    "uri.dot-parameters": ["/..;/secret/x", "/a/..;/secret/x"],
    "uri.double-encoding": ["/%252e/secret/x", "/a/%252e%252e/secret/x", "/%252fsecret/x"],
    "uri.overlong": ["/secret%c0%afx", "/%e0%80%afsecret/x", "/a/%c0%ae%c0%ae/secret/x"],
    "uri.nul": ["/secret%00/x", "/secret/x%00.png"],
    "uri.control": ["/secret%09/x", "/secret%0a/x", "/secret%7f/x"],
    "uri.above-root": ["/../secret/x"],
    # some servers cut parameters off, and see /secret/x
    "uri.two-routes": ["/secret;a/x", "/secret;/x", "/secret;a=b", "/;/secret/x", "/;a=b/secret/x", 
                       "/secret%3ba/x", "/secret%3B/x", "/a/../secret;v=1.2/x", "/secret;/", "/public;a",
                       # and some decode twice
                       "/%2573ecret/x", "/secre%2574", "/a/../%25%37%33ecret/x", "/secret%253bx/y", "/%2573ecret;a/x"],
    "h1.target": ["/secret\\x", "/\\secret/x", "/a\\..\\secret/x"],
}
SECRETS = [
    *[refused(f"{spelling} is denied", "3986 §6", get(target=spelling), 403, DENIED, keeps=True)
      for spelling in SPELLINGS],
    *[refused(f"{spelling} is refused", "3986 §6", get(target=spelling), 400, reason)
      for reason, spellings in REFUSED_SPELLINGS.items() for spelling in spellings],
    path("/secrets", "/secrets", "/secrets is another path"),
    path("/Secret/x", "/Secret/x", "paths are case-sensitive"),
    path("/secret%20/x", "/secret%20/x", "a space makes another path"),
    path("/secret%5fx", "/secret_x", "an escaped underscore makes another path"),
    path("/a;b/secret", "/a;b/secret", "parameters that lead to no other route"),
    path("/secrets;a/x", "/secrets;a/x", "parameters of another path"),
    path("/a/secret/x", "/a/secret/x", "deeper is another path"),
]

LENGTHS = [
    passes("a target of 8 KB", "9110 §4.1", get(target="/" + "a" * 8191), reached("GET /" + "a" * 8191)),
    refused("a longer target", "9110 §15.5.15", get(target="/" + "a" * 8192), 414, "h1.target-length"),
    refused("a query makes it too long", "9110 §15.5.15", get(target="/?" + "a" * 8192), 414, "h1.target-length"),
    refused("a request line without end", "9110 §15.5.15", b"GET /" + b"a" * 70000, 414, "h1.target-length"),
]

CASES = FORMS + BYTES + DOTS + SECRETS + LENGTHS
