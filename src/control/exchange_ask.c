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

int exchange_ask(const char *folder, const char *id, json_t **ret)
{
    char path[64];
    struct writer w = writer_over(path, sizeof path - 1);
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    writer_format(&w, "/exchanges/%s", id);
    path[w.len] = '\0';
    int error = admin_ask(folder, "GET", path, ASK_SECONDS_MAX, &answer);
    if (error == -ENOENT || error == -ECONNREFUSED) {
        output_format(STDERR_FILENO,
                      "portcullis: nothing is running here; start it with: portcullis run\n");
        return EXIT_NOT_RUNNING;
    }
    if (error) {
        output_format(STDERR_FILENO, "portcullis: %s: %s\n", id, strerror(-error));
        return EXIT_PROBLEM;
    }
    if (answer.status != 200) {
        output_format(STDERR_FILENO, "portcullis: %s: %s", id, answer.body ? answer.body : "\n");
        return EXIT_PROBLEM;
    }
    *ret = json_loadb(answer.body, answer.length, JSON_ALLOW_NUL, NULL);
    if (!*ret)
        output_format(STDERR_FILENO, "portcullis: %s: the record cannot be read\n", id);
    return *ret ? EXIT_OK : EXIT_PROBLEM;
}
