/* URLs that run script: their schemes, with what hides them undone. */
#pragma once

#include "base/slice.h"

/* Looked at, at most. */
enum { XSS_URL_BYTES_MAX = 65536 };

/* Does following or loading the URL run script? Character references are undone, control
 * characters and white space before and tabs and line ends inside the scheme are passed over, as
 * browsers do (WHATWG URL 4.4). What goes on for longer than the bound without a scheme is padding
 * that hides one. */
bool xss_url_runs(slice url);

/* data: of a picture, whatever its kind. */
bool xss_url_is_picture(slice url);

/* A whole value that is such a URL, and goes on as script does: not a sentence about a language. */
bool xss_url_is_script(slice value);

/* The next character of an attribute's value, its reference undone: *at moves on. Code points
 * beyond ASCII come as 0x7f. */
unsigned char html_character(slice value, size_t *at);
