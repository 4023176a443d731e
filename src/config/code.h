/* The stable codes of configuration errors and warnings: one row here is the whole truth about a
 * code; `help E0407` and the reference print it. E01 the text, E02 directives, E03 arguments,
 * E04 meaning, E05 files and environment, E06 what would be unsafe; W07 warnings. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

/* X(code, title, explanation, an example that shows it, how it is mended) */
#define DIAGNOSTIC_CODES(X)                                                                        \
    X(E, 101, "character that may not stand here",                                                 \
      "A configuration is UTF-8 text without control characters.", "site a.example { to \x01 }",   \
      "Remove the character; retype the line if it was pasted.")                                   \
    X(E, 102, "block without an end",                                                              \
      "A '{' has no matching '}'. The place is guessed from the indentation of the lines.",        \
      "site a.example {\n  route /x/* {\n    to 127.0.0.1:3000\n}", "Close every block with '}'.") \
    X(E, 103, "'{' without white space",                                                           \
      "A block is opened by '{' with white space on both sides; '{' directly followed by a "       \
      "letter "                                                                                    \
      "is a variable such as {client.ip}.",                                                        \
      "site a.example{ to 127.0.0.1:3000 }", "site a.example { to 127.0.0.1:3000 }")               \
    X(E, 104, "'{' on a line of its own", "The '{' stands on the same line as its directive.",     \
      "site a.example\n{\n  to 127.0.0.1:3000\n}", "site a.example {\n  to 127.0.0.1:3000\n}")     \
    X(E, 105, "'}' without a block", "There is no open block that this '}' could close.",          \
      "to 127.0.0.1:3000 }", "Remove it, or open the block.")                                      \
    X(E, 106, "quotation without an end",                                                          \
      "A \"string\" ends on its own line; a `raw text` ends at the next '`'.",                     \
      "respond 200 \"hello", "respond 200 \"hello\"")                                              \
    X(E, 107, "unknown escape in a string",                                                        \
      "Strings know \\\" \\\\ \\n \\t \\{ and \\u{1F512}. Write a regular expression between "     \
      "backticks, where nothing is escaped.",                                                      \
      "route ~ \"\\d+\" { to app }", "route ~ `\\d+` { to app }")                                  \
    X(E, 108, "variable that cannot be read",                                                      \
      "A run-time variable is {name}; a load-time reference is ${env:NAME}, "                      \
      "${env:NAME:-default}, "                                                                     \
      "${file:/path} or ${cred:name}. Quote the word when a '{' is meant literally.",              \
      "redirect https://{host", "redirect https://{host}{uri}")                                    \
    X(E, 109, "words that touch", "Between two words, strings or raw texts stands white space.",   \
      "respond 200\"hello\"", "respond 200 \"hello\"")                                             \
    X(E, 110, "too deep or too long",                                                              \
      "Blocks nest at most 16 deep, a statement has at most 65536 words, includes nest at most "   \
      "16 "                                                                                        \
      "deep, all files together are at most 256 MiB.",                                             \
      "a { b { c { ... } } }", "Split lists into files or several statements.")                    \
    X(E, 111, "statement that does not begin with a word",                                         \
      "A statement begins with the name of a directive: a letter, then letters, digits, '-' or "   \
      "'_'.",                                                                                      \
      "\"site\" a.example { }", "site a.example { }")                                              \
    X(E, 201, "unknown directive", "No directive has this name.", "sight a.example { }",           \
      "site a.example { }")                                                                        \
    X(E, 202, "directive in the wrong place",                                                      \
      "The directive exists, but not in this block; the message says where it belongs.",           \
      "workers 4 inside a site", "Move it to where it belongs.")                                   \
    X(E, 203, "directive written twice",                                                           \
      "A setting that has one value is written once in a block. Text order never decides.",        \
      "workers 2\nworkers 4", "workers 4")                                                         \
    X(E, 204, "not built yet",                                                                     \
      "The word belongs to the language, but this version does not have its feature. It is an "    \
      "error, so that nobody relies on a protection that is not there.",                           \
      "site a.example { waf strict }", "Remove the line, or use a version that has the feature.")  \
    X(E, 205, "block is missing", "The directive needs a block.", "site a.example",                \
      "site a.example { to 127.0.0.1:3000 }")                                                      \
    X(E, 206, "block that does not belong here", "The directive takes no block.", "workers 4 { }", \
      "workers 4")                                                                                 \
    X(E, 301, "argument is missing", "The directive needs more arguments.", "user",                \
      "user www-data")                                                                             \
    X(E, 303, "unexpected argument", "The directive does not take this argument.",                 \
      "server 10.0.0.1:80 wait 3", "server 10.0.0.1:80 weight 3")                                  \
    X(E, 304, "argument of the wrong kind",                                                        \
      "The value is not what the directive expects. Durations, sizes and rates always carry a "    \
      "unit.",                                                                                     \
      "drain 60", "drain 60s")                                                                     \
    X(E, 305, "value out of range", "The value is below or above what is sensible or possible.",   \
      "workers 100000", "workers auto")                                                            \
    X(E, 306, "not one of the choices", "The word is none of those the directive knows.",          \
      "slashes forbid", "slashes refuse")                                                          \
    X(E, 401, "name that is not defined",                                                          \
      "An origin, policy, list or site of this name is defined in no file.",                       \
      "site a.example { to backend }", "origin backend { server 10.0.0.1:80 }")                    \
    X(E, 402, "origin address with a path",                                                        \
      "An origin is an address. The request path reaches it as it is; 'path' puts a prefix "       \
      "before "                                                                                    \
      "it.",                                                                                       \
      "to 127.0.0.1:3000/v1", "to 127.0.0.1:3000 path /v1")                                        \
    X(E, 403, "name defined twice",                                                                \
      "Names of origins, policies and lists are unique over all files.",                           \
      "origin app { ... }  origin app { ... }", "Merge them, or rename one.")                      \
    X(E, 404, "part is missing", "Something that is needed to work is written nowhere.",           \
      "site a.example { }", "site a.example { to 127.0.0.1:3000 }")                                \
    X(E, 405, "host defined twice",                                                                \
      "Two sites have the same host on the same listener, and text order never decides.",          \
      "site a.example { to 127.0.0.1:1 }  site a.example { to 127.0.0.1:2 }",                      \
      "Merge them, or add routes from another file with: extend site a.example { ... }")           \
    X(E, 406, "settings that contradict each other",                                               \
      "Two statements of the same block, or of two policies of one site, cannot both be in "       \
      "force.",                                                                                    \
      "site a.example { to 127.0.0.1:3000; redirect /x }", "Keep one of them.")                    \
    X(E, 407, "two routes match the same requests",                                                \
      "Routes are chosen by specificity: priority, then exact before prefix before extension "     \
      "before regular expression, then the longer text, then more conditions. These two are "      \
      "equal, and text order never decides.",                                                      \
      "route ~ `^/a` { ... }  route ~ `^/ab` { ... }",                                             \
      "Merge them, add a 'when' condition, or say which wins with: priority 1")                    \
    X(E, 408, "route pattern that cannot be used",                                                 \
      "A pattern is an exact path with '=', a prefix /x/* (it matches /x too), an extension "      \
      "*.css, or a regular expression with '~'.",                                                  \
      "route /x* { ... }", "route /x/* { ... }")                                                   \
    X(E, 409, "regular expression that cannot be used",                                            \
      "The regular expression does not compile, or has no bound: a repeated group that repeats "   \
      "something itself can take exponential time.",                                               \
      "route ~ `^/(a+)+$` { ... }", "route ~ `^/a+$` { ... }")                                     \
    X(E, 410, "route that is never reached",                                                       \
      "Another route of higher priority matches everything that this one matches.",                \
      "route /* priority 1 { ... }  route /api/* { ... }",                                         \
      "Give this route a higher priority, or remove it.")                                          \
    X(E, 411, "no listener",                                                                       \
      "No address is written on which the sites are served. Certificates are not built yet, so "   \
      "nothing listens on its own.",                                                               \
      "site a.example { to 127.0.0.1:3000 }", "listen :80")                                        \
    X(E, 412, "address written twice", "The same address is listened on twice.", "listen :80 :80", \
      "listen :80")                                                                                \
    X(E, 414, "site on an address that nobody listens on",                                         \
      "'on' chooses among the addresses of 'listen'.", "site a.example { on :8081; ... }",         \
      "listen :8081")                                                                              \
    X(E, 501, "file that cannot be read", "The file is missing, unreadable or too large.",         \
      "include /etc/portcullis/none.conf", "Check the path and its rights.")                       \
    X(E, 502, "file that is included twice",                                                       \
      "A file is read once: it is included twice, or includes itself, directly or through "        \
      "others.",                                                                                   \
      "include portcullis.conf", "Remove one of the includes.")                                    \
    X(E, 503, "value from outside that is not there",                                              \
      "The environment variable, file or credential of a ${...} does not exist.",                  \
      "user ${env:NOBODY_SET_THIS}", "user ${env:RUN_AS:-www-data}")                               \
    X(E, 601, "admin interface open to the network",                                               \
      "The admin interface can stop the proxy. Over TCP it listens on the loopback only.",         \
      "admin on 0.0.0.0:9443", "admin on 127.0.0.1:9443")                                          \
    X(E, 602, "trust in everybody",                                                                \
      "Every client could choose its own address in X-Forwarded-For. When that is wanted it is "   \
      "written as a word: trust proxies any.",                                                     \
      "trust proxies 0.0.0.0/0", "trust proxies 10.0.0.0/8")                                       \
    X(W, 701, "secret in the text",                                                                \
      "A secret stands in the configuration itself. It belongs in a file, in the environment or "  \
      "in a systemd credential.",                                                                  \
      "password hunter2", "password ${cred:redis}")                                                \
    X(W, 702, "definition that nobody uses", "The origin, policy or list is never referred to.",   \
      "origin spare { server 10.0.0.9:80 }", "Use it, or remove it.")                              \
    X(W, 703, "include that matches nothing", "No file matches the pattern.",                      \
      "include conf.d/*.conf", "Add a file, or remove the line.")                                  \
    X(W, 704, "'allow' without effect",                                                            \
      "Everything is allowed that nothing denies, so an 'allow ip' alone does nothing.",           \
      "site a.example { allow ip 192.0.2.0/24 }",                                                  \
      "site a.example { allow ip 192.0.2.0/24; deny all }")                                        \
    X(W, 705, "statement without effect", "Another statement already says this.",                  \
      "route /* { } beside nothing else", "Remove it.")

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
