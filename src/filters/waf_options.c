/* `waf`: which rules judge requests and responses, and how strictly. */
#include "filters/options.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/number.h"
#include "config/value.h"
#include "proxy/waf_settings.h"
#include "wire/field.h"
#include "wire/uri.h"

#define OBJECT_WAF         (OBJECT_FEATURE + FEATURE_WAF)
#define RULE_ID_MAX        4000000000u
#define PATH_BYTES_MAX     2048u
#define EXCLUSIONS_MAX     1000u
#define RESPONSE_BYTES_MAX (1ull << 30)

static int waf_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *level = option_argument(a, 0), *mode = option_argument(a, 1);
    if (!level->is_set && !mode->is_set && !a->statement->has_block)
        return option_refuse(a, &a->statement->name,
                             "a level such as balanced, a mode, or a block");
    if (level->is_set) {
        w->level = (uint8_t)level->number;
        w->level_word = level->word;
    }
    if (mode->is_set)
        w->mode = (uint8_t)mode->number;
    return statement_where(a->statement, a->arena, &w->where);
}

/* --- Which rules ------------------------------------------------------------------------------ */

static bool names_a_set(slice text)
{
    return slice_equal_fold(text, SLICE("crs")) || slice_equal_fold(text, SLICE("builtin"));
}

static int rules_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *words = option_argument(a, 0);
    struct waf_source source = { .kind = WAF_SOURCE_FILES, .word = words->words };
    uint32_t first = 0;
    if (slice_equal(words->texts[0], SLICE("builtin"))) {
        source.kind = WAF_SOURCE_BUILTIN;
        first = 1;
        if (words->count > 1)
            return option_refuse(a, &words->words[1], "nothing behind 'builtin'");
    }
    if (slice_equal(words->texts[0], SLICE("crs"))) {
        source.kind = WAF_SOURCE_CRS;
        first = 1;
        if (words->count > 2)
            return option_refuse(a, &words->words[2], "one folder behind 'crs'");
    }
    for (uint32_t i = first; i < words->count; i++) {
        if (source.kind == WAF_SOURCE_FILES && names_a_set(words->texts[i]))
            return option_refuse(a, &words->words[i],
                                 "files, or 'crs' or 'builtin' alone, in small letters");
        slice path = arena_copy(a->arena, words->texts[i]);
        if (!path.ptr)
            return -ENOMEM;
        TRY(option_append(a->arena, OPTION_ARRAY(source.paths, source.count), &path, 1));
    }
    w->source = source;
    return 0;
}

/* --- Rules by number -------------------------------------------------------------------------- */

/* "942100" or "942100-942199" */
static bool read_ids(slice text, struct id_range *ret)
{
    uint64_t first = 0, last = 0;
    size_t dash = slice_find_byte(text, '-');
    if (number_parse(slice_first(text, dash), RULE_ID_MAX, &first) || first == 0)
        return false;
    last = first;
    if (dash < text.len && number_parse(slice_after(text, dash + 1), RULE_ID_MAX, &last))
        return false;
    *ret = (struct id_range){ (uint32_t)first, (uint32_t)last };
    return last >= first;
}

#define IDS_EXPECTED "the number of a rule such as 942100, or a range such as 942100-942199"

static int mention(const struct option_apply *a, const struct word *word, struct waf_mention *ret)
{
    *ret = (struct waf_mention){ word, arena_take(a->arena, sizeof *ret->is_meant) };
    return ret->is_meant ? 0 : -ENOMEM;
}

static int shadow_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *ids = option_argument(a, 0);
    for (uint32_t i = 0; i < ids->count; i++) {
        struct id_range range;
        struct waf_mention m;
        if (!read_ids(ids->texts[i], &range))
            return option_refuse(a, &ids->words[i], IDS_EXPECTED);
        TRY(mention(a, &ids->words[i], &m));
        TRY(option_append(a->arena, OPTION_ARRAY(w->shadows, w->shadow_count), &range, 1));
        TRY(option_append(a->arena, OPTION_ARRAY(w->shadow_mentions, w->shadow_mention_count), &m,
                          1));
    }
    return 0;
}

/* --- Exclusions ------------------------------------------------------------------------------- */

/* The words of the row, in its order. */
enum exclude_word {
    EXCLUDE_WHAT,
    EXCLUDE_VALUE,
    EXCLUDE_ARG,
    EXCLUDE_HEADER,
    EXCLUDE_COOKIE,
    EXCLUDE_ON,
    EXCLUDE_BECAUSE,
    EXCLUDE_UNTIL
};

