#include "control/strict_reading.h"

#include <errno.h>

#include "wire/h1.h"
#include "wire/uri.h"

#define FIELDS_MAX 100u

static const struct h1_limits limits = { .head_bytes_max = 64u << 10,
                                         .line_bytes_max = 16u << 10,
                                         .target_bytes_max = 8u << 10,
                                         .fields_max = FIELDS_MAX };

static struct strict_reading refused(unsigned status, const char *reason)
{
    return (struct strict_reading){ .status = status, .reason = reason };
}

static int judge_path(const struct request_target *target, struct arena *a,
                      struct strict_reading *ret)
{
    struct path_options options = { .slashes = SLASH_REFUSE, .collapse_slashes = true };
    const char *reason = "";
    size_t room = 3 * target->path.len + 1;
    char *memory = arena_take(a, room);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, room);
    if (target->form != TARGET_ASTERISK &&
        path_canonicalize(target->path, &options, &w, &reason) != 0)
        *ret = refused(400, reason);
    return 0;
}

int strict_reading_of(slice request, struct arena *a, struct strict_reading *ret)
{
    struct field *fields = arena_take_array(a, FIELDS_MAX + 8, sizeof *fields);
    struct h1_request read = { .fields = { .items = fields, .capacity = FIELDS_MAX } };
    struct h1_error error = { 0 };
    struct request_target target;
    size_t scanned = 0, head_bytes;
    const char *reason = "";
    if (!fields)
        return -ENOMEM;
    *ret = refused(0, "");
    request = slice_after(request, h1_skip_empty_lines(request));
    int result = h1_head_scan(request, &limits, &scanned, &head_bytes);
    if (result != 0) {
        *ret = result == -EMSGSIZE ? refused(431, "h1.head-length") : refused(400, "client.closed");
        return 0;
    }
    if (h1_request_parse(slice_first(request, head_bytes), &limits, fields, &read, &error) != 0) {
        *ret = refused(error.status, error.reason);
        return 0;
    }
    if (read.method == METHOD_CONNECT || read.method == METHOD_TRACE) {
        *ret = refused(405, read.method == METHOD_TRACE ? "method.trace" : "method.connect");
        return 0;
    }
    if (target_parse(read.target, read.method, &target, &reason) != 0) {
        *ret = refused(400, reason);
        return 0;
    }
    return judge_path(&target, a, ret);
}
