/* Every row of every table is fed its example, its default, both bounds, one beyond each, a wrong
 * type, a wrong place and a misspelling, and the messages are looked at. */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "config/suggest.h"
#include "control/load.h"
#include "control/load_rules_test.h"
#include "control/reason.h"
#include "control/vocabulary.h"
#include "proxy/options.h"

static struct diagnostics diagnostics;
static struct configuration *configuration;
static char config[65536];

static void forget(void)
{
    configuration_free(configuration);
    configuration = NULL;
    diagnostics_close(&diagnostics);
}

static void load(slice text)
{
    forget();
    diagnostics_open(&diagnostics);
    struct load_options options = { .text = text, .rules = test_rules() };
    int result = configuration_load(&options, &configuration, &diagnostics);
    assert_int_equal(result, diagnostics.errors ? -EINVAL : 0);
}

static int finish(UNUSED void **state)
{
    forget();
    return 0;
}

static bool is_named(const struct directive *row, const char *name)
{
    return strcmp(row->name, name) == 0;
}

/* How a statement of a scope stands in a file. */
static const char *const frames[SCOPE_COUNT] = {
    "%s",
    "defaults { %s }",
    "policy sample { %s }",
    "site sample.test { %s%s }",
    "site sample.test { respond 200; route /sample { %s } }",
    "site sample.test { respond 200 }\nextend site sample.test { %s }",
    "origin sample { server 127.0.0.1:9 https://127.0.0.1:9; %s }",
    "site sample.test { respond 200; timeout { %s } }",
    "timeout { %s }",
    "origin sample { server 127.0.0.1:9; timeout { %s } }",
    "site sample.test { respond 200; limits { %s } }",
    "limits { %s }",
    "site sample.test { respond 200; headers { %s } }",
    "site sample.test { respond 200; headers { request { %s } } }",
    "origin sample { server https://127.0.0.1:9; tls { %s } }",
    "site sample.test { respond 200; tls { %s } }",
    "site sample.test { respond 200; auth off { %s } }",
    "acme { %s }",
    "site sample.test { respond 200; waf off { %s } }",
};

/* What examples refer to. */
static void write_surroundings(struct writer *w, const struct directive *row)
{
    if (!is_named(row, "listen"))
        writer_text(w, "listen 127.0.0.1:8080\n");
    if (!is_named(row, "policy"))
        writer_text(w, "policy public { }\n");
    if (!is_named(row, "site"))
        writer_text(w, "site app.example.com { respond 200; tls off }\n");
}

static void load_in_scope(const struct directive *row, uint32_t bit, const char *statement)
{
    struct writer w = writer_over(config, sizeof config);
    write_surroundings(&w, row);
    bool answers = is_named(row, "to") || is_named(row, "redirect") || is_named(row, "respond");
    slice frame = slice_from(frames[bit]);
    size_t at = slice_find(frame, SLICE("%s"));
    writer_slice_add(&w, slice_first(frame, at));
    writer_text(&w, statement);
    frame = slice_after(frame, at + 2);
    if (slice_starts_with(frame, SLICE("%s"))) {
        frame = slice_after(frame, 2);
        writer_text(&w, answers ? "" : "; respond 200");
    }
    writer_slice_add(&w, frame);
    writer_byte(&w, '\n');
    assert_false(w.overflowed);
    load(writer_slice(&w));
}

static void assert_loads(const struct directive *row, uint32_t bit, const char *statement)
{
    load_in_scope(row, bit, statement);
    if (diagnostics.errors)
        fail_msg("%s in %s: %s: %.*s", row->name, scope_names[bit], statement,
                 SLICE_ARGUMENTS(diagnostics.items[0].message));
}

/* The first error has this code, and its message, label or help contain the text. */
static void assert_refused(const struct directive *row, uint32_t bit, const char *statement,
                           enum diagnostic_code code, const char *text)
{
    load_in_scope(row, bit, statement);
    const struct diagnostic *found = NULL;
    for (uint32_t i = 0; i < diagnostics.count && !found; i++)
        if (diagnostics.items[i].code == code)
            found = &diagnostics.items[i];
    if (!found)
        fail_msg("%s in %s: %s gave %u errors, first E%04u", row->name, scope_names[bit], statement,
                 diagnostics.errors, diagnostics.count ? diagnostics.items[0].code : 0);
    slice parts[] = { found->message, found->label, found->help };
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        if (slice_find(parts[i], slice_from(text)) < parts[i].len)
            return;
    fail_msg("%s: %s: neither \"%.*s\" nor \"%.*s\" contains \"%s\"", row->name, statement,
             SLICE_ARGUMENTS(found->message), SLICE_ARGUMENTS(found->help), text);
}

