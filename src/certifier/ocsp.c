#include "certifier/ocsp.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>

#define SKEW_S         300 /* their clock may be ahead */
#define REFRESH_MIN_S  300
#define REFRESH_LAST_S 10   /* when it is about to end */
#define UNTOLD_LIFE_S  3600 /* no nextUpdate: newer information is always available */
#define BACK_OFF_MIN_S 60
#define BACK_OFF_MAX_S 3600

static void free_response(OCSP_RESPONSE **r)
{
    OCSP_RESPONSE_free(*r);
}

static void free_basic(OCSP_BASICRESP **b)
{
    OCSP_BASICRESP_free(*b);
}

static void free_id(OCSP_CERTID **id)
{
    OCSP_CERTID_free(*id);
}

static void free_store(X509_STORE **s)
{
    X509_STORE_free(*s);
}

static void free_list(STACK_OF(X509) * *list)
{
    sk_X509_free(*list);
}

int ocsp_url(X509 *leaf, char *to, size_t room)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
    int result = -ENOENT;
    for (int i = 0; urls && i < sk_OPENSSL_STRING_num(urls) && result != 0; i++) {
        slice url = slice_from(sk_OPENSSL_STRING_value(urls, i));
        result = -EPROTONOSUPPORT;
        if (url.len < room && slice_equal_fold(slice_first(url, 7), SLICE("http://"))) {
            memcpy(to, url.ptr, url.len);
            to[url.len] = '\0';
            result = 0;
        }
    }
    X509_email_free(urls);
    return result;
}

int ocsp_request(X509 *leaf, X509 *issuer, unsigned char **ret, size_t *ret_bytes)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer); /* SHA-1: RFC 5019 §2.1.1 */
    unsigned char *der = NULL;
    int length = -1;
    ERR_clear_error();
    if (request && id && OCSP_request_add0_id(request, id)) {
        id = NULL; /* the request has it */
        length = i2d_OCSP_REQUEST(request, &der);
    }
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    if (length <= 0)
        return -ENOMEM;
    *ret = der;
    *ret_bytes = (size_t)length;
    return 0;
}

/* --- Judging ---------------------------------------------------------------------------------- */

static int refuse(const char **ret_why, const char *why)
{
    ERR_clear_error();
    *ret_why = why;
    return -EINVAL;
}

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *t)
{
    struct tm parts;
    return t && ASN1_TIME_to_tm(t, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static OCSP_RESPONSE *parse(slice der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
    if (r && at != (const unsigned char *)der.ptr + der.len) {
        OCSP_RESPONSE_free(r);
        return NULL;
    }
    return r;
}

/* RFC 6960 §4.2.2.2: signed by the issuer itself, or by a certificate that the issuer issued for
 * that. Nobody else's roots count. */
static int verify(OCSP_BASICRESP *basic, X509 *issuer, int64_t now_s, const char **ret_why)
{
    OWNS(free_store) X509_STORE *store = X509_STORE_new();
    OWNS(free_list) STACK_OF(X509) *known = sk_X509_new_null();
    if (!store || !known || !X509_STORE_add_cert(store, issuer) || !sk_X509_push(known, issuer))
        return -ENOMEM;
    X509_VERIFY_PARAM *parameters = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)now_s);
    (void)X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    if (OCSP_basic_verify(basic, known, store, OCSP_TRUSTOTHER) != 1)
        return refuse(ret_why, "its signature is not the issuer's");
    return 0;
}

static int find(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now_s,
                struct ocsp_verdict *v, const char **ret_why)
{
    int status, reason;
    ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
    OWNS(free_id) OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
    if (!id)
        return -ENOMEM;
    if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &this_update, &next_update) !=
        1)
        return refuse(ret_why, "it is about another certificate");
    *v = (struct ocsp_verdict){ .this_update_s = seconds_of(this_update),
                                .next_update_s = seconds_of(next_update),
                                .status = status == V_OCSP_CERTSTATUS_GOOD      ? OCSP_IS_GOOD
                                          : status == V_OCSP_CERTSTATUS_REVOKED ? OCSP_IS_REVOKED
                                                                                : OCSP_IS_UNKNOWN };
    if (v->status == OCSP_IS_REVOKED) {
        v->revoked_s = seconds_of(revoked);
        v->reason = reason >= 0 ? OCSP_crl_reason_str(reason) : NULL;
    }
    if (v->next_update_s == 0)
        v->next_update_s = now_s + UNTOLD_LIFE_S;
    if (v->this_update_s == 0 || v->this_update_s > now_s + SKEW_S)
        return refuse(ret_why, "it is from the future (is the clock right?)");
    if (v->next_update_s <= now_s)
        return refuse(ret_why, "it is out of date (is the clock right?)");
    return 0;
}

int ocsp_judge(slice response, X509 *leaf, X509 *issuer, int64_t now_s, struct ocsp_verdict *ret,
               const char **ret_why)
{
    ERR_clear_error();
    if (response.len > OCSP_RESPONSE_MAX)
        return refuse(ret_why, "it is larger than 64 KiB");
    OWNS(free_response) OCSP_RESPONSE *r = parse(response);
    if (!r)
        return refuse(ret_why, "it is not an OCSP response");
    int status = OCSP_response_status(r);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return refuse(ret_why, status == OCSP_RESPONSE_STATUS_TRYLATER
                                   ? "the responder says: try later"
                               : status == OCSP_RESPONSE_STATUS_UNAUTHORIZED
                                   ? "the responder says: unauthorized (it does not know the "
                                     "certificate)"
                                   : "the responder says that the request failed");
    OWNS(free_basic) OCSP_BASICRESP *basic = OCSP_response_get1_basic(r);
    if (!basic)
        return refuse(ret_why, "it is of an unknown kind");
    TRY(verify(basic, issuer, now_s, ret_why));
    TRY(find(basic, leaf, issuer, now_s, ret, ret_why));
    ERR_clear_error();
    return 0;
}

int64_t ocsp_refresh_s(const struct ocsp_verdict *v, int64_t now_s)
{
    int64_t at_s = v->this_update_s + (v->next_update_s - v->this_update_s) / 2;
    int64_t wait_s = (v->next_update_s - now_s) / 2;
    wait_s = wait_s > REFRESH_MIN_S ? REFRESH_MIN_S : wait_s;
    wait_s = wait_s < REFRESH_LAST_S ? REFRESH_LAST_S : wait_s;
    return at_s < now_s + wait_s ? now_s + wait_s : at_s;
}

int64_t ocsp_back_off_s(uint32_t failures)
{
    int64_t span_s = BACK_OFF_MIN_S;
    for (uint32_t i = 1; i < failures && span_s < BACK_OFF_MAX_S; i++)
        span_s *= 2;
    return span_s < BACK_OFF_MAX_S ? span_s : BACK_OFF_MAX_S;
}
