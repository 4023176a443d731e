/* bench_load: the benchmark's load generator. One tool for all kinds of load, so that all are
 * measured in the same way. `bench_load --help` tells the options.
 *
 * It prints one line of JSON. With --step it first prints "warm" after the warm-up, and waits for a
 * line on its standard input before the measured run and again, with all connections open, before
 * it ends: the moments at which the benchmark reads the kernel's accounts. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/number.h"
#include "load.h"
#include "request.h"
#include "websocket.h"

enum {
    REQUEST_HEAD_MAX = 1024,
    CONNECTIONS_MAX = 100000,
    REQUESTS_MAX = 100000000,
    BODY_MAX = 64 * 1024 * 1024,
    TIMEOUT_SECONDS = 60,
};

struct options {
    uint64_t port, length, connections, concurrency, requests, warm_up, body, websocket, rate;
    uint64_t sources, send_buffer, timeout_seconds, close_each, once, retries, step;
    uint64_t tls, tls_1_2, resumes, streams;
    const char *host, *path, *request;
};

struct option_row {
    const char *name;
    size_t offset;
    uint64_t max; /* 0: a switch */
    const char *meaning;
};

#define NUMBER(name, field, max, meaning)                                                          \
    {                                                                                              \
        name, offsetof(struct options, field), max, meaning                                        \
    }

static const struct option_row option_rows[] = {
    NUMBER("port", port, UINT16_MAX, "where, on 127.0.0.1"),
    NUMBER("length", length, BODY_MAX, "the length that each response's body must have"),
    NUMBER("connections", connections, CONNECTIONS_MAX, "clients (1)"),
    NUMBER("concurrency", concurrency, CONNECTIONS_MAX, "exchanges at once, at most (all clients)"),
    NUMBER("requests", requests, REQUESTS_MAX, "exchanges in all (1)"),
    NUMBER("warm-up", warm_up, REQUESTS_MAX, "exchanges before, in closed loop (0)"),
    NUMBER("body", body, BODY_MAX, "POST a body of so many bytes"),
    NUMBER("websocket", websocket, CLIENT_FRAME_MAX, "messages of so many bytes there and back"),
    NUMBER("rate", rate, 1000000, "open loop: exchanges per second"),
    NUMBER("sources", sources, 250, "source addresses to take turns with, from 127.0.1.1 on"),
    NUMBER("send-buffer", send_buffer, BODY_MAX, "SO_SNDBUF, in bytes (the kernel's choice)"),
    NUMBER("timeout", timeout_seconds, 3600, "seconds that a run may take (60)"),
    NUMBER("close", close_each, 0, "a new connection per request"),
    NUMBER("once", once, 0, "one exchange per client; connections stay open"),
    NUMBER("retry", retries, 0, "try again what was cut on a reused connection"),
    NUMBER("tls", tls, 0, "over TLS 1.3"),
    NUMBER("tls12", tls_1_2, 0, "over TLS 1.2"),
    NUMBER("resume", resumes, 0, "resume the session of a client's last connection, always"),
    NUMBER("h2", streams, 1000, "HTTP/2, so many clients to a connection, one stream each"),
    NUMBER("step", step, 0, "wait for a line on standard input before and after the run"),
};

static void usage(FILE *to)
{
    fprintf(to,
            "usage: bench_load --port N [--path / | --request FILE] [--host NAME] [option ...]\n");
    for (size_t i = 0; i < ARRAY_LENGTH(option_rows); i++) {
        const struct option_row *row = &option_rows[i];
        fprintf(to, "  --%-12s%-3s%s\n", row->name, row->max > 0 ? "N" : "", row->meaning);
    }
}

/* 0 · -EINVAL, told on stderr */
static int option_set(struct options *options, const struct option_row *row, const char *text)
{
    uint64_t *value = (uint64_t *)(void *)((char *)options + row->offset);
    if (row->max == 0) {
        *value = 1;
        return 0;
    }
    if (number_parse(slice_from(text), row->max, value) == 0)
        return 0;
    fprintf(stderr, "bench_load: --%s wants a number up to %" PRIu64 ", not \"%s\"\n", row->name,
            row->max, text);
    return -EINVAL;
}