/* Calls `check` for every row and every scope it may stand in. */
static void for_each_row(void (*check)(const struct directive *row, uint32_t bit))
{
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            for (uint32_t bit = 0; bit < SCOPE_COUNT; bit++)
                if (vocabulary_tables[i]->rows[j].scopes & (1u << bit))
                    check(&vocabulary_tables[i]->rows[j], bit);
}

/* --- examples and defaults --- */

/* The files of an example are the reader's: here they are missing, which is all that may be wrong.
 */
static void check_example(const struct directive *row, uint32_t bit)
{
    load_in_scope(row, bit, row->example);
    for (uint32_t i = 0; i < diagnostics.count; i++)
        if (!code_is_warning(diagnostics.items[i].code) && diagnostics.items[i].code != E0501)
            fail_msg("%s in %s: %s: %.*s", row->name, scope_names[bit], row->example,
                     SLICE_ARGUMENTS(diagnostics.items[i].message));
}

TEST(every_example_loads_wherever_it_may_stand)
{
    for_each_row(check_example);
}

static void check_preset(const struct directive *row, uint32_t bit)
{
    if (!row->preset)
        return;
    char statement[256];
    struct writer w = writer_over(statement, sizeof statement - 1);
    writer_format(&w, "%s %s", row->name, row->preset);
    statement[w.len] = '\0';
    assert_loads(row, bit, statement);
}

TEST(every_default_is_written_in_the_language)
{
    for_each_row(check_preset);
}

static const char *object_of(const struct directive *row)
{
    switch (row->object) {
    case OBJECT_CONFIGURATION:
        return (const char *)configuration;
    case OBJECT_LIMITS_GLOBAL:
        return (const char *)&configuration->limits;
    case OBJECT_ORIGIN:
        return (const char *)&configuration->origins[0];
    case OBJECT_ORIGIN_TLS:
        return (const char *)configuration->origins[0].tls;
    case OBJECT_ROUTE:
        return (const char *)&configuration->sites[0].routes[0];
    default:
        return configuration->defaults[row->object - OBJECT_FEATURE];
    }
}

/* Loads with and without the default written: the stored values are the same. */
static void check_builtin(const struct directive *row, uint32_t bit)
{
    if (!row->preset || (1u << bit) & (SCOPE_TIMEOUT | SCOPE_LIMITS | SCOPE_TIMEOUT_ORIGIN))
        return;
    for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
        const struct argument *a = &row->arguments[i];
        uint64_t written = 0, builtin = 0;
        if (!a->is_stored)
            continue;
        check_preset(row, bit);
        memcpy(&written, object_of(row) + a->offset, a->bytes);
        load(SLICE("listen :80\norigin o { server 127.0.0.1:9 https://127.0.0.1:9 }\nsite s.test { "
                   "to o }"));
        memcpy(&builtin, object_of(row) + a->offset, a->bytes);
        if (written != builtin)
            fail_msg("%s: %llu is written, %llu is built in", row->name,
                     (unsigned long long)written, (unsigned long long)builtin);
    }
}

TEST(what_is_built_in_is_what_the_default_says)
{
    for_each_row(check_builtin);
}

/* --- arguments --- */

