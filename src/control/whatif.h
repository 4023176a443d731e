/* What a changed configuration would decide otherwise about one request: it is judged by both, dry
 * (dry_run.h), and only what differs between these two counts. So neither a masked value nor
 * anything else that a kept request lacks is taken for an effect of the change. Where what is
 * lacking may matter there is no verdict. */
#pragma once

#include "control/recorded.h"

enum whatif_class {
    WHATIF_REFUSED,      /* let through until now, refused by the change */
    WHATIF_LET_THROUGH,  /* the other way round */
    WHATIF_OTHERWISE,    /* neither: another answer, origin or reason */
    WHATIF_SHADOW_MORE,  /* let through by both, but in shadow it would newly be refused */
    WHATIF_SHADOW_FEWER, /* … no longer */
    WHATIF_SAME,
    WHATIF_UNJUDGED,
    WHATIF_CLASSES
};

enum whatif_doubt {
    DOUBT_UNREADABLE,
    DOUBT_HEAD_CUT,
    DOUBT_LISTENER,
    DOUBT_BODY_MISSING,
    DOUBT_BODY_CUT,
    DOUBT_MASKED,
    DOUBT_MASKED_FINDING,
    DOUBT_RESPONSE,
    DOUBT_CERTIFICATE,
    DOUBT_NOT_AGAIN,
    DOUBT_MEMORY,
    DOUBTS
};

struct whatif_verdict {
    enum whatif_class class;
    enum whatif_doubt doubt; /* of WHATIF_UNJUDGED */
    bool has_runs;           /* the two below are there */
    bool by_record;          /* `before` lacked a body; what was decided then is known */
    struct dry_result before, after;
    bool was_other;        /* decided then by another configuration: not compared with that */
    bool is_not_again;     /* by this one, and it does not say it again */
    bool masks_matter;     /* what the change makes of masked values is not known */
    bool counts_matter;    /* nor what its rules would have counted by then */
    bool lists_matter;     /* nor what lists in the DNS would have told them */
    bool responses_matter; /* nor what they would say of the response, or of its body */
};

/* What the verdict points to lives as long as arena, record and configurations;
 * whatif_release() comes after every call. Lack of memory is a doubt. */
void whatif_judge(const struct configuration *before, const struct configuration *after,
                  const struct recorded *r, struct arena *a, struct whatif_verdict *ret);
void whatif_release(struct whatif_verdict *v);

/* Calls for each rule that contributed to what the run decided. False: none did. */
bool whatif_rules(const struct dry_result *run,
                  void (*each)(void *context, const struct waf_match *m), void *context);

/* A rule has sent the client elsewhere. */
bool whatif_redirects(const struct dry_result *run);

/* What one stage of a run says; empty: it was not reached. */
slice whatif_stage(const struct dry_result *run, const char *name);
