#include "waf/bodies/xml.h"

#include <expat.h>

#include "waf/bodies/xml_pieces.h"

/* What expat takes besides the memory for names: tables, and two pieces for each open element. */
enum { TABLES_MAX = 64 };

/* Beside the bytes. */
enum { ELEMENT_STEPS = 24, TEXT_STEPS = 8, ATTRIBUTE_STEPS = 96 };

struct attribute {
    slice name, value;
};

/* Where the text is parted: offsets, of size_t. */
struct parts {
    struct body_rope ends;
    size_t count, last;
    bool has_ended; /* an element has, and nothing but white space has come since */
    uint32_t mixed; /* depth of the outermost open element that has text of its own; 0: none */
};

struct xml_walk {
    struct body_reader *r;
    XML_Parser parser;
    int result; /* not 0: stop, with this */
    uint32_t depth, depth_max;
    uint32_t attributes;
    struct body_rope text;
    struct parts parts;
    struct attribute *found; /* that the sink has not got yet: a handler cannot wait for it */
    size_t found_count, found_room;
    size_t elements, texts; /* that have come since the last time that they were paid for */
    size_t pieces_held;
    bool has_too_many_names;
};

/* expat's memory is the arena's, and stays there until that is freed: giving all names back one by
 * one, when the document has been read, would take as long as reading them. Its calls give no
 * context, so here is who has called it; nobody else runs meanwhile. */
static _Thread_local struct xml_walk *calling;

struct memory_piece {
    size_t bytes;
    _Alignas(16) char memory[];
};

static void *take_memory(size_t bytes)
{
    struct xml_walk *w = calling;
    if (w->pieces_held == XML_NAMES_MAX + 2 * (size_t)w->depth_max + TABLES_MAX) {
        w->has_too_many_names = true;
        return NULL;
    }
    struct memory_piece *piece = bytes < SIZE_MAX - sizeof *piece
                                     ? arena_take_bytes(w->r->arena, sizeof *piece + bytes)
                                     : NULL;
    if (!piece)
        return NULL;
    piece->bytes = bytes;
    w->pieces_held++;
    return piece->memory;
}

static void give_memory(void *memory)
{
    calling->pieces_held -= memory != NULL;
}