static int options_parse(int argc, char **argv, struct options *options)
{
    struct option names[ARRAY_LENGTH(option_rows) + 4] = { 0 };
    size_t count = 0;
    for (; count < ARRAY_LENGTH(option_rows); count++) {
        const struct option_row *row = &option_rows[count];
        names[count] =
            (struct option){ row->name, row->max > 0 ? required_argument : no_argument, NULL, 0 };
    }
    names[count] = (struct option){ "path", required_argument, NULL, 'p' };
    names[count + 1] = (struct option){ "host", required_argument, NULL, 'h' };
    names[count + 2] = (struct option){ "request", required_argument, NULL, 'r' };
    int index = 0, letter;
    while ((letter = getopt_long(argc, argv, "", names, &index)) != -1) {
        if (letter == 'p')
            options->path = optarg;
        else if (letter == 'h')
            options->host = optarg;
        else if (letter == 'r')
            options->request = optarg;
        else if (letter != 0)
            return -EINVAL;
        else
            TRY(option_set(options, &option_rows[index], optarg));
    }
    bool is_tls = options->tls || options->tls_1_2;
    bool whole = optind == argc && options->port > 0 && options->connections > 0;
    bool fits = !(options->tls && options->tls_1_2) && (!options->resumes || is_tls);
    bool is_plain = !options->body && !options->websocket && !options->close_each;
    /* HTTP/2 does what the scenarios need: GET on connections that stay. */
    fits = fits && ((is_plain && !options->once && !options->request) || !options->streams);
    fits = fits && (is_plain || !options->request);
    return whole && fits ? 0 : -EINVAL;
}

static slice request_make(const struct options *options)
{
    const char *method = options->body > 0 ? "POST" : "GET";
    char extra[256] = "";
    if (options->websocket > 0)
        snprintf(extra, sizeof(extra),
                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: " WEBSOCKET_KEY "\r\n");
    else if (options->body > 0)
        snprintf(extra, sizeof(extra),
                 "Content-Type: application/octet-stream\r\nContent-Length: %" PRIu64 "\r\n",
                 options->body);
    char *bytes = malloc(REQUEST_HEAD_MAX + options->body);
    if (!bytes)
        return (slice){ 0 };
    int head = snprintf(bytes, REQUEST_HEAD_MAX,
                        "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench-load\r\n"
                        "Accept: */*\r\n%s%s\r\n",
                        method, options->path, options->host, extra,
                        options->close_each ? "Connection: close\r\n" : "");
    if (head < 0 || head >= REQUEST_HEAD_MAX) {
        free(bytes);
        return (slice){ 0 };
    }
    memset(bytes + head, 'x', options->body);
    return slice_of(bytes, (size_t)head + options->body);
}

/* The one of the file, or one that is made. 0 · -ENOMEM · -errno, the file's problem told on stderr
 */
static int request_prepare(const struct options *options, struct client_plan *plan)
{
    if (!options->request) {
        plan->request = request_make(options);
        return plan->request.ptr ? 0 : -ENOMEM;
    }
    TRY(request_read(options->request, &plan->request));
    const char *problem = request_problem(plan->request);
    if (request_marks_find(plan->request, &plan->marks) != 0)
        problem = "it has too many places that vary";
    if (problem)
        fprintf(stderr, "bench_load: %s is no request that can be sent: %s\n", options->request,
                problem);
    return problem ? -EINVAL : 0;
}

/* Where to, and how. 0 · -ENOMEM */
static int transport_plan_make(const struct options *options, struct transport_plan *plan)
{
    plan->to.sin_family = AF_INET;
    plan->to.sin_port = htons((uint16_t)options->port);
    plan->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    plan->sources = (unsigned)options->sources;
    plan->send_buffer = (int)options->send_buffer;
    plan->name = options->host;
    plan->resumes = options->resumes != 0;
    if (!options->tls && !options->tls_1_2)
        return 0;
    return transport_plan_tls(plan, options->tls_1_2 != 0, options->streams ? "h2" : "http/1.1");
}

static void load_plan(const struct options *options, struct load *load)
{
    static char frame[WEBSOCKET_HEAD_MAX + CLIENT_FRAME_MAX];
    struct client_plan *plan = &load->plan;
    plan->streams = (unsigned)options->streams;
    plan->path = options->path;
    plan->length = options->length;
    plan->close_each = options->close_each != 0;
    if (options->websocket > 0) {
        size_t bytes = (size_t)options->websocket;
        size_t head = websocket_head_write(WEBSOCKET_BINARY, true, bytes, frame);
        for (size_t i = 0; i < bytes; i++)
            frame[head + i] = (char)('a' + i % 26);
        plan->frame = slice_of(frame, head + bytes);
        plan->length = bytes;
    }
    load->client_count = (unsigned)options->connections;
    load->concurrency =
        options->concurrency > 0 ? (unsigned)options->concurrency : load->client_count;
    load->retries = options->retries != 0;
    load->timeout_ns = (int64_t)options->timeout_seconds * 1000000000;
}

/* As many descriptors as the connections need. */
static int descriptors_raise(uint64_t connections)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -errno;
    rlim_t wanted = connections + 16;
    if (limit.rlim_cur >= wanted)
        return 0;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
}

