/* Texts of clients in a log line: escaped, bounded and without secrets.
 *
 * A text is cut at a bound on what is written, at the end of a whole escape or character, so that
 * no line can be made too long for its ring and so be kept out of the log. */
#pragma once

#include "base/writer.h"

/* How a format writes what does not stand for itself; `cut` is put behind a text that was cut. */
struct log_escape {
    void (*write)(struct writer *w, slice s);
    slice cut;
};
extern const struct log_escape log_escape_json;     /* the inside of a JSON string */
extern const struct log_escape log_escape_combined; /* \xHH, as nginx and Apache write it */

/* At most bytes_max bytes. */
void log_put(struct writer *w, slice text, size_t bytes_max, const struct log_escape *escape);

/* The same for a target, a request line or a URL: the values of parameters whose names tell that
 * they open doors, in the query and behind ';' in the path, become "***", and so does what stands
 * before '@' in an authority, its own or that of a URL in it. */
void log_put_masked(struct writer *w, slice text, size_t bytes_max,
                    const struct log_escape *escape);

/* The same for a value, or a text about one: what follows the name of a secret behind `=`, `:` or
 * `>` (JSON, a form, XML in it) becomes "***" too, and the credentials of URLs. */
void log_put_value(struct writer *w, slice text, size_t bytes_max, const struct log_escape *escape);

/* Whether in the value of a parameter, as it stands in a query, a secret is named: as JSON, as
 * another query, or in the text that it is the Base64 of. */
bool log_value_hides_secret(slice value);

/* What stands before the '@' of a URL's authority (user:password), with *ret_scheme: what comes
 * before it. Empty: nothing. */
slice log_url_credentials(slice url, slice *ret_scheme);

/* The credentials of the first URL that stands in a text and has some, plain, percent-encoded up to
 * eight times over, or with the slashes of JSON. Empty: none. Its authority ends also where a
 * text around it goes on: at blanks, quotes and separators; that of a text that is a URL, above,
 * does not. */
slice log_find_credentials(slice text);

/* Where the first word that tells of a secret ends; *ret_name: the word. text.len: none. */
size_t log_find_secret(slice text, slice *ret_name);

/* Is a parameter of this name (raw, as it stands in the query) a secret? */
bool log_name_is_secret(slice name);