static int read_what(const struct option_apply *a, struct waf_exclusion *e)
{
    const struct argument_value *value = option_argument(a, EXCLUDE_VALUE);
    struct id_range range;
    if (option_argument(a, EXCLUDE_WHAT)->number == 0) {
        if (!read_ids(value->text, &range))
            return option_refuse(a, value->word, IDS_EXPECTED);
        e->first_id = range.first;
        e->last_id = range.last;
        return 0;
    }
    for (size_t i = 0; i < value->text.len; i++)
        if (!(value->text.ptr[i] >= 'a' && value->text.ptr[i] <= 'z') && value->text.ptr[i] != '-')
            return option_refuse(a, value->word,
                                 "a class of attacks: sqli, xss, rce, lfi, rfi, "
                                 "protocol, injection-php, injection-java …");
    e->attack = arena_copy(a->arena, value->text);
    return e->attack.ptr ? 0 : -ENOMEM;
}

static int read_place(const struct option_apply *a, struct waf_exclusion *e)
{
    static const enum waf_place places[] = { WAF_PLACE_ARG, WAF_PLACE_HEADER, WAF_PLACE_COOKIE };
    for (unsigned i = 0; i < ARRAY_LENGTH(places); i++) {
        const struct argument_value *name = option_argument(a, EXCLUDE_ARG + i);
        if (!name->is_set)
            continue;
        if (e->place != WAF_PLACE_ALL)
            return option_refuse(a, name->word, "one of arg, header and cookie");
        if (name->text.len == 0)
            return option_refuse(a, name->word, "a name");
        e->place = places[i];
        e->name = arena_copy(a->arena, name->text);
        if (!e->name.ptr)
            return -ENOMEM;
    }
    return 0;
}

/* Compared with the canonical path of requests. */
static int read_path(const struct option_apply *a, struct waf_exclusion *e)
{
    const struct argument_value *on = option_argument(a, EXCLUDE_ON);
    struct path_options options = { .slashes = SLASH_KEEP, .collapse_slashes = true };
    const char *reason = "";
    char text[PATH_BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    if (!on->is_set)
        return 0;
    slice path = on->text;
    if (path.len && path.ptr[path.len - 1] == '*') {
        e->path_is_prefix = true;
        path.len--;
    }
    if (path.len == 0 || path.ptr[0] != '/' || slice_find_byte(path, '*') < path.len ||
        path_canonicalize(path, &options, &w, &reason) != 0)
        return option_refuse(a, on->word, "a path such as /blog/save, or /blog/* for all below it");
    e->path = arena_copy(a->arena, writer_slice(&w));
    return e->path.ptr ? 0 : -ENOMEM;
}

/* "2027-03-01": until the end of that day, UTC. */
static bool read_date(slice text, int64_t *ret_s)
{
    uint64_t year, month, day;
    if (text.len != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        number_parse(slice_first(text, 4), 9999, &year) ||
        number_parse(slice_of(text.ptr + 5, 2), 12, &month) ||
        number_parse(slice_of(text.ptr + 8, 2), 31, &day))
        return false;
    struct tm date = { .tm_year = (int)year - 1900,
                       .tm_mon = (int)month - 1,
                       .tm_mday = (int)day,
                       .tm_hour = 23,
                       .tm_min = 59,
                       .tm_sec = 59 };
    int64_t seconds = timegm(&date);
    *ret_s = seconds;
    return month > 0 && date.tm_mday == (int)day && date.tm_mon == (int)month - 1 && seconds > 0;
}

static int exclude_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *because = option_argument(a, EXCLUDE_BECAUSE),
                                *until = option_argument(a, EXCLUDE_UNTIL);
    struct waf_exclusion e = { 0 };
    TRY(read_what(a, &e));
    TRY(read_place(a, &e));
    TRY(read_path(a, &e));
    if (until->is_set && !read_date(until->text, &e.until_s))
        return option_refuse(a, until->word, "a day such as 2027-03-01");
    if (e.until_s && e.until_s < clock_wall_ms() / 1000)
        diagnostics_add(a->diagnostics, W0706, &until->word->span, "the exclusion has expired");
    if (w->exclusion_count >= EXCLUSIONS_MAX)
        return option_refuse(a, a->statement->arguments, "at most 1000 exclusions in one place");
    e.because = arena_copy(a->arena, because->is_set ? because->text : SLICE("-"));
    if (!e.because.ptr)
        return -ENOMEM;
    TRY(statement_where(a->statement, a->arena, &e.where));
    TRY(mention(a, option_argument(a, EXCLUDE_VALUE)->word, &e.mention));
    return option_append(a->arena, OPTION_ARRAY(w->exclusions, w->exclusion_count), &e, 1);
}

