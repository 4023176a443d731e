/* The stable codes of configuration errors and warnings: one row here is the whole truth about a
 * code; `help E0407` and the reference print it. E01 the text, E02 directives, E03 arguments,
 * E04 meaning, E05 files and environment, E06 what would be unsafe; W07 warnings. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* X(kind, number, title, explanation, a file that shows it, the same file mended); a test loads
 * both. */
#define DIAGNOSTIC_CODES(X)                                                                        \
    X(E, 101, "character that may not stand here",                                                 \
      "A configuration is UTF-8 text without control characters. Retype what was "                 \
      "pasted.",                                                                                   \
      "listen :80\nsite a.example { respond 200 \001 }",                                           \
      "listen :80\nsite a.example { respond 200 }")                                                \
    X(E, 102, "block without an end",                                                              \
      "A '{' has no matching '}'. The place is guessed from the indentation of the "               \
      "lines.",                                                                                    \
      "listen :80\nsite a.example {\n  route /x/* {\n    to 127.0.0.1:3000\n}",                    \
      "listen :80\nsite a.example {\n  route /x/* {\n    to 127.0.0.1:3000\n  }\n}")               \
    X(E, 103, "'{' without white space",                                                           \
      "A block is opened by '{' with white space on both sides; '{' directly "                     \
      "followed by a letter is a variable such as {client.ip}. `portcullis fmt` "                  \
      "mends it.",                                                                                 \
      "listen :80\nsite a.example{ to 127.0.0.1:3000 }",                                           \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 104, "'{' on a line of its own",                                                          \
      "The '{' stands on the same line as its directive. `portcullis fmt` mends it.",              \
      "listen :80\nsite a.example\n{\n  to 127.0.0.1:3000\n}",                                     \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n}")                                      \
    X(E, 105, "'}' without a block", "There is no open block that this '}' could close.",          \
      "listen :80\nsite a.example { to 127.0.0.1:3000 } }",                                        \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 106, "quotation without an end",                                                          \
      "A \"string\" ends on its own line; a `raw text` ends at the next '`'.",                     \
      "listen :80\nsite a.example {\n  respond 200 \"hello\n}",                                    \
      "listen :80\nsite a.example {\n  respond 200 \"hello\"\n}")                                  \
    X(E, 107, "unknown escape in a string",                                                        \
      "Strings know \\\" \\\\ \\n \\t \\{ and \\u{1F512}. Write a regular "                        \
      "expression between backticks, where nothing is escaped.",                                   \
      "listen :80\nsite a.example {\n  route ~ \"^/\\d+$\" { respond 200 }\n}",                    \
      "listen :80\nsite a.example {\n  route ~ `^/\\d+$` { respond 200 }\n}")                      \
    X(E, 108, "variable that cannot be read",                                                      \
      "A run-time variable is {name}; a load-time reference is ${env:NAME}, "                      \
      "${env:NAME:-default}, ${file:/path} or ${cred:name}. Quote the word when a "                \
      "'{' is meant literally: \"\\{\".",                                                          \
      "listen :80\nsite a.example {\n  redirect https://{hots}{uri}\n}",                           \
      "listen :80\nsite a.example {\n  redirect https://{host}{uri}\n}")                           \
    X(E, 109, "words that touch", "Between two words, strings or raw texts stands white space.",   \
      "listen :80\nsite a.example {\n  respond 200\"hello\"\n}",                                   \
      "listen :80\nsite a.example {\n  respond 200 \"hello\"\n}")                                  \
    X(E, 110, "too deep or too many",                                                              \
      "Blocks nest at most 16 deep, a statement has at most 65536 arguments, "                     \
      "includes nest at most 16 deep and bring at most 20000 files. Split a long "                 \
      "list into several statements.",                                                             \
      "a { a { a { a { a { a { a { a { a { a { a { a { a { a { a { a { a {\n} } } "                \
      "} } } } } } } } } } } } } }",                                                               \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 111, "statement that does not begin with a name",                                         \
      "A statement begins with the name of a directive: a letter, then letters, "                  \
      "digits, '-' or '_'.",                                                                       \
      "listen :80\n\"site\" a.example { to 127.0.0.1:3000 }",                                      \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 201, "unknown directive",                                                                 \
      "No directive has this name. The message offers the nearest one.",                           \
      "listen :80\nsight a.example { to 127.0.0.1:3000 }",                                         \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 202, "directive in the wrong place",                                                      \
      "The directive exists, but not in this block; the message says where it "                    \
      "belongs.",                                                                                  \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  workers 4\n}",                         \
      "listen :80\nworkers 4\nsite a.example { to 127.0.0.1:3000 }")                               \
    X(E, 203, "setting written twice",                                                             \
      "A setting that has one value is written once in a block. Text order never "                 \
      "decides.",                                                                                  \
      "listen :80\nworkers 2\nworkers 4\nsite a.example { to 127.0.0.1:3000 }",                    \
      "listen :80\nworkers 4\nsite a.example { to 127.0.0.1:3000 }")                               \
    X(E, 204, "not built yet",                                                                     \
      "The word belongs to the language, but this version does not have its "                      \
      "feature. It is an error, so that nobody relies on a protection that is not "                \
      "there.",                                                                                    \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  bots block\n}",                        \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 205, "block is missing", "The directive needs a block.", "listen :80\nsite a.example",    \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 206, "block that does not belong here", "The directive takes no block.",                  \
      "listen :80\nworkers 4 { }\nsite a.example { to 127.0.0.1:3000 }",                           \
      "listen :80\nworkers 4\nsite a.example { to 127.0.0.1:3000 }")                               \
    X(E, 301, "argument is missing",                                                               \
      "The directive needs more arguments; the message shows how it is written.",                  \
      "listen :80\nuser\nsite a.example { to 127.0.0.1:3000 }",                                    \
      "listen :80\nuser www-data\nsite a.example { to 127.0.0.1:3000 }")                           \
    X(E, 303, "unexpected argument", "The directive does not take this argument.",                 \
      "listen :80\norigin app { server 10.0.0.1:80 wieght 3 }\nsite a.example { to "               \
      "app }",                                                                                     \
      "listen :80\norigin app { server 10.0.0.1:80 weight 3 }\nsite a.example { to "               \
      "app }")                                                                                     \
    X(E, 304, "argument of the wrong kind",                                                        \
      "The value is not what the directive expects. Durations, sizes and rates "                   \
      "always carry a unit.",                                                                      \
      "listen :80\ndrain 60\nsite a.example { to 127.0.0.1:3000 }",                                \
      "listen :80\ndrain 60s\nsite a.example { to 127.0.0.1:3000 }")                               \
    X(E, 305, "value out of range",                                                                \
      "The value is below or above what is sensible or possible; the message says "                \
      "what is allowed.",                                                                          \
      "listen :80\nworkers 100000\nsite a.example { to 127.0.0.1:3000 }",                          \
      "listen :80\nworkers auto\nsite a.example { to 127.0.0.1:3000 }")                            \
    X(E, 306, "not one of the choices", "The word is none of those the directive knows.",          \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  slashes forbid\n}",                    \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  slashes refuse\n}")                    \
    X(E, 401, "name that is not defined",                                                          \
      "An origin, policy, list or site of this name is defined in no file.",                       \
      "listen :80\nsite a.example { to app }",                                                     \
      "listen :80\norigin app { server 10.0.0.1:80 }\nsite a.example { to app }")                  \
    X(E, 402, "origin address with a path",                                                        \
      "An origin is an address. The path of the request reaches it as it is; "                     \
      "'path' puts a prefix before it.",                                                           \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000/v1\n}",                                   \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000 path /v1\n}")                             \
    X(E, 403, "name defined twice",                                                                \
      "Names of origins, policies and lists are unique over all files.",                           \
      "listen :80\norigin app { server 10.0.0.1:80 }\norigin app { server "                        \
      "10.0.0.2:80 }\nsite a.example { to app }",                                                  \
      "listen :80\norigin app { server 10.0.0.1:80 10.0.0.2:80 }\nsite a.example { "               \
      "to app }")                                                                                  \
    X(E, 404, "part is missing", "Something that is needed to work is written nowhere.",           \
      "listen :80\nsite a.example { }", "listen :80\nsite a.example { to 127.0.0.1:3000 }")        \
    X(E, 405, "host defined twice",                                                                \
      "Two sites have the same host on the same listener, and text order never "                   \
      "decides. Routes can be added to a site from another file with `extend site`.",              \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }\nsite a.example { route "                  \
      "/b/* { to 127.0.0.1:3001 } }",                                                              \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }\nextend site a.example { "                 \
      "route /b/* { to 127.0.0.1:3001 } }")                                                        \
    X(E, 406, "settings that contradict each other",                                               \
      "Two statements of the same block, or of two policies of one site, cannot "                  \
      "both be in force.",                                                                         \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  redirect "                             \
      "https://b.example{uri}\n}",                                                                 \
      "listen :80\nsite a.example {\n  redirect https://b.example{uri}\n}")                        \
    X(E, 407, "two routes match the same requests",                                                \
      "Routes are chosen by specificity: priority, then exact before prefix before "               \
      "extension before regular expression, then the longer text, then more "                      \
      "conditions. These two are equal, and text order never decides: merge them, "                \
      "add a 'when' condition, or say which wins with a priority.",                                \
      "listen :80\nsite a.example {\n  route ~ `^/a` { respond 200 }\n  route ~ "                  \
      "`^/ab` { respond 404 }\n}",                                                                 \
      "listen :80\nsite a.example {\n  route ~ `^/a` { respond 200 }\n  route ~ "                  \
      "`^/ab` priority 1 { respond 404 }\n}")                                                      \
    X(E, 408, "route pattern that cannot be used",                                                 \
      "A pattern is an exact path, a prefix /x/* (it matches /x too), an extension "               \
      "*.css, or a regular expression with '~'.",                                                  \
      "listen :80\nsite a.example {\n  route /x* { respond 200 }\n}",                              \
      "listen :80\nsite a.example {\n  route /x/* { respond 200 }\n}")                             \
    X(E, 409, "regular expression that cannot be used",                                            \
      "The regular expression does not compile. Those that do are decided in time linear in the "  \
      "path, whatever they repeat.",                                                               \
      "listen :80\nsite a.example {\n  route ~ `^/(a|b` { respond 200 }\n}",                       \
      "listen :80\nsite a.example {\n  route ~ `^/(a|b)` { respond 200 }\n}")                      \
    X(E, 410, "route that is never reached",                                                       \
      "Another route of higher priority matches everything that this one matches.",                \
      "listen :80\nsite a.example {\n  route /* priority 1 { respond 404 }\n  "                    \
      "route /api/* { respond 200 }\n}",                                                           \
      "listen :80\nsite a.example {\n  route /* { respond 404 }\n  route /api/* { "                \
      "respond 200 }\n}")                                                                          \
    X(E, 411, "no listener",                                                                       \
      "No address is written on which the sites are served. Certificates are not "                 \
      "built yet, so nothing listens on its own.",                                                 \
      "site a.example { to 127.0.0.1:3000 }", "listen :80\nsite a.example { to 127.0.0.1:3000 }")  \
    X(E, 412, "address written twice", "The same address is listened on twice.",                   \
      "listen :80 :80\nsite a.example { to 127.0.0.1:3000 }",                                      \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 414, "site on an address that nobody listens on",                                         \
      "'on' chooses among the addresses of 'listen'.",                                             \
      "listen :80\nsite a.example { on :8081; to 127.0.0.1:3000 }",                                \
      "listen :80 :8081\nsite a.example { on :8081; to 127.0.0.1:3000 }")                          \
    X(E, 416, "site without a certificate",                                                        \
      "The site is served on a listener with TLS and has no certificate for it.",                  \
      "listen :443 tls\nsite a.example { to 127.0.0.1:3000 }",                                     \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(E, 501, "file that cannot be read", "The file is missing, unreadable or too large.",         \
      "listen :80\nlist office ip /does/not/exist.txt\nsite a.example { respond "                  \
      "200; deny list office }",                                                                   \
      "listen :80\nlist office ip 192.0.2.0/24\nsite a.example { respond 200; deny "               \
      "list office }")                                                                             \
    X(E, 502, "file that is included twice",                                                       \
      "A file is read once: it is included twice, or includes itself, directly or "                \
      "through others.",                                                                           \
      "include conf.d/*.conf\ninclude conf.d/a.conf", "include conf.d/*.conf")                     \
    X(E, 503, "value from outside that is not there",                                              \
      "The environment variable, file or credential of a ${...} does not exist.",                  \
      "listen :80\nuser ${env:NOBODY_HAS_SET_THIS}\nsite a.example { to "                          \
      "127.0.0.1:3000 }",                                                                          \
      "listen :80\nuser ${env:NOBODY_HAS_SET_THIS:-www-data}\nsite a.example { to "                \
      "127.0.0.1:3000 }")                                                                          \
    X(E, 504, "file with another content",                                                         \
      "The file can be read, and what is in it is not what is needed there.",                      \
      "listen :80\norigin app { server https://10.0.0.1; tls ca /etc/passwd }\nsite a.example { "  \
      "to app }",                                                                                  \
      "listen :80\norigin app { server https://10.0.0.1; tls ca system }\nsite a.example { "       \
      "to app }")                                                                                  \
    X(E, 601, "admin interface open to the network",                                               \
      "The admin interface can stop the proxy. Over TCP it listens on the loopback "               \
      "only.",                                                                                     \
      "listen :80\nadmin on 0.0.0.0:9443\nsite a.example { to 127.0.0.1:3000 }",                   \
      "listen :80\nadmin on 127.0.0.1:9443\nsite a.example { to 127.0.0.1:3000 }")                 \
    X(E, 602, "trust in everybody",                                                                \
      "Every client could choose its own address in X-Forwarded-For. When that is "                \
      "wanted it is written as a word: trust proxies any.",                                        \
      "listen :80\ntrust proxies 0.0.0.0/0\nsite a.example { to 127.0.0.1:3000 }",                 \
      "listen :80\ntrust proxies 10.0.0.0/8\nsite a.example { to 127.0.0.1:3000 }")                \
    X(W, 701, "secret in the text",                                                                \
      "A secret stands in the configuration itself. It belongs in a file, in the "                 \
      "environment or in a systemd credential. What is written is never shown.",                   \
      "password hunter2", "password ${cred:redis}")                                                \
    X(W, 702, "definition that nobody uses", "The origin, policy or list is never referred to.",   \
      "listen :80\norigin spare { server 10.0.0.9:80 }\nsite a.example { to "                      \
      "127.0.0.1:3000 }",                                                                          \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(W, 703, "include that matches nothing", "No file matches the pattern.",                      \
      "listen :80\ninclude does-not-exist/*.conf\nsite a.example { to "                            \
      "127.0.0.1:3000 }",                                                                          \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(W, 704, "'allow' without effect",                                                            \
      "Everything is allowed that nothing denies, so an 'allow' alone does nothing.",              \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  allow ip 192.0.2.0/24\n"               \
      "}",                                                                                         \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  allow ip 192.0.2.0/24\n"               \
      "  deny all\n}")                                                                             \
    X(W, 705, "TLS without proof",                                                                 \
      "With 'verify off' the servers of an origin do not have to prove who they are: whoever "     \
      "stands in between can read and change everything. Believing one certificate or one "        \
      "key costs no more: 'tls ca FILE', 'tls pin sha256/...'.",                                   \
      "listen :80\norigin app { server https://10.0.0.1; tls verify off }\nsite a.example { "      \
      "to app }",                                                                                  \
      "listen :80\norigin app { server https://10.0.0.1 }\nsite a.example { to app }")             \
    X(W, 706, "exclusion that has expired",                                                        \
      "Its last day is over: the rules look at everything again. Remove it, or decide anew until " \
      "when it holds.",                                                                            \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf off { exclude rule 942100 on "     \
      "/save until 2021-03-01 }\n}",                                                               \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf off { exclude rule 942100 on "     \
      "/save until 2099-03-01 }\n}")                                                               \
    X(W, 707, "directive of rules without effect",                                                 \
      "It was read and changes nothing: most often it speaks of a rule that there is not, or "     \
      "that comes later. Or a rule sets for every request what the level of waf, paranoia or "     \
      "threshold would. The place and the reason stand in the message. own.conf here ends in "     \
      "'SecRuleRemoveById 942999', and no rule has that number.",                                  \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf balanced { rules own.conf }\n}",   \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(W, 708, "private key that others may read",                                                  \
      "Everybody who is on this machine may read or replace the key of a certificate. The "        \
      "user who starts the program has to read it, nobody else.",                                  \
      "listen :443 tls\nsite a.example {\n  to 127.0.0.1:3000\n  tls a.pem a.key\n}",              \
      "listen :80\nsite a.example { to 127.0.0.1:3000 }")                                          \
    X(W, 709, "exclusion that leaves nothing out",                                                 \
      "None of the rules that judge here has that number or is of that class: the number is "      \
      "mistyped, or of another set of rules ('rules crs').",                                       \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf { exclude rule 942100 arg "        \
      "body }\n}",                                                                                 \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf { exclude rule 8103001 arg "       \
      "body }\n}")                                                                                 \
    X(W, 710, "shadow without a rule",                                                             \
      "None of the rules that judge here has that number, so none is kept from refusing: the "     \
      "number is mistyped, or of another set of rules ('rules crs').",                             \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf { shadow 942100 }\n}",             \
      "listen :80\nsite a.example {\n  to 127.0.0.1:3000\n  waf { shadow 8103001 }\n}")            \
    X(W, 711, "certificate that nobody is shown",                                                  \
      "None of the listeners speaks TLS, so the site is served by plain HTTP only, on port 443 "   \
      "too: 'tls' stands behind the address in 'listen'.",                                         \
      "listen :443\nsite a.example {\n  to 127.0.0.1:3000\n  tls local\n}",                        \
      "listen :443 tls\nsite a.example {\n  to 127.0.0.1:3000\n  tls local\n}")                    \
    X(W, 712, "certificate that does not count today",                                             \
      "It has ended, or it begins later, by the clock of this machine: whoever is shown it "       \
      "refuses it. A file that is renewed is presented without a reload.",                         \
      "listen :443 tls\nsite a.example {\n  to 127.0.0.1:3000\n  tls ended.pem ended.key\n}",      \
      "listen :443 tls\nsite a.example {\n  to 127.0.0.1:3000\n  tls renewed.pem renewed.key\n}")  \
    X(W, 713, "certificate for other names",                                                       \
      "None of the hosts of the site stands in the certificate, not even by a wildcard: clients "  \
      "refuse it. Files are mixed up, or a site inherits a certificate that is not for it.",       \
      "listen :443 tls\nsite a.example {\n  to 127.0.0.1:3000\n  tls b.pem b.key\n}",              \
      "listen :443 tls\nsite b.example {\n  to 127.0.0.1:3000\n  tls b.pem b.key\n}")

enum diagnostic_code {
#define DIAGNOSTIC_CODE_ENUM(letter, number, ...) letter##0##number = number,
    DIAGNOSTIC_CODES(DIAGNOSTIC_CODE_ENUM)
#undef DIAGNOSTIC_CODE_ENUM
};

struct code_description {
    enum diagnostic_code code;
    const char *name; /* "E0407" */
    const char *title, *explanation, *example, *mended;
};

extern const struct code_description code_descriptions[];
extern const size_t code_description_count;

static inline bool code_is_warning(enum diagnostic_code code)
{
    return code >= 700;
}
const struct code_description *code_describe(enum diagnostic_code code);
/* By "E0407" or "e0407"; NULL: no such code. */
const struct code_description *code_find(slice name);
