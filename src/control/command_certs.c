/* `certs`: what certificates there are, and the root of the local authority. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certifier/local.h"
#include "control/admin_client.h"
#include "control/certificate_rows.h"
#include "control/certifier.h"
#include "control/command.h"
#include "control/output.h"
#include "control/state.h"

#define ANSWER_SECONDS_MAX 60
#define ORDER_SECONDS_MAX  130
#define ROOT_BYTES_MAX     65536u
#define TRUST_FILE         "portcullis-local-ca.crt"

extern char **environ;

struct certs_options {
    const char *state, *storage;
    bool json;
};

static void free_answer(struct admin_answer *answer)
{
    free(answer->body);
}

/* --- The list --------------------------------------------------------------------------------- */

static const char *const columns[] = {
    "name", "kind", "issuer", "not_after", "next_renewal", "ocsp"
};
static const char *const titles[] = { "NAME", "KIND", "ISSUER", "ENDS", "RENEWAL", "OCSP" };
#define COLUMNS    ARRAY_LENGTH(columns)
#define CELL_BYTES 64u

static size_t write_cell(char cell[CELL_BYTES], slice row, size_t column)
{
    slice value = certificate_row_get(row, columns[column]);
    struct writer w = writer_over(cell, CELL_BYTES - 1);
    bool is_time = column == 3 || column == 4;
    if (value.len > CELL_BYTES - 4 && !is_time) { /* the end of a path says more */
        writer_literal(&w, "...");
        value = slice_after(value, value.len - (CELL_BYTES - 8));
    }
    certificate_row_write_text(&w, is_time ? slice_first(value, 10) : value);
    if (w.len == 0)
        writer_byte(&w, '-');
    cell[w.len] = '\0';
    return w.len;
}

static void measure(slice rows, size_t widths[COLUMNS])
{
    char cell[CELL_BYTES];
    slice row;
    for (size_t c = 0; c < COLUMNS; c++)
        widths[c] = strlen(titles[c]);
    while (certificate_rows_next(&rows, &row))
        for (size_t c = 0; c < COLUMNS; c++) {
            size_t length = write_cell(cell, row, c);
            widths[c] = length > widths[c] ? length : widths[c];
        }
}

static void show_note(const char *what, slice text)
{
    char memory[2048];
    struct writer w = writer_over(memory, sizeof memory);
    certificate_row_write_text(&w, text);
    if (text.len)
        output_format(STDOUT_FILENO, "  %s: %.*s\n", what, (int)w.len, w.ptr);
}

static void show_rows(slice rows)
{
    size_t widths[COLUMNS];
    char cell[CELL_BYTES];
    slice row;
    measure(rows, widths);
    for (size_t c = 0; c < COLUMNS; c++)
        output_format(STDOUT_FILENO, "%-*s%s", c + 1 < COLUMNS ? (int)widths[c] : 0, titles[c],
                      c + 1 < COLUMNS ? "  " : "\n");
    while (certificate_rows_next(&rows, &row)) {
        for (size_t c = 0; c < COLUMNS; c++) {
            (void)write_cell(cell, row, c);
            output_format(STDOUT_FILENO, "%-*s%s", c + 1 < COLUMNS ? (int)widths[c] : 0, cell,
                          c + 1 < COLUMNS ? "  " : "\n");
        }
        show_note("error", certificate_row_get(row, "error"));
        show_note("ocsp", certificate_row_get(row, "ocsp_error"));
    }
}

static int fail_asking(int error)
{
    if (error == -ENOENT || error == -ECONNREFUSED) {
        output_format(STDERR_FILENO,
                      "portcullis: nothing is running here; start it with: portcullis run\n");
        return EXIT_NOT_RUNNING;
    }
    output_format(STDERR_FILENO, "portcullis: certs: %s\n", strerror(-error));
    return EXIT_PROBLEM;
}

static int list(const struct certs_options *o)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int error = admin_ask(o->state, "GET", "/certificates", ANSWER_SECONDS_MAX, &answer);
    if (error)
        return fail_asking(error);
    slice body = slice_of(answer.body, answer.length);
    slice rest = body, row;
    if (answer.status != 200 || o->json)
        output_write(STDOUT_FILENO, body);
    else if (certificate_rows_next(&rest, &row))
        show_rows(body);
    else
        output_format(STDOUT_FILENO, "no site has a certificate\n");
    return answer.status == 200 ? EXIT_OK : EXIT_PROBLEM;
}