static void *retake_memory(void *memory, size_t bytes)
{
    char *grown = take_memory(bytes);
    if (!grown || !memory)
        return grown;
    const struct memory_piece *piece = CONTAINER_OF((char(*)[])memory, struct memory_piece, memory);
    memcpy(grown, memory, piece->bytes < bytes ? piece->bytes : bytes);
    give_memory(memory);
    return grown;
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

static int make_room(struct xml_walk *w)
{
    enum { AT_FIRST = 16 };
    if (w->found_count < w->found_room)
        return 0;
    size_t room = w->found_room ? 2 * w->found_room : AT_FIRST;
    struct attribute *found = arena_take_array(w->r->arena, room, sizeof *found);
    if (!found)
        return -ENOMEM;
    if (w->found_count)
        memcpy(found, w->found, w->found_count * sizeof *found);
    w->found = found;
    w->found_room = room;
    return 0;
}

static int add_attribute(struct xml_walk *w, const char *name, const char *value)
{
    uint32_t limit = w->r->limits->attributes_max;
    if (limit != 0 && w->attributes >= limit)
        return fail_limit(w, "it has too many attributes", limit);
    w->attributes++;
    TRY(make_room(w));
    struct attribute *a = &w->found[w->found_count];
    a->name = arena_copy(w->r->arena, slice_from(name));
    a->value = arena_copy(w->r->arena, slice_from(value));
    if (!a->name.ptr || !a->value.ptr)
        return -ENOMEM;
    w->found_count++;
    return 0;
}

/* The text that has come so far is a part, or the last one goes on. */
static int end_part(struct xml_walk *w)
{
    struct parts *p = &w->parts;
    if (!p->has_ended || p->mixed || p->last == w->text.len ||
        p->count + 1 >= w->r->limits->text_parts_max)
        return 0;
    p->last = w->text.len;
    p->count++;
    return body_rope_add(&p->ends, w->r->arena, slice_of((const char *)&p->last, sizeof p->last));
}

static int begin_element(struct xml_walk *w, const char **attributes)
{
    TRY(end_part(w));
    w->parts.has_ended = false;
    if (++w->depth > w->depth_max)
        return fail_limit(w, "it is nested too deeply", w->depth_max);
    for (; *attributes; attributes += 2) {
        if (!declares_name_space(attributes[0]))
            TRY(add_attribute(w, attributes[0], attributes[1]));
    }
    return 0;
}

static void on_start(void *context, UNUSED const char *name, const char **attributes)
{
    struct xml_walk *w = context;
    w->elements++;
    if (w->result != 0)
        return;
    int result = begin_element(w, attributes);
    if (result != 0)
        stop(w, result);
}

static void on_end(void *context, UNUSED const char *name)
{
    struct xml_walk *w = context;
    if (w->parts.mixed == w->depth)
        w->parts.mixed = 0;
    w->depth--;
    w->parts.has_ended = true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_blank(slice s)
{
    size_t at = 0;
    while (at < s.len && is_space(s.ptr[at]))
        at++;
    return at == s.len;
}

static void note_text(struct xml_walk *w, slice text)
{
    if (is_blank(text))
        return;
    w->parts.has_ended = false;
    if (!w->parts.mixed)
        w->parts.mixed = w->depth;
}

static void on_text(void *context, const char *text, int len)
{
    struct xml_walk *w = context;
    w->texts++;
    if (w->result != 0)
        return;
    note_text(w, slice_of(text, (size_t)len));
    int result = body_rope_add(&w->text, w->r->arena, slice_of(text, (size_t)len));
    if (result != 0)
        stop(w, result);
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
    calling = w;
    enum XML_Status status = XML_Parse(w->parser, piece.ptr, (int)piece.len, last);
    calling = NULL;
    if (w->has_too_many_names)
        return fail_limit(w, "it has too many different names", XML_NAMES_MAX);
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

/* What a piece held is paid for, and handed over: also what stands before an error. */
static int settle(struct xml_walk *w, int result)
{
    size_t steps = ELEMENT_STEPS * w->elements + TEXT_STEPS * w->texts;
    w->elements = w->texts = 0;
    if (result != 0 && result != BODY_STOPPED)
        return result;
    TRY(work_spend(w->r->work, steps));
    for (size_t i = 0; i < w->found_count; i++) {
        const struct attribute *a = &w->found[i];
        TRY(work_spend(w->r->work, ATTRIBUTE_STEPS));
        TRY(body_item(w->r, BODY_XML_ATTRIBUTE, a->name, a->value));
    }
    w->found_count = 0;
    return result;
}

static int fail_excess(struct xml_walk *w, enum xml_excess excess)
{
    switch (excess) {
    case XML_NO_EXCESS:
        break;
    case XML_TAG_BYTES:
        return fail_limit(w, "one tag or comment is too long", XML_TAG_BYTES_MAX);
    case XML_TAG_ATTRIBUTES:
        return fail_limit(w, "one tag has too many attributes", XML_TAG_ATTRIBUTES_MAX);
    case XML_TAG_REFERENCES:
        return fail_limit(w, "one tag has too many references", XML_TAG_REFERENCES_MAX);
    }
    return 0;
}

static int parse_pieces(struct xml_walk *w, slice body)
{
    struct xml_pieces pieces;
    xml_pieces_open(&pieces, body);
    while (pieces.at < body.len) {
        slice piece;
        enum xml_excess excess;
        TRY(xml_pieces_next(&pieces, w->r->work, &piece, &excess));
        TRY(work_spend(w->r->work, piece.len));
        TRY(settle(w, parse_piece(w, piece, pieces.at == body.len)));
        TRY(fail_excess(w, excess));
    }
    return 0;
}

static int open_parser(struct xml_walk *w)
{
    static const XML_Memory_Handling_Suite memory = { take_memory, retake_memory, give_memory };
    calling = w;
    w->parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    calling = NULL;
    if (!w->parser)
        return -ENOMEM;
    XML_SetUserData(w->parser, w);
    XML_SetElementHandler(w->parser, on_start, on_end);
    XML_SetCharacterDataHandler(w->parser, on_text);
    XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
    return 0;
}

static int trim(struct work *work, slice s, slice *ret)
{
    size_t begin = 0, end = s.len;
    for (; begin < end && is_space(s.ptr[begin]); begin++)
        if (begin % WORK_BLOCK == WORK_BLOCK - 1)
            TRY(work_spend(work, WORK_BLOCK));
    for (; end > begin && is_space(s.ptr[end - 1]); end--)
        if ((s.len - end) % WORK_BLOCK == WORK_BLOCK - 1)
            TRY(work_spend(work, WORK_BLOCK));
    *ret = slice_of(s.ptr + begin, end - begin);
    return work_spend(work, (s.len - ret->len) % WORK_BLOCK);
}

static int hand_over_parts(struct xml_walk *w, slice text)
{
    slice ends;
    if (w->r->limits->text_parts_max == 0)
        return 0;
    TRY(body_rope_join(&w->parts.ends, w->r, &ends));
    for (size_t i = 0, at = 0; i <= w->parts.count; i++) {
        size_t end = text.len;
        slice part;
        if (i < w->parts.count)
            memcpy(&end, ends.ptr + i * sizeof end, sizeof end);
        TRY(work_spend(w->r->work, BODY_ITEM_STEPS));
        TRY(trim(w->r->work, slice_first(slice_after(text, at), end - at), &part));
        if (part.len)
            TRY(body_item(w->r, BODY_XML_PART, SLICE(""), part));
        at = end;
    }
    return 0;
}

int xml_read(struct body_reader *r, slice body)
{
    if (body.len == 0)
        return 0;
    struct xml_walk w = { .r = r };
    w.depth_max = r->limits->depth_max ? r->limits->depth_max : BODY_DEPTH_DEFAULT;
    TRY(open_parser(&w));
    int result = parse_pieces(&w, body);
    if (result != 0 && result != BODY_STOPPED)
        return result;
    slice text;
    TRY(body_rope_join(&w.text, r, &text));
    TRY(body_item(r, BODY_XML_TEXT, SLICE(""), text));
    TRY(hand_over_parts(&w, text));
    return body_result(result);
}
