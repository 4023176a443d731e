#include "transport.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A session to resume has come: with TLS 1.3 in a ticket after the handshake. The last is kept. */
static int session_take(SSL *ssl, SSL_SESSION *session)
{
    struct transport *transport = SSL_get_app_data(ssl);
    SSL_SESSION_free(transport->session);
    transport->session = session;
    return 1;
}

int transport_plan_tls(struct transport_plan *plan, bool is_1_2, const char *alpn)
{
    unsigned char names[32];
    size_t length = strlen(alpn);
    if (length > sizeof(names) - 1)
        return -EINVAL;
    names[0] = (unsigned char)length;
    memcpy(names + 1, alpn, length);
    int version = is_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    plan->tls = SSL_CTX_new(TLS_client_method());
    /* SSL_CTX_set_alpn_protos is the one that returns 0 when it is well. */
    if (!plan->tls || SSL_CTX_set_min_proto_version(plan->tls, version) != 1 ||
        SSL_CTX_set_max_proto_version(plan->tls, version) != 1 ||
        SSL_CTX_set_ciphersuites(plan->tls, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set_cipher_list(plan->tls,
                                "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") != 1 ||
        /* TLS 1.2 names the curves of certificates in the same list (RFC 8422 §5.1.1). */
        SSL_CTX_set1_groups_list(plan->tls, is_1_2 ? "X25519:P-256" : "X25519") != 1 ||
        SSL_CTX_set_alpn_protos(plan->tls, names, (unsigned)length + 1) != 0)
        return -ENOMEM;
    SSL_CTX_set_verify(plan->tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_options(plan->tls, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(plan->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(plan->tls, 1);
    SSL_CTX_set_session_cache_mode(plan->tls,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    if (plan->resumes)
        SSL_CTX_sess_set_new_cb(plan->tls, session_take);
    return 0;
}

void transport_plan_end(struct transport_plan *plan)
{
    SSL_CTX_free(plan->tls);
    plan->tls = NULL;
}

static const char *transport_prepare_tls(struct transport *transport,
                                         const struct transport_plan *plan)
{
    ERR_clear_error();
    transport->ssl = SSL_new(plan->tls);
    if (!transport->ssl || SSL_set_fd(transport->ssl, transport->fd) != 1 ||
        SSL_set_tlsext_host_name(transport->ssl, plan->name) != 1)
        return "cannot prepare TLS";
    SSL_set_app_data(transport->ssl, transport);
    transport->offers = transport->session != NULL;
    if (transport->offers && SSL_set_session(transport->ssl, transport->session) != 1)
        return "the session cannot be offered";
    SSL_SESSION_free(transport->session); /* once only (RFC 8446 §C.4); now the object holds it */
    transport->session = NULL;
    SSL_set_connect_state(transport->ssl);
    return NULL;
}

const char *transport_start(struct transport *transport, const struct transport_plan *plan,
                            unsigned index, void *data)
{
    const int on = 1;
    transport->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (transport->fd < 0)
        return "no socket";
    transport->state = TRANSPORT_CONNECTING;
    if (plan->sources > 0) {
        struct sockaddr_in from = { .sin_family = AF_INET };
        from.sin_addr.s_addr = htonl(0x7f000101 + index % plan->sources);
        if (setsockopt(transport->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
            bind(transport->fd, (struct sockaddr *)&from, sizeof(from)) != 0)
            return "cannot bind to a source address";
    }
    if (plan->send_buffer > 0 && setsockopt(transport->fd, SOL_SOCKET, SO_SNDBUF,
                                            &plan->send_buffer, sizeof(plan->send_buffer)) != 0)
        return "cannot set SO_SNDBUF";
    if (setsockopt(transport->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        return "cannot set TCP_NODELAY";
    int result = connect(transport->fd, (const struct sockaddr *)&plan->to, sizeof(plan->to));
    if (result != 0 && errno != EINPROGRESS)
        return "cannot connect";
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = data };
    if (epoll_ctl(plan->epoll, EPOLL_CTL_ADD, transport->fd, &event) != 0)
        return "cannot wait for the connection";
    return plan->tls ? transport_prepare_tls(transport, plan) : NULL;
}

/* In words: "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519 ECDSA http/1.1". A resumed handshake has no
 * signature. */
static void agreement_tell(SSL *ssl, char text[TRANSPORT_AGREED_MAX])
{
    const unsigned char *protocol;
    unsigned protocol_bytes;
    int kind = NID_undef;
    SSL_get0_alpn_selected(ssl, &protocol, &protocol_bytes);
    const char *signature = " -";
    if (!SSL_session_reused(ssl) && SSL_get_peer_signature_type_nid(ssl, &kind) == 1)
        signature = kind == EVP_PKEY_EC ? " ECDSA" : " RSA";
    long group = SSL_get_negotiated_group(ssl);
    snprintf(text, TRANSPORT_AGREED_MAX, "%s %s%s%s%s %.*s", SSL_get_version(ssl),
             SSL_get_cipher_name(ssl), group > 0 ? " " : "",
             group > 0 ? OBJ_nid2sn((int)group) : "", signature, (int)protocol_bytes,
             (const char *)protocol);
}

/* The handshake is complete: is it the one that the plan wants? */
static const char *transport_judge(struct transport *transport, struct transport_plan *plan)
{
    char agreed[TRANSPORT_AGREED_MAX];
    bool is_resumed = SSL_session_reused(transport->ssl) != 0;
    if (is_resumed != transport->offers)
        return "the session was not resumed";
    agreement_tell(transport->ssl, agreed);
    if (is_resumed) {
        plan->resumed++;
    } else {
        plan->full++;
        if (plan->agreed[0] == '\0')
            memcpy(plan->agreed, agreed, sizeof(agreed));
        else if (strcmp(plan->agreed, agreed) != 0)
            return "another agreement than on the first connection";
    }
    transport->state = TRANSPORT_OPEN;
    return NULL;
}

/* What a call of OpenSSL that did not succeed means. Read before anything else calls OpenSSL. */
static int transport_result(struct transport *transport, int result)
{
    int saved = errno;
    switch (SSL_get_error(transport->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return saved != 0 ? -saved : -ECONNRESET;
    default:
        return -EPROTO;
    }
}

static const char *transport_shake(struct transport *transport, struct transport_plan *plan)
{
    ERR_clear_error();
    int result = SSL_do_handshake(transport->ssl);
    if (result == 1)
        return transport_judge(transport, plan);
    return transport_result(transport, result) == -EAGAIN ? NULL : "the TLS handshake failed";
}

const char *transport_advance(struct transport *transport, struct transport_plan *plan,
                              uint32_t events)
{
    if (transport->state == TRANSPORT_CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP))
            return "cannot connect";
        if (!(events & EPOLLOUT))
            return NULL;
        transport->state = transport->ssl ? TRANSPORT_SHAKING : TRANSPORT_OPEN;
    }
    return transport->state == TRANSPORT_SHAKING ? transport_shake(transport, plan) : NULL;
}

ssize_t transport_send(struct transport *transport, slice bytes)
{
    if (!transport->ssl) {
        ssize_t sent = send(transport->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        return sent < 0 ? -errno : sent;
    }
    size_t sent;
    ERR_clear_error();
    int result = SSL_write_ex(transport->ssl, bytes.ptr, bytes.len, &sent);
    if (result == 1)
        return (ssize_t)sent;
    int error = transport_result(transport, result);
    return error == 0 ? -EPIPE : error;
}

ssize_t transport_receive(struct transport *transport, void *to, size_t bytes_max)
{
    if (!transport->ssl) {
        ssize_t got = recv(transport->fd, to, bytes_max, 0);
        return got < 0 ? -errno : got;
    }
    size_t got;
    ERR_clear_error();
    int result = SSL_read_ex(transport->ssl, to, bytes_max, &got);
    return result == 1 ? (ssize_t)got : transport_result(transport, result);
}

void transport_close(struct transport *transport)
{
    if (transport->ssl) {
        /* Says goodbye when the peer has not (RFC 8446 §6.1), and does not wait; a session would be
         * thrown away after an end without. */
        ERR_clear_error();
        if (transport->state == TRANSPORT_OPEN && SSL_get_shutdown(transport->ssl) == 0)
            SSL_shutdown(transport->ssl);
        SSL_set_shutdown(transport->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(transport->ssl);
        transport->ssl = NULL;
    }
    if (transport->state != TRANSPORT_CLOSED)
        close(transport->fd);
    transport->state = TRANSPORT_CLOSED;
    transport->fd = -1;
}

void transport_end(struct transport *transport)
{
    transport_close(transport);
    SSL_SESSION_free(transport->session);
    transport->session = NULL;
}