/* --- Orders ----------------------------------------------------------------------------------- */

static int order(const struct certs_options *o, const char *verb, const char *name)
{
    char path[512];
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int length = snprintf(path, sizeof path, "/certificates/%s?name=%s", verb, name);
    if (length < 0 || (size_t)length >= sizeof path ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*") !=
            strlen(name))
        return command_refuse("the name of a host is wanted");
    int error = admin_ask(o->state, "POST", path, ORDER_SECONDS_MAX, &answer);
    if (error)
        return fail_asking(error);
    output_format(answer.status == 200 ? STDOUT_FILENO : STDERR_FILENO, "%s\n", answer.body);
    return answer.status == 200 ? EXIT_OK : EXIT_PROBLEM;
}

/* --- The root --------------------------------------------------------------------------------- */

/* Where the system keeps roots that its administrator adds, and who gathers them. */
struct trust_store {
    const char *folder, *program;
    const char *arguments[3];
};
static const struct trust_store trust_stores[] = {
    { "/usr/local/share/ca-certificates", "update-ca-certificates", { "--fresh" } }, /* Debian */
    { "/etc/pki/ca-trust/source/anchors", "update-ca-trust", { "extract" } },        /* Fedora */
};

static const struct trust_store *find_trust_store(void)
{
    for (size_t i = 0; i < ARRAY_LENGTH(trust_stores); i++)
        if (access(trust_stores[i].folder, F_OK) == 0)
            return &trust_stores[i];
    output_format(STDERR_FILENO,
                  "portcullis: this system keeps its roots in an unknown way: neither %s nor %s is "
                  "there\n",
                  trust_stores[0].folder, trust_stores[1].folder);
    return NULL;
}

static int gather_roots(const struct trust_store *t)
{
    pid_t pid;
    int status;
    char *argv[] = { (char *)(uintptr_t)t->program, (char *)(uintptr_t)t->arguments[0], NULL };
    int error = posix_spawnp(&pid, t->program, NULL, NULL, argv, environ);
    while (error == 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            error = errno;
    if (error == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return EXIT_OK;
    output_format(STDERR_FILENO, "portcullis: %s failed%s%s\n", t->program, error ? ": " : "",
                  error ? strerror(error) : "");
    return EXIT_PROBLEM;
}

/* Of the running program, or as `run` would choose it. 0 · -errno */
static int find_storage(const struct certs_options *o, char *to, size_t room)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    if (o->storage)
        return snprintf(to, room, "%s", o->storage) < (int)room ? 0 : -ENAMETOOLONG;
    if (admin_ask(o->state, "GET", "/status", ANSWER_SECONDS_MAX, &answer) == 0) {
        slice told = certificate_row_get(slice_of(answer.body, answer.length), "storage_folder");
        struct writer w = writer_over(to, room - 1);
        certificate_row_write_text(&w, told);
        to[w.len] = '\0';
        if (told.len)
            return w.overflowed ? -ENAMETOOLONG : 0;
    }
    return state_storage_default(to, room, o->state);
}

/* The root and its PEM text. NULL: said why not. */
static X509 *read_root(const struct certs_options *o, char path[PATH_MAX])
{
    char storage[PATH_MAX];
    int result = find_storage(o, storage, sizeof storage);
    if (result == 0 &&
        snprintf(path, PATH_MAX, "%s/" CERTIFIER_FOLDER "/" LOCAL_ROOT_FILE, storage) >= PATH_MAX)
        result = -ENAMETOOLONG;
    FILE *file = result == 0 ? fopen(path, "re") : NULL;
    if (!file) {
        output_format(STDERR_FILENO,
                      "portcullis: there is no root of a local CA (%s: %s); it is made when the "
                      "first site with `tls local` is served\n",
                      result == 0 ? path : "storage directory",
                      strerror(result == 0 ? errno : -result));
        return NULL;
    }
    ERR_clear_error();
    X509 *root = PEM_read_X509(file, NULL, NULL, NULL);
    ERR_clear_error();
    (void)fclose(file);
    if (!root || X509_check_ca(root) != 1) {
        output_format(STDERR_FILENO, "portcullis: %s is not the certificate of a CA\n", path);
        X509_free(root);
        return NULL;
    }
    return root;
}

/* PEM, whole or not at all. */
static int write_root(X509 *root, const char *path)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return -ENAMETOOLONG;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return -error;
    }
    bool ok = fchmod(fd, 0644) == 0 && PEM_write_X509(file, root) == 1;
    ok = fclose(file) == 0 && ok;
    if (ok && rename(temporary, path) == 0)
        return 0;
    int error = errno;
    (void)unlink(temporary);
    return error ? -error : -EIO;
}

