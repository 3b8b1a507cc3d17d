/* ECMAScript's texts and numbers (docs/snapshot-format.md section 4.9) on (pointer, length): ECMA-262, 6.1.6.1.20 and 7.1.4.1. */
#ifndef BURGEE_ECMASCRIPT_H
#define BURGEE_ECMASCRIPT_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Number::toString. NULL with an exception when there is no memory. */
static PyObject *es_number_text(double number) {
    char out[64], digits[32], *p = out, *written;
    int count = 0, point = 0, fraction = 0;
    if (number != number) return PyUnicode_FromString("NaN");
    if (number == 0) return PyUnicode_FromString("0");
    if (number < 0) { *p++ = '-'; number = -number; }
    if (isinf(number)) return PyUnicode_FromString(p == out ? "Infinity" : "-Infinity");
    if ((written = PyOS_double_to_string(number, 'r', 0, 0, NULL)) == NULL) return NULL;
    const char *q = written;
    for (; *q && *q != 'e'; q++) {  /* the shortest digits, and where the point stands among them */
        if (*q == '.') fraction = 1;
        else if (count || *q != '0') { digits[count++] = *q; point += !fraction; }
        else point -= fraction;
    }
    if (*q == 'e') point += atoi(q + 1);
    PyMem_Free(written);
    while (count && digits[count - 1] == '0') count--;
    if (point > 21 || point <= -6) {
        *p++ = digits[0];
        if (count > 1) { *p++ = '.'; memcpy(p, digits + 1, count - 1); p += count - 1; }
        p += PyOS_snprintf(p, 8, "e%+d", point - 1);
    } else {
        if (point <= 0) { *p++ = '0'; *p++ = '.'; for (; point < 0; point++) *p++ = '0'; point = -1; }
        for (int i = 0; i < count || i < point; i++) {
            if (i == point) *p++ = '.';
            *p++ = i < count ? digits[i] : '0';
        }
    }
    return PyUnicode_DecodeASCII(out, p - out, NULL);
}

/* How many bytes of white space or line end stand at the pointer: 0 for none. */
static Py_ssize_t es_blank(const uint8_t *p, Py_ssize_t n) {
    uint32_t c;
    if (n && (*p == ' ' || (*p >= 9 && *p <= 13))) return 1;
    if (n > 1 && p[0] == 0xc2 && p[1] == 0xa0) return 2;
    if (n < 3 || (p[0] & 0xf0) != 0xe0) return 0;
    c = (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63);
    return c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000
        || c == 0xfeff ? 3 : 0;
}

/* Digits of a base that is a power of 2, rounded once: bits beyond 64 only have to be known to be there. */
static double es_binary(const char *p, const char *end, int bits) {
    uint64_t top = 0;
    int exponent = 0;
    if (p == end) return NAN;
    for (; p < end; p++) {
        int digit = *p >= '0' && *p <= '9' ? *p - '0' : (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (*p | 32) - 'a' + 10 : 99;
        if (digit >> bits) return NAN;
        for (int bit = bits - 1; bit >= 0; bit--) {
            if (top >> 63) { top |= digit >> bit & 1; if (exponent < 4096) exponent++; }
            else top = top << 1 | (digit >> bit & 1);
        }
    }
    return ldexp((double)top, exponent);
}

/* StringToNumber but for decimal numbers: 1 and the number, or 0 and what is left between the blanks. */
static int es_number(const char **text, Py_ssize_t *length, double *number) {
    const char *p = *text, *end = p + *length, *q;
    Py_ssize_t n;
    while ((n = es_blank((const uint8_t *)p, end - p))) p += n;
    for (q = p; q < end;) {  /* the end of the last character that is no blank */
        n = es_blank((const uint8_t *)q, end - q);
        q += n ? n : 1;
        if (!n) *text = q;
    }
    if (p == end) { *number = 0; return 1; }
    end = *text;
    *text = p;
    *length = end - p;
    if (end - p >= 2 && *p == '0' && ((p[1] | 32) == 'x' || (p[1] | 32) == 'o' || (p[1] | 32) == 'b')) {
        *number = es_binary(p + 2, end, (p[1] | 32) == 'x' ? 4 : (p[1] | 32) == 'o' ? 3 : 1);
        return 1;
    }
    q = p + (*p == '+' || *p == '-');
    if (end - q == 8 && memcmp(q, "Infinity", 8) == 0) { *number = *p == '-' ? -INFINITY : INFINITY; return 1; }
    return 0;
}

/* The order of two UTF-8 texts by UTF-16 code unit: that of code points, but where a surrogate meets U+E000 and above. */
static int es_order(const char *left, Py_ssize_t n, const char *right, Py_ssize_t m) {
    const uint8_t *a = (const uint8_t *)left, *b = (const uint8_t *)right;
    Py_ssize_t i = 0;
    while (i < n && i < m && a[i] == b[i]) i++;
    if (i == n || i == m) return (n > m) - (n < m);
    if (a[i] >= 0xee && b[i] >= 0xee && (a[i] >= 0xf0) != (b[i] >= 0xf0)) return b[i] >= 0xf0 ? 1 : -1;
    return a[i] > b[i] ? 1 : -1;
}

/* A version with its numeric parts right-aligned in 5, so that texts are in the order of versions. */
static PyObject *es_padded_version(const char *text, Py_ssize_t length) {
    const char *p = text, *end = text + length, *line = text, *q;
    char *out, *to;
    int parts = 1;
    PyObject *result;
    if (length && *p == 'v') p++;
    for (q = p; q < end; q++)  /* U+2028 and U+2029 end with these bytes, which no other character does after E2 80 */
        if (*q == '\n' || *q == '\r' || (q - text >= 2 && (*q & 0xfe) == (char)0xa8 && q[-1] == (char)0x80 && q[-2] == (char)0xe2))
            line = q + 1;
    if (line < p) line = p;
    if ((q = memchr(line, '+', end - line))) end = q;
    if ((out = to = PyMem_Malloc(6 * (end - p) + 16)) == NULL) return PyErr_NoMemory();
    for (;; p++) {
        int digits = 1;
        for (q = p; q < end && *q != '.' && *q != '-'; q++) digits &= *q >= '0' && *q <= '9';
        for (Py_ssize_t n = q - p; digits && n && n < 5; n++) *to++ = ' ';
        memcpy(to, p, q - p);
        to += q - p;
        if ((p = q) == end) break;
        *to++ = '-';
        parts++;
    }
    if (parts == 3) { *to++ = '-'; *to++ = '~'; }
    result = PyUnicode_DecodeUTF8(out, to - out, NULL);
    PyMem_Free(out);
    return result;
}

/* Whether a member's name is an array index (up to 2**32 - 2), which comes before all other names. */
static int es_is_index(const char *p, Py_ssize_t n) {
    uint64_t value = 0;
    if (n == 0 || n > 10 || (*p == '0' && n > 1)) return 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') return 0;
        value = value * 10 + (p[i] - '0');
    }
    return value < 0xffffffffu;
}

#endif