/* --- What is inspected beyond the rules' own targets -------------------------------------------
 */

static int inspect_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *what = option_argument(a, 0);
    w->inspects_base64 = w->inspects_headers = false;
    for (uint32_t i = 0; i < what->count; i++) {
        if (slice_equal(what->texts[i], SLICE("base64")))
            w->inspects_base64 = true;
        else if (slice_equal(what->texts[i], SLICE("headers")))
            w->inspects_headers = true;
        else if (what->count > 1 || !slice_equal(what->texts[i], SLICE("off")))
            return option_refuse(a, &what->words[i], "base64, headers, or off alone");
    }
    return 0;
}

/* --- Responses -------------------------------------------------------------------------------- */

static bool is_media_type(slice text)
{
    size_t slash = slice_find_byte(text, '/');
    return slash < text.len && field_name_is_token(slice_first(text, slash)) &&
           field_name_is_token(slice_after(text, slash + 1));
}

static int response_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *size = option_argument(a, 0), *types = option_argument(a, 1),
                                *within = option_argument(a, 2);
    uint64_t bytes = 0;
    if (!slice_equal(size->text, SLICE("off")) &&
        (value_size(size->text, &bytes) != 0 || bytes == 0 || bytes > RESPONSE_BYTES_MAX))
        return option_refuse(a, size->word, "off, or a size up to 1G such as 512K");
    w->response_bytes_max = bytes;
    w->response_type_count = 0;
    w->response_ms = within->is_set ? (int64_t)within->number : WAF_RESPONSE_MS;
    for (uint32_t i = 0; i < types->count; i++) {
        slice type = arena_copy(a->arena, types->texts[i]);
        if (!type.ptr)
            return -ENOMEM;
        if (!is_media_type(type))
            return option_refuse(a, &types->words[i], "a media type such as text/html");
        TRY(option_append(a->arena, OPTION_ARRAY(w->response_types, w->response_type_count), &type,
                          1));
    }
    return 0;
}

/* --- What is not written of a statement is as if nothing had been inherited --------------------
 */

static int threshold_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *response = option_argument(a, 1);
    w->outbound_threshold = response->is_set ? (uint32_t)response->number : 0;
    return 0;
}

static int budget_apply(struct option_apply *a)
{
    struct waf_settings *w = a->object;
    const struct argument_value *then = option_argument(a, 1);
    w->budget_passes = then->is_set && then->number == 1;
    return 0;
}

