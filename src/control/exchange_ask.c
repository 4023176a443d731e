#include "control/exchange_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/writer.h"
#include "control/admin_client.h"
#include "control/command.h"
#include "control/output.h"
#include "proxy/exchange.h"

#define ASK_SECONDS_MAX 60

bool exchange_is_id(const char *text)
{
    size_t length = 0;
    for (; text[length]; length++) {
        char c = ascii_lower(text[length]);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return length == REQUEST_ID_BYTES;
}

static void free_answer(struct admin_answer *answer)
{
    free(answer->body);
}

/* 0 and the answer, or what is wrong with it, said. what: the id, or the path */
static int ask(const char *folder, const char *path, const char *what, struct admin_answer *ret)
{
    int error = admin_ask(folder, "GET", path, ASK_SECONDS_MAX, ret);
    if (error == -ENOENT || error == -ECONNREFUSED) {
        output_format(STDERR_FILENO,
                      "portcullis: nothing is running here; start it with: portcullis run\n");
        return EXIT_NOT_RUNNING;
    }
    if (error)
        output_format(STDERR_FILENO, "portcullis: %s: %s\n", what, strerror(-error));
    return error ? EXIT_PROBLEM : EXIT_OK;
}

static int say_answer(const char *what, const struct admin_answer *answer)
{
    output_format(STDERR_FILENO, "portcullis: %s: %s", what, answer->body ? answer->body : "\n");
    return EXIT_PROBLEM;
}

int exchange_ask(const char *folder, const char *id, json_t **ret)
{
    char path[64];
    struct writer w = writer_over(path, sizeof path - 1);
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    writer_format(&w, "/exchanges/%s", id);
    path[w.len] = '\0';
    int result = ask(folder, path, id, &answer);
    if (result != EXIT_OK)
        return result;
    if (answer.status != 200)
        return say_answer(id, &answer);
    *ret = json_loadb(answer.body, answer.length, JSON_ALLOW_NUL, NULL);
    if (!*ret)
        output_format(STDERR_FILENO, "portcullis: %s: the record cannot be read\n", id);
    return *ret ? EXIT_OK : EXIT_PROBLEM;
}

/* --- All -------------------------------------------------------------------------------------- */

void exchange_each(slice text, exchange_call *call, void *context)
{
    for (;;) {
        while (text.len && strchr(" \t\r\n", text.ptr[0]) && text.ptr[0])
            text = slice_after(text, 1);
        if (text.len == 0)
            return;
        json_error_t error;
        json_t *exchange =
            json_loadb(text.ptr, text.len, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &error);
        call(context, exchange);
        size_t line = slice_find_byte(text, '\n') + 1;
        /* behind what was read; behind the line of what could not be */
        text = slice_after(text, exchange && error.position > 0 ? (size_t)error.position : line);
        json_decref(exchange);
    }
}

/* One page of them, and where the next begins. */
struct page {
    exchange_call *call;
    void *context;
    uint64_t next; /* slot; 0: this is the last page */
};

static void take(void *context, const json_t *line)
{
    struct page *p = context;
    long long next = json_integer_value(json_object_get(line, "next_slot"));
    if (next > 0)
        p->next = (uint64_t)next;
    else
        p->call(p->context, line);
}

static int ask_page(const char *folder, const char *path, struct page *p)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int result = ask(folder, path, path, &answer);
    if (result != EXIT_OK)
        return result;
    if (answer.status != 200)
        return say_answer(path, &answer);
    exchange_each(slice_of(answer.body, answer.length), take, p);
    return EXIT_OK;
}

int exchange_ask_all(const char *folder, uint64_t since_ms, exchange_call *call, void *context)
{
    struct page p = { .call = call, .context = context };
    for (uint64_t slot = 0;; slot = p.next) {
        char path[96];
        struct writer w = writer_over(path, sizeof path - 1);
        writer_format(&w, "/exchanges?since_ms=%llu&slot=%llu", (unsigned long long)since_ms,
                      (unsigned long long)slot);
        path[w.len] = '\0';
        p.next = 0;
        int result = ask_page(folder, path, &p);
        if (result != EXIT_OK || p.next <= slot)
            return result;
    }
}
