/* Semantic versions (semver.org 2.0.0; docs/snapshot-format.md section 4.5) on (pointer, length), without allocation. */
#ifndef BURGEE_VERSIONS_H
#define BURGEE_VERSIONS_H

#include <stdint.h>
#include <string.h>
#include "generated.h"

typedef struct { const char *text; Py_ssize_t length; } span;
typedef struct { span number[3]; span prerelease; } version;  /* prerelease.text is NULL for a release */

static inline int version_digit(char c) { return c >= '0' && c <= '9'; }
static inline int version_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; }

/* A numeric identifier without leading zeros; 0 if there is none. */
static inline Py_ssize_t version_number(const char *p, const char *end) {
    const char *q = p;
    while (q < end && version_digit(*q)) q++;
    return q > p && (*p != '0' || q == p + 1) ? q - p : 0;
}

/* Dot-separated identifiers; the length, or 0 if they are malformed. Build metadata may have leading zeros. */
static inline Py_ssize_t version_identifiers(const char *p, const char *end, int leading_zeros) {
    const char *q = p;
    for (;;) {
        const char *start = q;
        int letters = 0;
        while (q < end && (version_digit(*q) || version_letter(*q))) letters |= version_letter(*q++);
        if (q == start || (!letters && !leading_zeros && *start == '0' && q > start + 1)) return 0;
        if (q == end || *q != '.') return q - p;
        q++;
    }
}

/* 1 and the version, or 0 if the text is none under this mode. */
static int version_parse(const char *p, Py_ssize_t length, int mode, version *out) {
    static const char zero[] = "0";
    const char *end = p + length;
    Py_ssize_t n;
    if ((mode & MODE_VERSION_PREFIX) && p < end && (*p == 'v' || *p == 'V')) p++;
    out->prerelease.text = NULL;
    out->prerelease.length = 0;
    for (int i = 0; i < 3; i++) {
        if (i && (p == end || *p != '.')) {
            if (!(mode & MODE_VERSION_PARTIAL)) return 0;
            for (; i < 3; i++) { out->number[i].text = zero; out->number[i].length = 1; }
            break;
        }
        if (i) p++;
        if ((n = version_number(p, end)) == 0) return 0;
        out->number[i].text = p;
        out->number[i].length = n;
        p += n;
    }
    if (p < end && *p == '-') {
        if ((n = version_identifiers(++p, end, 0)) == 0) return 0;
        out->prerelease.text = p;
        out->prerelease.length = n;
        p += n;
    }
    if (p < end && *p == '+') {
        if ((n = version_identifiers(++p, end, 1)) == 0) return 0;
        p += n;
    }
    return p == end;
}

static inline int version_sign(long long x) { return (x > 0) - (x < 0); }

/* Numbers of any length: no leading zeros, so the longer one is the greater. */
static inline int version_compare_numbers(span a, span b) {
    return a.length != b.length ? version_sign(a.length - b.length) : version_sign(memcmp(a.text, b.text, a.length));
}

static inline span version_next(span *rest) {
    span first = {rest->text, 0};
    while (first.length < rest->length && first.text[first.length] != '.') first.length++;
    Py_ssize_t skip = first.length + (first.length < rest->length);
    rest->text += skip;
    rest->length -= skip;
    return first;
}

static inline int version_is_numeric(span s) {
    for (Py_ssize_t i = 0; i < s.length; i++) if (!version_digit(s.text[i])) return 0;
    return 1;
}

static inline int version_compare_identifiers(span a, span b) {
    int numeric_a = version_is_numeric(a), numeric_b = version_is_numeric(b);
    if (numeric_a && numeric_b) return version_compare_numbers(a, b);
    if (numeric_a != numeric_b) return numeric_a ? -1 : 1;
    int order = memcmp(a.text, b.text, a.length < b.length ? a.length : b.length);
    return order ? version_sign(order) : version_sign(a.length - b.length);
}

/* -1, 0 or 1 by precedence (section 11 of the specification). */
static int version_compare(const version *a, const version *b) {
    int order;
    for (int i = 0; i < 3; i++)
        if ((order = version_compare_numbers(a->number[i], b->number[i])) != 0) return order;
    if (a->prerelease.text == NULL || b->prerelease.text == NULL)
        return (a->prerelease.text == NULL) - (b->prerelease.text == NULL);
    span left = a->prerelease, right = b->prerelease;
    while (left.length && right.length)
        if ((order = version_compare_identifiers(version_next(&left), version_next(&right))) != 0) return order;
    return (left.length > 0) - (right.length > 0);
}

/* ~ (same major and minor) or ^ (same major). */
static int version_same_range(const version *a, const version *b, int parts) {
    for (int i = 0; i < parts; i++)
        if (version_compare_numbers(a->number[i], b->number[i]) != 0) return 0;
    return 1;
}

#endif
