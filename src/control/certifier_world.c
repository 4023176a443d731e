#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/clock.h"
#include "base/log.h"
#include "certifier/ocsp.h"
#include "control/certifier_state.h"
#include "control/loaded_keys.h"
#include "net/fetch.h"
#include "runtime/loop.h"

#define LOCK_WAIT_MS 5000
#define RESPONDER_MS 15000
#define FILE_MAX     (1u << 20)

static struct loaded_keys keys = LOADED_KEYS_NONE;

static int no_keys(int result, const struct key_answer *a, char why[WORLD_WHY_MAX])
{
    (void)snprintf(why, WORLD_WHY_MAX, "%.*s", (int)WORLD_WHY_MAX - 1,
                   a->text[0] ? a->text : strerror(-result));
    return result;
}

/* Nobody proves with the root's key, or with that of an account, who a server is. */
static int32_t use_of(const char *name)
{
    bool is_account = strncmp(name, "acme-account-", 13) == 0;
    return is_account || strcmp(name, LOCAL_ROOT_KEY) == 0 ? 0 : KEY_FOR_TLS;
}

/* As the keyholder keeps what it makes. */
static int load_made(const char *name, struct key_answer *ret)
{
    char path[PATH_MAX + 300];
    (void)snprintf(path, sizeof path, "%.*s/%s.pem", SLICE_ARGUMENTS(certifier.world.keys), name);
    const struct key_load what = { .path = slice_from(path), .use = use_of(name) };
    return loaded_keys_load(&keys, &what, ret);
}

static enum key_recipe recipe_of(enum key_kind kind)
{
    return kind == KEY_RSA       ? KEY_NEW_RSA_2048
           : kind == KEY_ED25519 ? KEY_NEW_ED25519
                                 : KEY_NEW_P256;
}

static int make_key(void *context, const char *name, enum key_kind kind, EVP_PKEY **ret,
                    char why[WORLD_WHY_MAX])
{
    struct key_answer a = { 0 };
    int result =
        key_call_generate(keys.channel, recipe_of(kind), use_of(name), slice_from(name), &a);
    if (result == 0 ||
        result == -EEXIST) /* loaded from its file, also when another keyholder comes */
        result = load_made(name, &a);
    if (result != 0)
        return no_keys(result, &a, why);
    *ret = remote_key_make(a.id, slice_of((const char *)a.spki, a.spki_bytes));
    if (*ret)
        return 0;
    (void)snprintf(why, WORLD_WHY_MAX, "the key %s is of an unknown kind", name);
    return -EINVAL;
}

void certifier_delete_key(const char *name)
{
    struct key_answer a = { 0 };
    int result = key_call_delete(keys.channel, slice_from(name), &a);
    if (result != 0 && result != -ENOENT)
        log_warn("the key %s cannot be deleted: %s", name, a.text[0] ? a.text : strerror(-result));
}

static int load_key(void *context, slice path, slice spki, char why[WORLD_WHY_MAX])
{
    struct key_answer a = { 0 };
    const struct key_load what = { .path = path, .leaf_spki = spki, .use = KEY_FOR_TLS };
    int result = loaded_keys_load(&keys, &what, &a);
    return result == 0 ? 0 : no_keys(result, &a, why);
}

static int read_all(int fd, size_t bytes_max, char **ret, size_t *ret_bytes)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (status.st_size > (off_t)bytes_max)
        return -EFBIG;
    char *bytes = malloc((size_t)status.st_size + 1);
    ssize_t got = bytes ? read(fd, bytes, (size_t)status.st_size) : -1;
    if (got < 0) {
        int error = bytes ? errno : ENOMEM;
        free(bytes);
        return -error;
    }
    bytes[got] = '\0';
    *ret = bytes;
    *ret_bytes = (size_t)got;
    return 0;
}

static int read_own(slice path, size_t bytes_max, char **ret, size_t *ret_bytes)
{
    char name[PATH_MAX];
    if (path.len >= sizeof name)
        return -ENAMETOOLONG;
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    int fd = file_open(name);
    if (fd < 0)
        return fd;
    int result = read_all(fd, bytes_max, ret, ret_bytes);
    close(fd);
    return result;
}