static void step_wait(const struct options *options)
{
    if (!options->step)
        return;
    int character;
    do
        character = getchar();
    while (character != '\n' && character != EOF);
}

static void result_print(const struct load *load)
{
    const struct histogram *times = &load->times;
    printf("{\"requests\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"cut\": %" PRIu64
           ", \"gone\": %" PRIu64 ", \"seconds\": %.6f",
           load->finished, load->failed, load->cut, load->gone, (double)load->elapsed_ns / 1e9);
    printf(", \"full\": %" PRIu64 ", \"resumed\": %" PRIu64 ", \"agreed\": \"%s\"",
           load->plan.transport.full, load->plan.transport.resumed, load->plan.transport.agreed);
    static const struct {
        const char *name;
        unsigned per_mille;
    } quantiles[] = { { "p50", 500 }, { "p99", 990 }, { "p999", 999 }, { "max", 1000 } };
    for (size_t i = 0; i < ARRAY_LENGTH(quantiles); i++)
        printf(", \"%s_us\": %.1f", quantiles[i].name,
               (double)histogram_quantile_ns(times, quantiles[i].per_mille) / 1e3);
    printf(", \"error\": \"%s\"}\n", load->error ? load->error : "");
    fflush(stdout);
}

static int load_perform(struct load *load, const struct options *options)
{
    if (options->warm_up > 0) {
        TRY(load_run(load, options->warm_up));
        if (load->failed > 0) {
            result_print(load);
            return 0;
        }
    }
    if (options->step)
        printf("warm\n");
    fflush(stdout);
    step_wait(options);
    load->rate = (double)options->rate;
    load->once = options->once != 0;
    TRY(load_run(load, options->requests));
    result_print(load);
    step_wait(options);
    uint64_t lost = load->once ? load_lost(load) : 0;
    if (lost > 0)
        fprintf(stderr, "bench_load: %" PRIu64 " connections did not stay open\n", lost);
    load->failed += lost;
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = { .connections = 1,
                               .requests = 1,
                               .timeout_seconds = TIMEOUT_SECONDS,
                               .host = "bench.test",
                               .path = "/" };
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    if (options_parse(argc, argv, &options) != 0) {
        usage(stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    static struct load load;
    load_plan(&options, &load);
    int error = request_prepare(&options, &load.plan);
    if (error == 0)
        error = transport_plan_make(&options, &load.plan.transport);
    if (error == 0)
        error = descriptors_raise(options.connections);
    /* Waits for the next start are exact to the microsecond, not to the default 50. */
    if (error == 0 && (prctl(PR_SET_TIMERSLACK, 1) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0))
        error = -errno;
    if (error == 0)
        error = load_open(&load);
    if (error == 0) {
        error = load_perform(&load, &options);
        load_close(&load);
    }
    transport_plan_end(&load.plan.transport);
    free((char *)load.plan.request.ptr);
    if (error != 0)
        fprintf(stderr, "bench_load: %s\n", strerror(-error));
    return error != 0 || load.failed > 0 ? 1 : 0;
}
