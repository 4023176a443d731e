#include "waf/bodies/xml_pieces.h"

void xml_pieces_open(struct xml_pieces *p, slice document)
{
    *p = (struct xml_pieces){ .document = document, .width = 1 };
    if (document.len < 2)
        return;
    unsigned char first = (unsigned char)document.ptr[0], second = (unsigned char)document.ptr[1];
    bool is_big = first == 0 || (first == 0xfe && second == 0xff);
    if (is_big || second == 0 || (first == 0xff && second == 0xfe)) {
        p->width = 2;
        p->low = is_big;
    }
}

/* '\x80' for all that is not ASCII. */
static char char_at(const struct xml_pieces *p, size_t at)
{
    if (p->width == 1)
        return p->document.ptr[at];
    return p->document.ptr[at + !p->low] == '\0' ? p->document.ptr[at + p->low] : '\x80';
}

static void begin_token(struct xml_pieces *p, size_t at, enum xml_inside inside)
{
    p->inside = inside;
    p->token_at = at;
    p->chars = 0;
    p->tag_attributes = p->tag_references = 0;
}

static bool begins_with(const struct xml_pieces *p, slice head)
{
    return p->chars == head.len && memcmp(p->head, head.ptr, head.len) == 0;
}

/* A character behind "<". */
static enum xml_inside tag_after(struct xml_pieces *p, char c)
{
    if (p->chars <= sizeof p->head) {
        p->head[p->chars - 1] = c;
        if (begins_with(p, SLICE("?")))
            return XML_INSIDE_INSTRUCTION;
        if (begins_with(p, SLICE("!--")))
            return XML_INSIDE_COMMENT;
        if (begins_with(p, SLICE("![CDATA[")))
            return XML_INSIDE_CDATA;
    }
    if (c == '"' || c == '\'') {
        p->quote = c;
        return XML_INSIDE_VALUE;
    }
    return c == '>' ? XML_INSIDE_TEXT : XML_INSIDE_TAG;
}

static enum xml_inside value_after(struct xml_pieces *p, char c)
{
    p->tag_references += c == '&';
    if (c != p->quote)
        return XML_INSIDE_VALUE;
    p->tag_attributes++;
    p->attributes++;
    return XML_INSIDE_TAG;
}

/* Whether the character at `at` ends, with those before it, what began with so many behind "<". */
static bool is_ended(const struct xml_pieces *p, size_t at, size_t head, slice end)
{
    if (p->chars < head + end.len)
        return false;
    for (size_t i = 0; i < end.len; i++)
        if (char_at(p, at - i * p->width) != end.ptr[end.len - 1 - i])
            return false;
    return true;
}

static enum xml_inside inside_after(struct xml_pieces *p, size_t at, char c)
{
    switch (p->inside) {
    case XML_INSIDE_TEXT:
        break;
    case XML_INSIDE_TAG:
        return tag_after(p, c);
    case XML_INSIDE_VALUE:
        return value_after(p, c);
    case XML_INSIDE_COMMENT:
        return is_ended(p, at, 3, SLICE("-->")) ? XML_INSIDE_TEXT : XML_INSIDE_COMMENT;
    case XML_INSIDE_CDATA:
        return is_ended(p, at, 8, SLICE("]]>")) ? XML_INSIDE_TEXT : XML_INSIDE_CDATA;
    case XML_INSIDE_INSTRUCTION:
        return is_ended(p, at, 1, SLICE("?>")) ? XML_INSIDE_TEXT : XML_INSIDE_INSTRUCTION;
    case XML_INSIDE_REFERENCE:
        return c == ';' || c == ' ' ? XML_INSIDE_TEXT : XML_INSIDE_REFERENCE;
    }
    return XML_INSIDE_TEXT;
}

static void take_character(struct xml_pieces *p, size_t at)
{
    char c = char_at(p, at);
    if (c == '<' && (p->inside == XML_INSIDE_TEXT || p->inside == XML_INSIDE_REFERENCE)) {
        begin_token(p, at, XML_INSIDE_TAG);
    } else if (c == '&' && p->inside == XML_INSIDE_TEXT) {
        begin_token(p, at, XML_INSIDE_REFERENCE);
    } else if (p->inside != XML_INSIDE_TEXT) {
        p->chars++;
        p->inside = inside_after(p, at, c);
    }
}

static size_t find_any(slice s, char a, char b, char c)
{
    size_t at = 0;
    while (at < s.len && s.ptr[at] != a && s.ptr[at] != b && s.ptr[at] != c)
        at++;
    return at;
}

/* What begins with these characters is known to be a tag, or a declaration. */
static bool is_tag_known(const struct xml_pieces *p)
{
    return p->chars > 0 && (p->head[0] != '!' || p->chars >= sizeof p->head);
}

/* Bytes from `at` on that change nothing, at most `some`. */
static size_t plain_bytes(const struct xml_pieces *p, size_t at, size_t some)
{
    slice rest = slice_first(slice_after(p->document, at), some);
    if (p->width != 1)
        return 0;
    switch (p->inside) {
    case XML_INSIDE_TEXT:
        return find_any(rest, '<', '&', '&');
    case XML_INSIDE_VALUE:
        return find_any(rest, p->quote, '&', '&');
    case XML_INSIDE_COMMENT:
    case XML_INSIDE_CDATA:
    case XML_INSIDE_INSTRUCTION:
        return slice_find_byte(rest, '>');
    case XML_INSIDE_TAG:
        return is_tag_known(p) ? find_any(rest, '>', '"', '\'') : 0;
    case XML_INSIDE_REFERENCE:
        break;
    }
    return 0;
}

/* The text of a CDATA section is handed over as it comes. */
static bool may_be_cut(const struct xml_pieces *p)
{
    return p->inside == XML_INSIDE_TEXT || p->inside == XML_INSIDE_CDATA;
}

static bool is_enough(const struct xml_pieces *p, size_t at)
{
    return may_be_cut(p) &&
           (at - p->at >= XML_PIECE_BYTES || p->attributes >= XML_PIECE_ATTRIBUTES);
}

static enum xml_excess excess_of(const struct xml_pieces *p, size_t at)
{
    if (may_be_cut(p))
        return XML_NO_EXCESS;
    if (p->tag_attributes > XML_TAG_ATTRIBUTES_MAX)
        return XML_TAG_ATTRIBUTES;
    if (p->tag_references > XML_TAG_REFERENCES_MAX)
        return XML_TAG_REFERENCES;
    return at - p->token_at > XML_TAG_BYTES_MAX ? XML_TAG_BYTES : XML_NO_EXCESS;
}

int xml_pieces_next(struct xml_pieces *p, struct work *work, slice *ret_piece,
                    enum xml_excess *ret_excess)
{
    size_t at = p->at, paid = p->at, len = p->document.len;
    p->attributes = 0;
    *ret_excess = XML_NO_EXCESS;
    while (len - at >= p->width && !is_enough(p, at) && *ret_excess == XML_NO_EXCESS) {
        size_t plain = plain_bytes(p, at, XML_PIECE_BYTES);
        p->chars += plain;
        at += plain;
        if (plain == 0) {
            take_character(p, at);
            at += p->width;
        }
        *ret_excess = excess_of(p, at);
        if (at - paid >= XML_PIECE_BYTES) {
            TRY(work_spend(work, at - paid));
            paid = at;
        }
    }
    TRY(work_spend(work, at - paid));
    size_t end = *ret_excess != XML_NO_EXCESS ? p->token_at : len - at < p->width ? len : at;
    *ret_piece = slice_of(p->document.ptr + p->at, end - p->at);
    p->at = end;
    return 0;
}
