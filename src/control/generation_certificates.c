#include "control/generation_certificates.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#include "acme/settings.h"
#include "base/log.h"
#include "control/generation_keys.h"
#include "control/message.h"

#define ANSWER_MS 30000 /* local certificates are made, thousands perhaps */
#define WHY_BYTES 512

static int wish_fd = -1; /* the sheet of what is wanted; negative: nothing is */
static struct certificates_wish wish;

static int send_wish(int channel)
{
    struct message *m = message_with_text(MESSAGE_WANT_CERTIFICATES, 0, 0, "%s", "");
    memcpy(m->text, &wish, sizeof wish);
    m->text_length = sizeof wish;
    m->fd_count = 1;
    m->fds[0] = wish_fd;
    return message_send(channel, m);
}

/* Held by us, a key can be signed with whatever becomes of the certifier. */
static int hold_key(const struct certificate_record *r)
{
    char why[WHY_BYTES];
    struct writer w = writer_over(why, sizeof why);
    if (r->source == CERTIFICATE_FROM_FILES)
        return 0; /* it was loaded with the configuration */
    int result = generation_keys_load(NULL, r->key_path, r->spki, &w);
    if (result != 0)
        log_error("%.*s", (int)w.len, w.ptr);
    return result;
}

static void apply(int fd, int (*hold)(const struct certificate_record *r))
{
    struct certificates_applied applied;
    int result = certificates_apply(fd, hold, &applied);
    if (result != 0)
        log_error("new certificates cannot be read: %s", strerror(-result));
    else if (applied.replaced)
        log_debug("%u certificates came", applied.replaced);
    if (applied.lists_error[0])
        log_error("%s", applied.lists_error);
}

/* Of the account at the CA: it stands in the wish, and workers are forked from our memory. */
static void forget_secret(const struct configuration *c)
{
    if (c->acme && c->acme->eab_key.len)
        OPENSSL_cleanse((void *)(uintptr_t)c->acme->eab_key.ptr, c->acme->eab_key.len);
}

int generation_certificates_open(int channel, const struct configuration *c,
                                 const struct certificates_wish *user)
{
    wish = *user;
    TRY(certificates_open(c));
    int fd = certificates_write_wish(c);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    wish_fd = fd;
    forget_secret(c);
    TRY(send_wish(channel));
    TRY(message_await(channel, &message_in, ANSWER_MS));
    bool is_answer = message_in.kind == MESSAGE_CERTIFICATES && message_in.fd_count == 1;
    if (is_answer)
        apply(message_in.fds[0], hold_key);
    message_close_fds(&message_in);
    return is_answer ? 0 : -EPROTO;
}

void generation_certificates_apply(int fd)
{
    apply(fd, NULL);
}

void generation_certificates_leave(void)
{
    if (wish_fd >= 0)
        close(wish_fd);
    wish_fd = -1;
}

void generation_certificates_tell(int channel)
{
    if (wish_fd >= 0 && send_wish(channel) != 0)
        log_warn("the new supervisor does not hear which certificates are wanted");
}