static int refuse_without_rights(const char *what)
{
    output_format(STDERR_FILENO,
                  "portcullis: changing the roots of the system needs root: sudo portcullis certs "
                  "%s\n",
                  what);
    return EXIT_PROBLEM;
}

static int trust(const struct certs_options *o)
{
    char source[PATH_MAX], target[PATH_MAX], name[128];
    const struct trust_store *t = find_trust_store();
    if (!t)
        return EXIT_PROBLEM;
    X509 *root = read_root(o, source);
    if (!root)
        return EXIT_PROBLEM;
    (void)snprintf(target, sizeof target, "%s/" TRUST_FILE, t->folder);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, name, sizeof name);
    if (geteuid() != 0) {
        X509_free(root);
        return refuse_without_rights("trust");
    }
    int result = write_root(root, target);
    X509_free(root);
    if (result != 0) {
        output_format(STDERR_FILENO, "portcullis: cannot write %s: %s\n", target,
                      strerror(-result));
        return EXIT_PROBLEM;
    }
    TRY(gather_roots(t));
    output_format(
        STDOUT_FILENO,
        "The programs of this system believe \"%s\" now (curl, git, python, …).\n"
        "Browsers keep roots of their own:\n"
        "  Chromium, Chrome  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n portcullis -i %s\n"
        "  Firefox           Settings, Privacy & Security, View Certificates, Authorities, Import\n"
        "Other machines need the same file: %s\n",
        name, target, target);
    return EXIT_OK;
}

static int untrust(void)
{
    char target[PATH_MAX];
    const struct trust_store *t = find_trust_store();
    if (!t)
        return EXIT_PROBLEM;
    (void)snprintf(target, sizeof target, "%s/" TRUST_FILE, t->folder);
    if (access(target, F_OK) != 0) {
        output_format(STDOUT_FILENO, "this system does not trust a local CA of Portcullis\n");
        return EXIT_OK;
    }
    if (geteuid() != 0)
        return refuse_without_rights("untrust");
    if (unlink(target) < 0) {
        output_format(STDERR_FILENO, "portcullis: cannot remove %s: %s\n", target, strerror(errno));
        return EXIT_PROBLEM;
    }
    TRY(gather_roots(t));
    output_format(STDOUT_FILENO,
                  "The programs of this system believe it no more.\n"
                  "  Chromium, Chrome  certutil -d sql:$HOME/.pki/nssdb -D -n portcullis\n"
                  "  Firefox           Settings, Privacy & Security, View Certificates\n");
    return EXIT_OK;
}

int command_certs(int argc, char **argv)
{
    struct certs_options o = { 0 };
    const struct command_option options[] = {
        { .name = "--state", .value = &o.state },
        { .name = "--storage", .value = &o.storage },
        { .name = "--json", .flag = &o.json },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    bool is_order = count == 2 && (strcmp(argv[0], "renew") == 0 || strcmp(argv[0], "revoke") == 0);
    if (is_order)
        return order(&o, argv[0], argv[1]);
    if (count > 1)
        return command_refuse("there is a word too many");
    if (count == 0)
        return list(&o);
    if (strcmp(argv[0], "trust") == 0)
        return trust(&o);
    if (strcmp(argv[0], "untrust") == 0)
        return untrust();
    return command_refuse("certs takes renew NAME, revoke NAME, trust or untrust, or no word");
}
