/* Fills the sources: what the request and the response brought, by variable. Sources that repeat
 * another one (names of arguments) are filled as far as that one is, whenever somebody asks. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/panic.h"
#include "base/writer.h"
#include "waf/bodies/cookies.h"
#include "waf/engine/decoded.h"

const unsigned char source_places[SOURCE_COUNT] = {
    /* What request and response bring, in the order in which it comes. */
    [VARIABLE_ARGS_GET] = PLACE_ARGS_GET,
    [VARIABLE_ARGS_POST] = PLACE_ARGS_POST,
    [VARIABLE_FILES] = PLACE_FILES,
    [VARIABLE_FILES_SIZES] = PLACE_FILES_SIZES,
    [VARIABLE_MULTIPART_PART_HEADERS] = PLACE_MULTIPART_PART_HEADERS,
    [VARIABLE_REQUEST_COOKIES] = PLACE_REQUEST_COOKIES,
    [VARIABLE_REQUEST_HEADERS] = PLACE_REQUEST_HEADERS,
    [VARIABLE_RESPONSE_HEADERS] = PLACE_RESPONSE_HEADERS,
    [SOURCE_XML_TEXT] = PLACE_XML_TEXT,
    [SOURCE_XML_VALUES] = PLACE_XML_VALUES,
    [SOURCE_XML_PARTS] = PLACE_XML_PARTS,
    [SOURCE_FREE_FIELDS] = PLACE_FREE_FIELDS,
    /* Text that rules look through, and that does not change once it is there. */
    [VARIABLE_REQUEST_LINE] = PLACE_REQUEST_LINE,
    [VARIABLE_REQUEST_METHOD] = PLACE_REQUEST_METHOD,
    [VARIABLE_REQUEST_PROTOCOL] = PLACE_REQUEST_PROTOCOL,
    [VARIABLE_REQUEST_URI] = PLACE_REQUEST_URI,
    [VARIABLE_REQUEST_URI_RAW] = PLACE_REQUEST_URI_RAW,
    [VARIABLE_REQUEST_FILENAME] = PLACE_REQUEST_FILENAME,
    [VARIABLE_REQUEST_BASENAME] = PLACE_REQUEST_BASENAME,
    [VARIABLE_QUERY_STRING] = PLACE_QUERY_STRING,
    [VARIABLE_PATH_INFO] = PLACE_PATH_INFO,
    [VARIABLE_REQUEST_BODY] = PLACE_REQUEST_BODY,
    [VARIABLE_RESPONSE_BODY] = PLACE_RESPONSE_BODY,
    [VARIABLE_ARGS_GET_NAMES] = PLACE_ARGS_GET_NAMES,
    [VARIABLE_ARGS_POST_NAMES] = PLACE_ARGS_POST_NAMES,
    [VARIABLE_REQUEST_COOKIES_NAMES] = PLACE_REQUEST_COOKIES_NAMES,
    [VARIABLE_REQUEST_HEADERS_NAMES] = PLACE_REQUEST_HEADERS_NAMES,
    [VARIABLE_RESPONSE_HEADERS_NAMES] = PLACE_RESPONSE_HEADERS_NAMES,
    [VARIABLE_FILES_NAMES] = PLACE_FILES_NAMES,
};

/* The variable whose names a source of PLACE_NAMES has as its values. */
static enum variable_id names_of(unsigned source)
{
    switch (source) {
    case VARIABLE_ARGS_GET_NAMES:
        return VARIABLE_ARGS_GET;
    case VARIABLE_ARGS_POST_NAMES:
        return VARIABLE_ARGS_POST;
    case VARIABLE_REQUEST_COOKIES_NAMES:
        return VARIABLE_REQUEST_COOKIES;
    case VARIABLE_REQUEST_HEADERS_NAMES:
        return VARIABLE_REQUEST_HEADERS;
    case VARIABLE_RESPONSE_HEADERS_NAMES:
        return VARIABLE_RESPONSE_HEADERS;
    case VARIABLE_FILES_NAMES:
        return VARIABLE_FILES;
    default:
        UNREACHABLE();
    }
}