/* The folder is closed to us, but not to the one who opens keys. */
static int read_by_keyholder(slice path, char **ret, size_t *ret_bytes, char why[WORLD_WHY_MAX])
{
    struct key_answer a = { 0 };
    slice pem;
    int result = key_call_read(keys.channel, path, &pem, &a);
    if (result != 0)
        return no_keys(result, &a, why);
    *ret = malloc(pem.len + 1);
    if (!*ret)
        return -ENOMEM;
    memcpy(*ret, pem.ptr, pem.len);
    (*ret)[pem.len] = '\0';
    *ret_bytes = pem.len;
    return 0;
}

static int read_certificates(void *context, slice path, char **ret, size_t *ret_bytes,
                             char why[WORLD_WHY_MAX])
{
    int result = read_own(path, FILE_MAX, ret, ret_bytes);
    if (result == -EACCES)
        return read_by_keyholder(path, ret, ret_bytes, why);
    if (result != 0)
        (void)snprintf(why, WORLD_WHY_MAX, "%s", file_problem(result));
    return result;
}

static int read_lists(void *context, slice path, char **ret, size_t *ret_bytes,
                      char why[WORLD_WHY_MAX])
{
    int result = read_own(path, CERTIFICATE_LISTS_MAX, ret, ret_bytes);
    if (result != 0)
        (void)snprintf(why, WORLD_WHY_MAX, "%s%s", file_problem(result),
                       result == -EACCES ? " (the user of the workers has to be able to read it)"
                                         : "");
    return result;
}

int certifier_ask(const struct certifier_call *what, struct certifier_reply *ret)
{
    OWNS(fetched_clear) struct fetched f = { 0 };
    const struct fetch how = { .url = what->url,
                               .may_be_plain = true,
                               .body = what->request,
                               .content_type = "application/ocsp-request",
                               .bytes_max = OCSP_RESPONSE_MAX,
                               .deadline_ms = loop_now_ms() + what->span_ms };
    int result = fetch(&how, &f);
    if (result != 0) {
        (void)snprintf(ret->why, sizeof ret->why, "%.*s", (int)sizeof ret->why - 1, f.why);
        return result;
    }
    if (f.status != 200) {
        (void)snprintf(ret->why, sizeof ret->why, "it answers with status %d", f.status);
        return -EIO;
    }
    ret->bytes = f.body;
    ret->count = f.bytes;
    f.body = NULL;
    return 0;
}

static int ask(void *context, const char *url, slice request, char **ret, size_t *ret_bytes,
               char why[WORLD_WHY_MAX])
{
    const struct certifier_call what = { .url = url, .request = request, .span_ms = RESPONDER_MS };
    struct certifier_reply reply = { 0 };
    int result = certifier_ask(&what, &reply);
    *ret = reply.bytes;
    *ret_bytes = reply.count;
    memcpy(why, reply.why, sizeof reply.why);
    return result;
}

static int64_t wall_s(void *context)
{
    return clock_wall_ms() / 1000;
}

int certifier_world_open(struct certifier_world *w, int key_channel)
{
    static char machine[HOST_NAME_MAX + 1], keys_folder[PATH_MAX + 8];
    if (gethostname(machine, sizeof machine - 1) < 0)
        (void)snprintf(machine, sizeof machine, "this machine");
    (void)snprintf(keys_folder, sizeof keys_folder, "%s/keys", certifier.boot->storage_folder);
    *w = (struct certifier_world){ .store = { .folder = -1, .lock = -1 },
                                   .keys = slice_from(keys_folder),
                                   .machine = slice_from(machine),
                                   .make_key = make_key,
                                   .load_key = load_key,
                                   .read_certificates = read_certificates,
                                   .read_lists = read_lists,
                                   .ask_responder = ask,
                                   .wall_s = wall_s };
    keys.channel = key_channel;
    key_call_sign_on(key_channel);
    remote_key_sign_by(key_call_sign);
    TRY(remote_key_open());
    return certificate_store_open(&w->store, ".", LOCK_WAIT_MS);
}

void certifier_world_close(struct certifier_world *w)
{
    certificate_store_close(&w->store);
    remote_key_close();
    loaded_keys_close(&keys);
}

void certifier_world_renew_keys(int channel)
{
    key_call_sign_on(channel);
    loaded_keys_renew(&keys, channel);
}