static const char *sample_of(const struct argument *a)
{
    static const struct {
        const char *name, *sample;
    } samples[] = { { "ADDRESS", "127.0.0.1:9" },
                    { "PATTERN", "/sample" },
                    { "LOCATION", "/sample" },
                    { "NETWORK", "10.0.0.0/8" },
                    { "HOST", "x.test" },
                    { "ORIGIN", "127.0.0.1:9" },
                    { "PIN", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
                    { "NAME", "sample" },
                    { "FILE", "system" },
                    { "path", "/sample" },
                    { "ITEM", "10.0.0.0/8" },
                    { "SIZE", "64K" },
                    { "to", "stdout" } };
    for (size_t i = 0; i < ARRAY_LENGTH(samples); i++)
        if (strcmp(samples[i].name, a->name) == 0)
            return samples[i].sample;
    return "sample";
}

static void write_number(struct writer *w, const struct argument *a, uint64_t number)
{
    switch (a->kind) {
    case ARGUMENT_DURATION:
        value_write_duration(w, number);
        return;
    case ARGUMENT_SIZE:
        value_write_size(w, number);
        return;
    case ARGUMENT_SIZE_RATE:
        value_write_size(w, number);
        writer_literal(w, "/s");
        return;
    case ARGUMENT_RATE:
        writer_format(w, "%llu/s", (unsigned long long)number);
        return;
    case ARGUMENT_PERCENT:
        writer_format(w, "%llu%%", (unsigned long long)number);
        return;
    case ARGUMENT_NUMBER:
    case ARGUMENT_COUNT:
        writer_decimal(w, number);
        return;
    case ARGUMENT_CHOICE:
        writer_slice_add(
            w, slice_first(slice_from(a->choices), slice_find_byte(slice_from(a->choices), '|')));
        return;
    case ARGUMENT_NONE:
    case ARGUMENT_NAME:
    case ARGUMENT_TEXT:
    case ARGUMENT_SECRET:
        writer_text(w, sample_of(a));
        return;
    }
}

/* The statement with this text for argument `index`, and what is needed for the others. */
static const char *statement_with(const struct directive *row, size_t index, slice text)
{
    static char statement[512];
    struct writer w = writer_over(statement, sizeof statement - 1);
    writer_text(&w, row->name);
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i].kind != ARGUMENT_NONE; i++) {
        const struct argument *a = &row->arguments[i];
        bool is_needed = a->form == FORM_ONE || a->form == FORM_MANY;
        if (i != index && !is_needed)
            continue;
        writer_byte(&w, ' ');
        if (a->form == FORM_KEYWORD)
            writer_format(&w, "%s ", a->name);
        if (i == index)
            writer_slice_add(&w, text);
        else
            write_number(&w, a, a->min);
    }
    if (row->block_scope)
        writer_text(&w, is_named(row, "origin") ? " { server 127.0.0.1:9 }" : " { }");
    statement[w.len] = '\0';
    return statement;
}

static bool is_number(const struct argument *a)
{
    return a->kind == ARGUMENT_NUMBER || a->kind == ARGUMENT_COUNT ||
           a->kind == ARGUMENT_DURATION || a->kind == ARGUMENT_SIZE ||
           a->kind == ARGUMENT_SIZE_RATE || a->kind == ARGUMENT_RATE || a->kind == ARGUMENT_PERCENT;
}

/* No complaint about the argument itself; a bound may still disagree with another setting. */
static void assert_accepted(const struct directive *row, uint32_t bit, const char *statement)
{
    load_in_scope(row, bit, statement);
    for (uint32_t i = 0; i < diagnostics.count; i++)
        if (diagnostics.items[i].code >= 300 && diagnostics.items[i].code < 400)
            fail_msg("%s: %s: %.*s", row->name, statement,
                     SLICE_ARGUMENTS(diagnostics.items[i].message));
}

static void check_bound(const struct directive *row, uint32_t bit, size_t index, uint64_t number,
                        bool is_allowed)
{
    char text[64], range[96];
    struct writer w = writer_over(text, sizeof text), r = writer_over(range, sizeof range - 1);
    write_number(&w, &row->arguments[index], number);
    argument_write_range(&r, &row->arguments[index]);
    range[r.len] = '\0';
    const char *statement = statement_with(row, index, writer_slice(&w));
    if (is_allowed)
        assert_accepted(row, bit, statement);
    else
        assert_refused(row, bit, statement, E0305, range);
}

static void check_bounds(const struct directive *row, uint32_t bit)
{
    for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
        const struct argument *a = &row->arguments[i];
        if (!is_number(a))
            continue;
        check_bound(row, bit, i, a->min, true);
        check_bound(row, bit, i, a->max, true);
        check_bound(row, bit, i, a->max + 1, false);
        if (a->min > 0)
            check_bound(row, bit, i, a->min - 1, false);
        uint64_t largest = a->bytes == 8 || !a->is_stored ? UINT64_MAX : (1ull << 8 * a->bytes) - 1;
        assert_true(a->max <= largest);
    }
}