/* `json.a` of `json.a.array_3`; the name itself when it ends in no index. */
static slice without_index(slice name)
{
    static const slice mark = { ".array_", 7 };
    size_t end = name.len;
    while (end > 0 && name.ptr[end - 1] >= '0' && name.ptr[end - 1] <= '9')
        end--;
    return end < name.len && slice_ends_with(slice_first(name, end), mark)
               ? slice_first(name, end - mark.len)
               : name;
}

/* The values of an array in JSON have names with an index; rules that look at how a name ends mean
 * the array's: it stands behind the first of them. */
static int add_array_name(struct waf_transaction *t, struct source *names, slice name)
{
    slice array = without_index(name);
    if (array.len == name.len || slice_equal(names->array, array))
        return 0;
    names->array = array;
    TRY(source_add(t, names, array, array));
    source_item(names, names->count - 1)->is_echo = true;
    return 0;
}

static int fill_names(struct waf_transaction *t, struct source *names, const struct source *of)
{
    while (names->taken < of->count) {
        TRY(items_pay(t->work, names->taken, of->count, ITEM_STEPS));
        const struct item *item = source_item(of, names->taken++);
        slice name = item->name;
        if (item->is_echo)
            continue;
        TRY(source_add(t, names, name, name));
        TRY(add_array_name(t, names, name));
    }
    return 0;
}

