/* Tags and attributes of HTML, read from the front of a value by the rules of WHATWG 13.2.5, from
 * any of the places where pages have values. Text is passed over; so is what stands in comments,
 * which are handed out as they are. Old browsers' backticks around attributes count as quotes. */
#pragma once

#include "base/slice.h"
#include "waf/work.h"

/* Where the value is put. */
enum html_place {
    HTML_PLACE_TEXT,     /* between tags */
    HTML_PLACE_TAG,      /* inside a tag, where attributes are */
    HTML_PLACE_UNQUOTED, /* an attribute's value without quotes */
    HTML_PLACE_SINGLE,   /* '…' */
    HTML_PLACE_DOUBLE,
    HTML_PLACE_BACKTICK,
};

enum html_event_kind {
    HTML_END,
    HTML_TAG,         /* <name */
    HTML_END_TAG,     /* </name */
    HTML_ATTRIBUTE,   /* of the newest tag, or of the one the value stands in */
    HTML_COMMENT,     /* value: what stands inside */
    HTML_DECLARATION, /* <!… */
    HTML_INSTRUCTION, /* <?… */
};

struct html_event {
    enum html_event_kind kind;
    slice name, value;
    size_t at; /* in the value that is read, of the first byte */
};

struct html_reader {
    slice text;
    size_t at;
    bool in_tag;
    struct work *work;
    size_t spent_at; /* what is paid for */
};

/* Goes to where the value leaves its place: 1 · 0 it does not · -errno of the work. */
MUST_CHECK int html_reader_open(struct html_reader *r, slice text, enum html_place place,
                                struct work *work);

/* 0 · -errno of the work. */
MUST_CHECK int html_read(struct html_reader *r, struct html_event *ret);