TEST(bounds_are_allowed_and_what_lies_beyond_is_not)
{
    for_each_row(check_bounds);
}

static void check_wrong_type(const struct directive *row, uint32_t bit)
{
    for (size_t i = 0; i < ARGUMENTS_MAX; i++) {
        const struct argument *a = &row->arguments[i];
        const char *statement = statement_with(row, i, SLICE("no/thing!"));
        if (is_number(a) || (a->kind == ARGUMENT_NAME && a->form == FORM_ONE))
            assert_refused(row, bit, statement, E0304, "got no/thing!");
        else if (a->kind == ARGUMENT_CHOICE && a->form != FORM_OPTIONAL)
            assert_refused(row, bit, statement, E0306, "expects");
    }
}

TEST(a_wrong_type_says_what_was_expected)
{
    for_each_row(check_wrong_type);
}

static void check_missing(const struct directive *row, uint32_t bit)
{
    bool is_needed = row->arguments[0].kind != ARGUMENT_NONE &&
                     (row->arguments[0].form == FORM_ONE || row->arguments[0].form == FORM_MANY);
    char statement[64];
    struct writer w = writer_over(statement, sizeof statement - 1);
    writer_format(&w, "%s%s", row->name, row->block_scope ? " { }" : "");
    statement[w.len] = '\0';
    if (is_needed)
        assert_refused(row, bit, statement, E0301, "it is written:");
}

TEST(a_missing_argument_shows_the_syntax)
{
    for_each_row(check_missing);
}

/* What a ${...} gives may be a secret, whatever the argument is. */
static const char *const outside_values[] = {
    "hunter2",   "hunter2/x y",        "http://hunter2/x", "hunter2:99999",   "{hunter2}",
    "/hunter2*", "1.2.3.4:80/hunter2", ":hunter2",         "/hunter2/../../x"
};

static void check_outside(const struct directive *row, uint32_t bit)
{
    static char shown[DIAGNOSTIC_TEXT_MAX];
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i].kind != ARGUMENT_NONE; i++) {
        if (row->arguments[i].form == FORM_FLAG)
            continue;
        load_in_scope(row, bit, statement_with(row, i, SLICE("${env:DIRECTIVES_TEST}")));
        for (uint32_t j = 0; j < diagnostics.count; j++) {
            struct writer w = writer_over(shown, sizeof shown);
            diagnostic_write_text(&w, &diagnostics.items[j], &(struct diagnostic_style){ 0 });
            diagnostic_write_json(&w, &diagnostics.items[j]);
            if (slice_find(writer_slice(&w), SLICE("hunter2")) < w.len)
                fail_msg("%s shows what came from outside: %.*s", row->name,
                         SLICE_ARGUMENTS(writer_slice(&w)));
        }
    }
}

TEST(what_came_from_outside_is_in_no_message)
{
    for (size_t i = 0; i < ARRAY_LENGTH(outside_values); i++) {
        assert_int_equal(setenv("DIRECTIVES_TEST", outside_values[i], 1), 0);
        for_each_row(check_outside);
    }
}

/* --- names and places --- */

static uint32_t scopes_of_name(const char *name)
{
    uint32_t scopes = 0;
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            if (is_named(&vocabulary_tables[i]->rows[j], name))
                scopes |= vocabulary_tables[i]->rows[j].scopes;
    return scopes;
}

static void check_wrong_places(const struct directive *row, UNUSED uint32_t bit)
{
    uint32_t allowed = scopes_of_name(row->name);
    for (uint32_t other = 0; other < SCOPE_COUNT; other++)
        if (!(allowed & (1u << other)))
            assert_refused(row, other, row->example, E0202, "it belongs in:");
}

TEST(a_wrong_place_says_where_it_belongs)
{
    for_each_row(check_wrong_places);
}