static slice last_segment(slice path)
{
    size_t from = path.len;
    while (from > 0 && path.ptr[from - 1] != '/' && path.ptr[from - 1] != '\\')
        from--;
    return slice_after(path, from);
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* Percent-encoding undone once, as a server of files does; the same bytes when there is none. */
static int decode_path(struct waf_transaction *t, slice path, slice *ret)
{
    *ret = path;
    if (slice_find_byte(path, '%') == path.len)
        return 0;
    char *text = arena_take(t->arena, path.len + 1);
    if (!text)
        return -ENOMEM;
    TRY(work_spend(t->work, path.len));
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        int high = i + 2 < path.len && path.ptr[i] == '%' ? hex_of(path.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_of(path.ptr[i + 2]) : -1;
        text[len++] = (char)(low >= 0 ? high << 4 | low : path.ptr[i]);
        i += low >= 0 ? 2 : 0;
    }
    *ret = slice_of(text, len);
    return 0;
}

static int add_echo(struct waf_transaction *t, struct source *s, slice value)
{
    for (unsigned i = 0; i < s->count; i++)
        if (slice_equal(source_item(s, i)->raw.bytes, value))
            return 0;
    TRY(source_add(t, s, SLICE(""), value));
    source_item(s, s->count - 1)->is_echo = true;
    return 0;
}

/* The path decoded, and the canonical one, beside the one that was sent: for rules that its
 * spelling would escape. Apache's ModSecurity sees it decoded, libmodsecurity as sent. */
static int add_readings(struct waf_transaction *t, struct source *s, unsigned source)
{
    slice decoded, canonical = t->request.path;
    if (source != VARIABLE_REQUEST_FILENAME && source != VARIABLE_REQUEST_BASENAME)
        return 0;
    TRY(decode_path(t, source_item(s, 0)->raw.bytes, &decoded));
    TRY(add_echo(t, s, decoded));
    if (canonical.len == 0)
        return 0;
    return add_echo(t, s,
                    source == VARIABLE_REQUEST_BASENAME ? last_segment(canonical) : canonical);
}

void collect_open(struct waf_transaction *t)
{
    for (unsigned i = 0; i < PLACE_FILLED; i++)
        t->sources[i].is_filled = true;
}

int collect_source(struct waf_transaction *t, unsigned source)
{
    struct source *s = source_of(t, source);
    if (source_places[source] >= PLACE_NAMES)
        return fill_names(t, s, source_of(t, names_of(source)));
    if (s->is_filled)
        return 0;
    slice value;
    bool is_present = false;
    TRY(scalar_read(t, (enum variable_id)source, &value, &is_present));
    if (!is_present)
        return 0;
    TRY(source_add(t, s, SLICE(""), value));
    s->is_filled = true;
    return add_readings(t, s, source);
}

static int add_cookies(struct waf_transaction *t, slice field)
{
    slice name, value;
    while (cookies_next(&field, &name, &value))
        TRY(decoded_add(t, source_of(t, VARIABLE_REQUEST_COOKIES), name, value));
    return 0;
}

static struct item *field_named(struct source *s, slice name)
{
    for (unsigned i = 0; i < s->count; i++)
        if (slice_equal_fold(source_item(s, i)->name, name))
            return source_item(s, i);
    return NULL;
}

/* RFC 9110 §5.3: "…by appending each subsequent field line value to the initial field line value in
 * order, separated by a comma (",")". What Apache gives to ModSecurity 2. Cookie has semicolons. */
static int join_field(struct waf_transaction *t, struct item *item, slice more, slice separator)
{
    slice value = item->raw.bytes;
    size_t room = value.len + separator.len + more.len;
    char *text = arena_take(t->arena, room);
    if (!text)
        return -ENOMEM;
    struct writer w = writer_over(text, room);
    writer_slice_add(&w, value);
    writer_slice_add(&w, separator);
    writer_slice_add(&w, more);
    item->raw.bytes = writer_slice(&w);
    return work_spend(t->work, room);
}

/* One of several lines of a field: rules see it where they do not match the whole, since servers
 * disagree about which of them counts. */
static int add_line(struct waf_transaction *t, struct source *fields, slice name, slice value)
{
    static const struct decoded_from as_it_came;
    TRY(source_add(t, fields, name, value));
    struct item *line = source_item(fields, fields->count - 1);
    line->is_echo = true;
    line->from = &as_it_came;
    return 0;
}

static bool has_lines(struct source *fields, slice name)
{
    for (unsigned i = 0; i < fields->count; i++) {
        const struct item *item = source_item(fields, i);
        if (item->is_echo && slice_equal_fold(item->name, name))
            return true;
    }
    return false;
}

static int repeat_field(struct waf_transaction *t, struct item *whole, slice name, slice value)
{
    struct source *fields = source_of(t, VARIABLE_REQUEST_HEADERS);
    if (!has_lines(fields, name))
        TRY(add_line(t, fields, whole->name, whole->raw.bytes));
    TRY(join_field(t, whole, value, SLICE(", ")));
    return add_line(t, fields, name, value);
}

/* The first type chooses the reader; whoever goes by another one reads another body. */
static void add_type(struct waf_transaction *t, slice type)
{
    static const char differ[] = "the request has two fields Content-Type that differ";
    static_assert(sizeof differ <= BODY_MESSAGE_MAX, "it has room");
    if (!t->content_type.ptr) {
        t->content_type = type;
    } else if (!slice_equal(t->content_type, type)) {
        t->head_flags |= BODY_ERROR;
        memcpy(t->body.reader.state.message, differ, sizeof differ);
    }
}

int waf_add_request_field(struct waf_transaction *t, slice name, slice value)
{
    enum { SEPARATORS = 4 }; /* ": " and the end of the line */
    struct source *fields = source_of(t, VARIABLE_REQUEST_HEADERS);
    struct item *same = field_named(fields, name);
    bool is_cookie = slice_equal_fold(name, SLICE("Cookie"));
    bool is_type = slice_equal_fold(name, SLICE("Content-Type"));
    t->fields_bytes += name.len + value.len + SEPARATORS;
    if (!same)
        TRY(source_add(t, fields, name, value));
    else if (is_cookie || is_type)
        TRY(join_field(t, same, value, is_cookie ? SLICE("; ") : SLICE(", ")));
    else
        TRY(repeat_field(t, same, name, value));
    TRY(free_field_add(t, name, value));
    if (is_cookie)
        return add_cookies(t, value);
    if (is_type)
        add_type(t, value);
    else if (slice_equal_fold(name, SLICE("Authorization")) && !t->authorization.ptr)
        t->authorization = value;
    return 0;
}

int waf_add_response_field(struct waf_transaction *t, slice name, slice value)
{
    if (slice_equal_fold(name, SLICE("Content-Type")) && !t->response_type.ptr)
        t->response_type = value;
    return source_add(t, source_of(t, VARIABLE_RESPONSE_HEADERS), name, value);
}

int waf_set_request(struct waf_transaction *t, const struct waf_request *request)
{
    slice query;
    bool is_present = false;
    t->request = *request;
    TRY(scalar_read(t, VARIABLE_QUERY_STRING, &query, &is_present));
    return is_present ? body_query_read(t, query) : 0;
}

int waf_set_response(struct waf_transaction *t, const struct waf_response *response)
{
    t->response = *response;
    t->has_response = true;
    return 0;
}
