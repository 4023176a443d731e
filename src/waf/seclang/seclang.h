/* The reader of SecLang, ModSecurity 2's language of rules: text in, a struct ruleset out.
 *
 * A load is a struct seclang: it is opened, given files and texts in the order in which they are to
 * count, and finished; whatever happened, it is closed. What is wrong in the text is collected
 * (SECLANG_ERRORS_MAX of it) and the load goes on with the next directive, so that one look shows
 * everything; then finishing fails. Words that are not known or cannot be honoured are errors,
 * never passed over; what is accepted without effect stands in the table of directives with its
 * reason.
 *
 * Everything happens while a configuration is loaded, in memory; files come through the world. */
#pragma once

#include "waf/geo.h"
#include "waf/problem.h"
#include "waf/rule.h"

enum {
    SECLANG_ERRORS_MAX = 50,
    SECLANG_WARNINGS_MAX = 50,
    SECLANG_DEPTH_MAX = 16, /* files that include each other */
    SECLANG_FILES_MAX = 1000,
    SECLANG_RULES_MAX = 16000,
};

struct seclang;

/* What only the caller can do. `beside` is the file that asks, as list() or the caller named it;
 * relative names are relative to its folder; empty when a text asks. All lives as long as the
 * ruleset, but for what is given into an arena. */
struct seclang_world {
    void *context;

    /* The files that a name with or without * ? [ ] means, in the order of their names, as read()
     * takes them with an empty `beside`. Nothing there is no error: *ret_count is 0. 0 · -errno */
    int (*list)(void *context, slice pattern, slice beside, struct arena *arena, slice **ret_paths,
                unsigned *ret_count);

    /* The bytes of a file. 0 · -errno as file_open() has it (base/file.h) */
    int (*read)(void *context, slice path, slice beside, struct arena *arena, slice *ret_bytes);

    /* The database of places in a file; *ret_why: what is wrong with it, static. 0 · -EINVAL ·
     * -ENOMEM. NULL: there are none, @geoLookup matches nothing. */
    int (*geo_open)(void *context, slice path, slice beside, struct geo_database **ret,
                    const char **ret_why);

    /* Whether records mask what stands in an argument or field of this name. NULL: never. */
    bool (*is_masked)(slice name);
};

/* 0 · -ENOMEM */
MUST_CHECK int seclang_open(const struct seclang_world *world, struct seclang **ret_load);
void seclang_close(struct seclang *load);

/* Reads a file, or all that a pattern means, and what is included there.
 * 0 · -EINVAL something is wrong, see seclang_errors; goes on may be asked for more · -ENOMEM */
MUST_CHECK int seclang_file(struct seclang *load, slice path);

/* Reads directives that stand in memory until the load is closed. name: for errors. */
MUST_CHECK int seclang_text(struct seclang *load, slice name, slice text);

/* Resolves what could not be before everything was read, and hands over the rules; the load can
 * then only be closed. 0 · -EINVAL there were errors · -ENOMEM. The caller frees with ruleset_free.
 */
MUST_CHECK int seclang_finish(struct seclang *load, struct ruleset **ret_rules);

/* In the order in which they were met; at most SECLANG_ERRORS_MAX of *ret_total. Valid until the
 * load is closed. Warnings: what was read and cannot have the effect that was wanted, such as an
 * exclusion of a rule that there is not. */
const struct waf_problem *seclang_errors(const struct seclang *load, unsigned *ret_count,
                                         unsigned *ret_total);
const struct waf_problem *seclang_warnings(const struct seclang *load, unsigned *ret_count,
                                           unsigned *ret_total);
