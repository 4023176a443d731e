#include "control/json_text.h"

#include <stdint.h>

#include "control/output.h"

#define DEPTH_MAX 16u

struct printer {
    int fd;
    slice rest;
    uint32_t depth;          /* containers that are open */
    bool is_list[DEPTH_MAX]; /* of each of them */
    bool in_line;            /* something stands on the line already */
};

static bool is_list(const struct printer *p, uint32_t levels_up)
{
    return p->depth > levels_up && p->depth - levels_up <= DEPTH_MAX &&
           p->is_list[p->depth - levels_up - 1];
}

/* Members of an object that stands in a list share a line. */
static void start_item(struct printer *p)
{
    bool shares_line = is_list(p, 1);
    if (p->in_line && shares_line) {
        output_write(p->fd, SLICE("  "));
        return;
    }
    if (p->in_line)
        output_write(p->fd, SLICE("\n"));
    uint32_t indent = p->depth > 1 ? p->depth - 1 - shares_line : 0;
    for (uint32_t i = 0; i < indent && i < DEPTH_MAX; i++)
        output_write(p->fd, SLICE("  "));
    p->in_line = true;
}

static void end_line(struct printer *p)
{
    if (p->in_line)
        output_write(p->fd, SLICE("\n"));
    p->in_line = false;
}

/* The string at the front, without its quotes; escapes stay as they are. */
static slice take_string(struct printer *p)
{
    size_t i = 1;
    while (i < p->rest.len && p->rest.ptr[i] != '"')
        i += p->rest.ptr[i] == '\\' ? 2 : 1;
    slice string = slice_first(slice_after(p->rest, 1), i - 1);
    p->rest = slice_after(p->rest, i + 1);
    return string;
}

static slice take_scalar(struct printer *p)
{
    size_t i = 0;
    while (i < p->rest.len && !strchr(",]}[{: \n\t\r\"", p->rest.ptr[i]))
        i++;
    slice scalar = slice_first(p->rest, i ? i : 1);
    p->rest = slice_after(p->rest, scalar.len);
    return scalar;
}

static void skip(struct printer *p, const char *bytes)
{
    while (p->rest.len && p->rest.ptr[0] && strchr(bytes, p->rest.ptr[0]))
        p->rest = slice_after(p->rest, 1);
}

/* A name or a value. */
static void print_text(struct printer *p, slice text)
{
    skip(p, " \n\t\r");
    bool is_name = p->rest.len && p->rest.ptr[0] == ':';
    if (is_name || is_list(p, 0))
        start_item(p);
    output_write(p->fd, text);
    if (is_name) {
        output_write(p->fd, SLICE(" "));
        p->rest = slice_after(p->rest, 1);
    }
}

static void open_container(struct printer *p, bool list)
{
    if (p->depth < DEPTH_MAX)
        p->is_list[p->depth] = list;
    p->depth++;
    if (p->depth > 1 && (list || !is_list(p, 1)))
        end_line(p);
}

static void close_container(struct printer *p)
{
    if (p->depth > 0)
        p->depth--;
    if (is_list(p, 0))
        end_line(p);
}

void json_text_write(int fd, slice json)
{
    struct printer p = { .fd = fd, .rest = json };
    for (;;) {
        skip(&p, " \n\t\r,");
        if (p.rest.len == 0)
            break;
        char c = p.rest.ptr[0];
        if (c == '"') {
            print_text(&p, take_string(&p));
            continue;
        }
        if (c != '{' && c != '[' && c != '}' && c != ']') {
            print_text(&p, take_scalar(&p));
            continue;
        }
        p.rest = slice_after(p.rest, 1);
        if (c == '{' || c == '[')
            open_container(&p, c == '[');
        else
            close_container(&p);
    }
    end_line(&p);
}