/* Another name that is as near to the misspelling. */
static bool has_rival(slice misspelt, const char *name)
{
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++) {
            const char *other = vocabulary_tables[i]->rows[j].name;
            if (strcmp(other, name) != 0 && edit_distance(misspelt, slice_from(other)) <= 1)
                return true;
        }
    for (size_t i = 0; vocabulary_later[i]; i++)
        if (edit_distance(misspelt, slice_from(vocabulary_later[i])) <= 1)
            return true;
    for (const struct habit *h = vocabulary_habits; h->word; h++)
        if (slice_equal(slice_from(h->word), misspelt))
            return true;
    return false;
}

static void check_misspelling(const struct directive *row, uint32_t bit)
{
    char statement[256], wanted[64];
    struct writer w = writer_over(statement, sizeof statement - 1),
                  q = writer_over(wanted, sizeof wanted - 1);
    size_t length = strlen(row->name);
    writer_format(&w, "%s%c", row->name, row->name[length - 1]); /* the last letter twice */
    slice misspelt = slice_first(writer_slice(&w), length + 1);
    if (has_rival(misspelt, row->name))
        return;
    writer_text(&w, row->example + length);
    statement[w.len] = '\0';
    writer_format(&q, "did you mean '%s'?", row->name);
    wanted[q.len] = '\0';
    assert_refused(row, bit, statement, E0201, wanted);
}

TEST(a_misspelling_suggests_the_name)
{
    for_each_row(check_misspelling);
}

static void check_repetition(const struct directive *row, uint32_t bit)
{
    if (row->is_repeatable)
        return;
    char statement[512];
    struct writer w = writer_over(statement, sizeof statement - 1);
    writer_format(&w, "%s; %s", row->example, row->example);
    statement[w.len] = '\0';
    assert_refused(row, bit, statement, E0203, "is written twice");
}

TEST(what_has_one_value_is_written_once)
{
    for_each_row(check_repetition);
}

TEST(rows_are_complete)
{
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++) {
            const struct directive *row = &vocabulary_tables[i]->rows[j];
            slice meaning = slice_from(row->meaning);
            assert_true(meaning.len > 10 && meaning.ptr[meaning.len - 1] != '.');
            assert_non_null(row->since);
            assert_true(slice_starts_with(slice_from(row->example), slice_from(row->name)));
            assert_true(row->scopes && row->scopes < 1u << SCOPE_COUNT);
            for (size_t k = 0; vocabulary_later[k]; k++)
                assert_string_not_equal(vocabulary_later[k], row->name);
        }
}

/* What examples and samples read: in a folder of their own, where the program is. The system's
 * authorities are many, and every load would read them: here one stands for all. */
static char folder[] = "/tmp/directives-test-XXXXXX";

static FILE *create(const char *name)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    return file;
}

static int make_files(UNUSED void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_CRL *crl = X509_CRL_new();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    X509_CRL_set1_lastUpdate(crl, X509_get0_notBefore(x));
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(x));
    assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
    FILE *file = create("authorities.pem");
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
    file = create("revoked.pem");
    assert_int_equal(PEM_write_X509_CRL(file, crl), 1);
    fclose(file);
    X509_free(x);
    X509_CRL_free(crl);
    EVP_PKEY_free(key);
    return setenv("SSL_CERT_FILE", "authorities.pem", 1);
}

static int remove_files(void **state)
{
    assert_int_equal(unlink("authorities.pem"), 0);
    assert_int_equal(unlink("revoked.pem"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
    return finish(state);
}

TEST(every_reason_says_what_it_means_and_what_to_do)
{
    for (size_t i = 0; i < reason_description_count; i++) {
        const struct reason_description *reason = &reason_descriptions[i];
        if (!reason->status || !reason->meaning || !reason->advice)
            fail_msg("%s", reason->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_says_what_it_means_and_what_to_do),
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(every_example_loads_wherever_it_may_stand),
        cmocka_unit_test(every_default_is_written_in_the_language),
        cmocka_unit_test(what_is_built_in_is_what_the_default_says),
        cmocka_unit_test(bounds_are_allowed_and_what_lies_beyond_is_not),
        cmocka_unit_test(a_wrong_type_says_what_was_expected),
        cmocka_unit_test(a_missing_argument_shows_the_syntax),
        cmocka_unit_test(what_came_from_outside_is_in_no_message),
        cmocka_unit_test(a_wrong_place_says_where_it_belongs),
        cmocka_unit_test(a_misspelling_suggests_the_name),
        cmocka_unit_test(what_has_one_value_is_written_once),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
