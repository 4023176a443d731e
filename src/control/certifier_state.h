/* What the files of the certifier share: certifier.c (the process: its loop, what it is told),
 * certifier_work.c (what is due), certifier_world.c (keys, files, responders), certifier_status.c
 * (clients' certificates). Nobody else includes this. */
#pragma once

#include "certifier/files.h"
#include "certifier/local.h"
#include "control/certifier.h"
#include "runtime/bundle.h"
#include "runtime/event.h"

struct certifier {
    struct boot_record *boot;
    struct certifier_world world;
    struct shared_memory memory;
    struct holdings holdings;
    struct folders folders;
    struct local_authority authority;
    struct bundle fibers;    /* the keeper, and those that ask responders */
    struct event has_work;   /* for the keeper */
    bool is_told_of_changes; /* the kernel has something to say of folders */
    bool must_report;
    uint32_t asking;     /* responders, at once */
    uint64_t sequence;   /* of what is published */
    uint64_t generation; /* in force */
    /* What the generation that asked last was given; later news it gets when it is in force. */
    uint64_t answered_generation, answered_sequence;
};

extern struct certifier certifier;

/* --- certifier_world.c --- */

/* Opens the world: the store in the working directory, the keyholder's channel. 0 · -errno */
MUST_CHECK int certifier_world_open(struct certifier_world *w, int key_channel);
/* Another keyholder took the place of the one that died; its channel is taken over. */
void certifier_world_renew_keys(int channel);
void certifier_world_close(struct certifier_world *w);

/* A POST of an OCSP request, for span_ms at most. */
struct certifier_call {
    const char *url;
    slice request;
    int64_t span_ms;
};
struct certifier_reply {
    char *bytes; /* freed by the caller */
    size_t count;
    char why[WORLD_WHY_MAX]; /* after a failure */
};
/* 0 · -errno, ret->why says it */
MAY_WAIT int certifier_ask(const struct certifier_call *what, struct certifier_reply *ret);

/* The key of that name is of no use any more. */
void certifier_delete_key(const char *name);

/* --- certifier_acme.c --- */

/* 0 · -errno */
MUST_CHECK int certifier_acme_open(void);
void certifier_acme_close(void);
/* What a generation says about the authority; counts when it comes into force. */
void certifier_acme_note(uint64_t generation, slice settings);
void certifier_acme_put_in_force(uint64_t generation);
/* Somebody asks to renew or revoke; answered when it is done. */
struct message;
void certifier_acme_ask(const struct message *m);
/* The stored certificate of a set, if there is one. */
void certifier_acme_load(struct holding *h);

/* --- certifier_status.c --- */

/* Whoever serves asks about clients' certificates (shared/statuses.h): takes what is asked, as many
 * as may be under way. */
void certifier_take_questions(void);

/* --- certifier_work.c --- */

/* A generation wants these: the sheet of its wishes, taken over. Answers it. */
void certifier_take_wish(uint64_t generation, int fd);
/* A generation is in force: what it wants is worked on from now on. `certifier_has_died`: one
 * before this, which may have replaced what the generation had loaded. */
void certifier_put_in_force(uint64_t generation, bool certifier_has_died);
/* Does what is due, publishes what is new. When to come back at the latest, the loop's clock. */
MAY_WAIT int64_t certifier_do_what_is_due(void);
