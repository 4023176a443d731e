/* A fingerprint of an HTTP/2 client, from what it does before and with its first request; libraries
 * and browsers differ in it whatever they say in User-Agent:
 *
 *     1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p
 *     └ SETTINGS, in order           │        │ └ order of the pseudo-fields of the first request
 *                                    │        └ PRIORITY frames stream:exclusive:dependency:weight,
 *                                    │          weight from 1 to 256; 0: none
 *                                    └ the first WINDOW_UPDATE of the connection; 00: none
 *
 * The form is the one of "Passive Fingerprinting of HTTP/2 Clients" (Akamai, 2017), as the lists in
 * use have it. A claim like any other: good for telling programs apart, not for proof.
 *
 * The connection notes what arrives; nothing counts any more once the first request is there. What
 * is beyond the maxima is not noted: nobody's text grows without bound. */
#pragma once

#include "base/writer.h"

#define H2_FINGERPRINT_SETTINGS_MAX   10u
#define H2_FINGERPRINT_PRIORITIES_MAX 8u
/* id:value; · increment · stream:exclusive:dependency:weight, · four letters, with what separates
 */
#define H2_FINGERPRINT_BYTES_MAX                                                                   \
    (H2_FINGERPRINT_SETTINGS_MAX * 17u + 12u + H2_FINGERPRINT_PRIORITIES_MAX * 28u + 8u)

/* All zero in the beginning. */
struct h2_fingerprint {
    struct {
        uint32_t value;
        uint16_t id;
    } settings[H2_FINGERPRINT_SETTINGS_MAX];
    struct {
        uint32_t stream, dependency;
        uint16_t weight; /* 1 to 256 */
        bool is_exclusive;
    } priorities[H2_FINGERPRINT_PRIORITIES_MAX];
    uint32_t window_update; /* 0: none */
    uint8_t setting_count, priority_count;
    uint8_t pseudo_count;
    char pseudo[4];    /* m a s p */
    bool has_settings; /* of the first SETTINGS frame: later ones do not count */
    bool is_complete;  /* the first request is there */
};

/* One entry of a SETTINGS frame, then the frame's end. */
void h2_fingerprint_setting(struct h2_fingerprint *f, uint16_t id, uint32_t value);
void h2_fingerprint_settings_end(struct h2_fingerprint *f);
/* Of stream 0. */
void h2_fingerprint_window_update(struct h2_fingerprint *f, uint32_t increment);
void h2_fingerprint_priority(struct h2_fingerprint *f, uint32_t stream, uint32_t dependency,
                             uint16_t weight, bool is_exclusive);
/* A field of the first request, as long as it is a pseudo-field (":method"); others do nothing. */
void h2_fingerprint_field(struct h2_fingerprint *f, slice name);
/* The first request's head has ended. */
void h2_fingerprint_end(struct h2_fingerprint *f);

/* At most H2_FINGERPRINT_BYTES_MAX bytes: digits, letters and ":;|,". */
void h2_fingerprint_write(struct writer *w, const struct h2_fingerprint *f);

/* Whether the text has the form of such a fingerprint. */
bool h2_fingerprint_is_valid(slice text);
/* What people write (wire/fingerprint.h): a whole one, or its beginning and a star:
 * "1:65536;2:0;*". */
bool h2_fingerprint_pattern_is_valid(slice text);