static const struct directive rows[] = {
    { .name = "waf",
      .scopes = SCOPE_DEFAULTS | SCOPE_POLICY | SCOPE_SITE | SCOPE_ROUTE,
      .block_scope = SCOPE_WAF,
      .block_is_optional = true,
      .merges = true,
      .arguments = { { .name = "LEVEL",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_OPTIONAL,
                       .choices = "off|low|balanced|strict|paranoid" },
                     { .name = "mode",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_KEYWORD,
                       .choices = "off|shadow|enforce" } },
      .object = OBJECT_WAF,
      .preset = "balanced",
      .meaning = "Requests and responses are judged by SecLang rules",
      .details =
          "low: paranoia level 1 of the rules, refused from a score of 10; balanced: level 1, "
          "from 5; strict: level 2; paranoid: level 3. mode shadow: everything is judged and "
          "told, nothing refused. Without LEVEL what is inherited stays, and the block adds to "
          "it. A body that rules can read is held until the verdict.",
      .example = "waf strict mode shadow",
      .since = "0.3",
      .apply = waf_apply },
    { .name = "rules",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "WHERE", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_WAF,
      .preset = "builtin",
      .meaning = "The rules: builtin, crs, crs FOLDER, or files of SecLang",
      .details =
          "builtin: those that are part of the program (`portcullis waf rules` prints "
          "them). crs: the OWASP Core Rule Set as the distribution's package installs it, with its "
          "crs-setup.conf and plugins in their documented order, or the copy in FOLDER. "
          "Files may be patterns such as /etc/portcullis/rules/*.conf; they are read in the "
          "order written, those of a pattern by name.",
      .example = "rules crs",
      .since = "0.3",
      .apply = rules_apply },
    { .name = "paranoia",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_NUMBER,
                       .min = 1,
                       .max = 4,
                       STORED(struct waf_settings, paranoia) } },
      .object = OBJECT_WAF,
      .meaning = "The paranoia level of the rules, instead of the one of LEVEL",
      .example = "paranoia 2",
      .since = "0.3" },
    { .name = "threshold",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_NUMBER,
                       .min = 1,
                       .max = 100000,
                       STORED(struct waf_settings, threshold) },
                     { .name = "response",
                       .kind = ARGUMENT_NUMBER,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 100000 } },
      .object = OBJECT_WAF,
      .meaning = "The score from which on a request is refused, and a response",
      .details =
          "A rule adds 5 when it is critical, 4 for an error, 3 for a warning, 2 for a notice. A "
          "response is refused from 4 unless written.",
      .example = "threshold 7 response 4",
      .since = "0.3",
      .apply = threshold_apply },
    { .name = "exclude",
      .scopes = SCOPE_WAF,
      .is_repeatable = true,
      .arguments = { { .name = "WHAT", .kind = ARGUMENT_CHOICE, .choices = "rule|attack" },
                     { .name = "VALUE", .kind = ARGUMENT_TEXT },
                     { .name = "arg", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD },
                     { .name = "header", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD },
                     { .name = "cookie", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD },
                     { .name = "on", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD },
                     { .name = "because", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD },
                     { .name = "until", .kind = ARGUMENT_TEXT, .form = FORM_KEYWORD } },
      .object = OBJECT_WAF,
      .meaning = "What a rule, or a class of attacks, does not look at",
      .details = "With arg, header or cookie only the value of that name is left out; with on only "
                 "for one path, or all below it (/blog/*). until is the last day that it holds, in "
                 "UTC; afterwards `check` tells. A rule is a number or a range, a class "
                 "what stands behind 'attack-' in the tags of rules. Statements of defaults, "
                 "policy, site and route add up.",
      .example = "exclude rule 942100 arg body on /blog/save because \"editors paste SQL\" until "
                 "2027-03-01",
      .since = "0.3",
      .apply = exclude_apply },
    { .name = "shadow",
      .scopes = SCOPE_WAF,
      .is_repeatable = true,
      .arguments = { { .name = "RULE", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_WAF,
      .meaning = "Rules that are told when they match, and add to no score and refuse nothing",
      .example = "shadow 942200 943100-943199",
      .since = "0.3",
      .apply = shadow_apply },
    { .name = "inspect",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "WHAT", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_WAF,
      .preset = "base64 headers",
      .meaning = "What is looked at beyond what the rules name: base64, headers; or off",
      .details = "base64: arguments, cookies and header fields that are Base64 of text are looked "
                 "into, under their own name. headers: rules for arguments look at header fields "
                 "that no standard knows, and at the query of the Referer.",
      .example = "inspect base64",
      .since = "0.3",
      .apply = inspect_apply },
    { .name = "body",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "SIZE",
                       .kind = ARGUMENT_SIZE,
                       .min = 1024,
                       .max = 1ull << 30,
                       STORED(struct waf_settings, body_bytes_max) } },
      .object = OBJECT_WAF,
      .preset = "1M",
      .meaning = "How much of a request's body is looked at; a longer one is refused with 413",
      .details = "Contents of uploaded files do not count.",
      .example = "body 4M",
      .since = "0.3" },
    { .name = "response",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "SIZE", .kind = ARGUMENT_TEXT },
                     { .name = "TYPE", .kind = ARGUMENT_TEXT, .form = FORM_SOME },
                     { .name = "within",
                       .kind = ARGUMENT_DURATION,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 3600000 } },
      .object = OBJECT_WAF,
      .preset = "512K within 2s",
      .meaning = "How much of a response's body is looked at, of which media types; or off",
      .details = "Such a body is held until it has come, up to SIZE and as long as `within`; what "
                 "comes behind is not looked at. Without TYPE: as the rules say, else text/html, "
                 "text/plain and text/xml; without `within`: 2s. Other responses are not delayed.",
      .example = "response 1M text/html application/json within 5s",
      .since = "0.3",
      .apply = response_apply },
    { .name = "budget",
      .scopes = SCOPE_WAF,
      .arguments = { { .name = "TIME",
                       .kind = ARGUMENT_DURATION,
                       .min = 1,
                       .max = 60000,
                       STORED(struct waf_settings, budget_ms) },
                     { .name = "then",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_KEYWORD,
                       .choices = "refuse|pass" } },
      .object = OBJECT_WAF,
      .preset = "200ms",
      .meaning = "Time of the processor that judging one exchange may take, and what comes then",
      .details = "Files in forms have 50 ms more for each MiB. The log names the rule that was at "
                 "work. refuse unless written.",
      .example = "budget 100ms then refuse",
      .since = "0.3",
      .apply = budget_apply },
};

const struct directive_table waf_options = { "Web application firewall", rows, ARRAY_LENGTH(rows) };
