#include "waf/bodies/xml.h"

#include <expat.h>
#include <stdlib.h>

struct xml_walk {
    struct body_reader *r;
    XML_Parser parser;
    int result; /* not 0: stop, with this */
    bool moved; /* expat has told something since it was asked */
    uint32_t depth;
    uint32_t attributes;
    struct body_rope text;
    size_t owed; /* steps that handlers have to pay, which cannot pause */
};

static void free_parser(XML_Parser *parser)
{
    if (*parser)
        XML_ParserFree(*parser);
}

static void stop(struct xml_walk *w, int result)
{
    w->result = result;
    (void)XML_StopParser(w->parser, XML_FALSE);
}

static size_t position(const struct xml_walk *w)
{
    XML_Index at = XML_GetCurrentByteIndex(w->parser);
    return at < 0 ? 0 : (size_t)at;
}

static int fail_limit(struct xml_walk *w, const char *what, size_t limit)
{
    return body_fail(w->r, BODY_ERROR | BODY_LIMITED, position(w), "XML: %s, at most %zu", what,
                     limit);
}

static bool declares_name_space(const char *name)
{
    return strncmp(name, "xmlns", 5) == 0 && (name[5] == '\0' || name[5] == ':');
}

static int add_attribute(struct xml_walk *w, const char *name, const char *value)
{
    uint32_t limit = w->r->limits->attributes_max;
    if (limit != 0 && w->attributes >= limit)
        return fail_limit(w, "it has too many attributes", limit);
    w->attributes++;
    w->owed += 4 * BODY_ITEM_STEPS;
    slice name_copy = arena_copy(w->r->arena, slice_from(name));
    slice value_copy = arena_copy(w->r->arena, slice_from(value));
    if (!name_copy.ptr || !value_copy.ptr)
        return -ENOMEM;
    return body_item(w->r, BODY_XML_ATTRIBUTE, name_copy, value_copy);
}

static int begin_element(struct xml_walk *w, const char **attributes)
{
    uint32_t limit = w->r->limits->depth_max ? w->r->limits->depth_max : BODY_DEPTH_DEFAULT;
    if (++w->depth > limit)
        return fail_limit(w, "it is nested too deeply", limit);
    for (; *attributes; attributes += 2) {
        if (!declares_name_space(attributes[0]))
            TRY(add_attribute(w, attributes[0], attributes[1]));
    }
    return 0;
}

static void on_start(void *context, UNUSED const char *name, const char **attributes)
{
    struct xml_walk *w = context;
    w->moved = true;
    w->owed += 4 * BODY_ITEM_STEPS;
    if (w->result != 0)
        return;
    int result = begin_element(w, attributes);
    if (result != 0)
        stop(w, result);
}

static void on_end(void *context, UNUSED const char *name)
{
    struct xml_walk *w = context;
    w->moved = true;
    w->depth--;
}

static void on_text(void *context, const char *text, int len)
{
    struct xml_walk *w = context;
    w->moved = true;
    w->owed += BODY_ITEM_STEPS;
    if (w->result != 0)
        return;
    int result = body_rope_add(&w->text, w->r->arena, slice_of(text, (size_t)len));
    if (result != 0)
        stop(w, result);
}

/* Comments, processing instructions, the declaration: nothing to hand over. */
static void on_other(void *context, UNUSED const char *text, UNUSED int len)
{
    ((struct xml_walk *)context)->moved = true;
}

static void on_doctype(void *context, UNUSED const char *name, UNUSED const char *system_id,
                       UNUSED const char *public_id, UNUSED int has_subset)
{
    struct xml_walk *w = context;
    stop(w, body_fail(w->r, BODY_ERROR, position(w), "XML: a document type declaration"));
}

/* One piece of the body to expat; 0 · what a handler has said · BODY_STOPPED · -ENOMEM */
static int parse_piece(struct xml_walk *w, slice piece, bool last)
{
    enum XML_Status status = XML_Parse(w->parser, piece.ptr, (int)piece.len, last);
    if (w->result != 0)
        return w->result;
    if (status == XML_STATUS_OK)
        return 0;
    enum XML_Error error = XML_GetErrorCode(w->parser);
    if (error == XML_ERROR_NO_MEMORY)
        return -ENOMEM;
    return body_fail(w->r, BODY_ERROR, position(w), "XML: %s at byte %zu", XML_ErrorString(error),
                     position(w));
}

/* Expat looks at an unfinished tag from its beginning whenever more of it comes. So the pieces
 * double as long as it does not get on, and the cost stays in proportion. */
static int parse_pieces(struct xml_walk *w, slice body)
{
    size_t piece_max = WORK_BLOCK, unfinished = 0;
    for (size_t at = 0; at < body.len;) {
        slice piece = slice_first(slice_after(body, at), piece_max);
        at += piece.len;
        TRY(work_spend(w->r->work, 2 * piece.len + unfinished + w->owed));
        w->owed = 0;
        w->moved = false;
        TRY(parse_piece(w, piece, at == body.len));
        unfinished = w->moved ? 0 : unfinished + piece.len;
        piece_max = w->moved ? WORK_BLOCK : 2 * piece_max;
        if (unfinished > XML_TAG_BYTES_MAX)
            return fail_limit(w, "one tag or comment is too long", XML_TAG_BYTES_MAX);
    }
    return 0;
}

int xml_read(struct body_reader *r, slice body)
{
    static const XML_Memory_Handling_Suite memory = { malloc, realloc, free };
    if (body.len == 0)
        return 0;
    OWNS(free_parser) XML_Parser parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    if (!parser)
        return -ENOMEM;
    struct xml_walk w = { .r = r, .parser = parser };
    XML_SetUserData(parser, &w);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetDefaultHandler(parser, on_other);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    int result = parse_pieces(&w, body);
    if (result != 0 && result != BODY_STOPPED)
        return result;
    slice text;
    TRY(body_rope_join(&w.text, r, &text));
    TRY(body_item(r, BODY_XML_TEXT, SLICE(""), text));
    return body_result(result);
}
