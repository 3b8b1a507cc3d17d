/* IP addresses in text, and prefixes of them (docs/snapshot-format.md section 4.9), without allocation. */
#ifndef BURGEE_NETWORKS_H
#define BURGEE_NETWORKS_H

#include <stdint.h>

/* Four decimal numbers without leading zeros, up to `end`; 1 and the 32 bits, or 0. */
static int address_v4(const char *p, const char *end, uint32_t *out) {
    uint32_t bits = 0;
    for (int part = 0; part < 4; part++) {
        unsigned value = 0;
        if (part && (p == end || *p++ != '.')) return 0;
        const char *start = p;
        while (p < end && *p >= '0' && *p <= '9' && p - start < 3) value = value * 10 + (unsigned)(*p++ - '0');
        if (p == start || value > 255 || (*start == '0' && p > start + 1)) return 0;
        bits = bits << 8 | value;
    }
    *out = bits;
    return p == end;
}

/* Up to four hexadecimal digits; their number, and the value. */
static int address_group(const char *p, const char *end, uint16_t *out) {
    unsigned value = 0;
    int n = 0;
    for (; n < 4 && p + n < end; n++) {
        char c = p[n];
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
        if (digit > 15) break;
        value = value << 4 | digit;
    }
    *out = (uint16_t)value;
    return n;
}

/* Eight groups, of which `::` stands for one or more that are zero; 1 and the groups, or 0. */
static int address_v6(const char *p, const char *end, uint16_t *groups) {
    int count = 0, gap = -1, moved;
    uint32_t embedded;
    if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
    }
    while (p < end) {
        uint16_t group;
        if (count <= 6 && address_v4(p, end, &embedded)) {
            groups[count++] = (uint16_t)(embedded >> 16);
            groups[count++] = (uint16_t)embedded;
            break;
        }
        int digits = address_group(p, end, &group);
        if (digits == 0 || count == 8) return 0;
        groups[count++] = group;
        p += digits;
        if (p == end) break;
        if (*p++ != ':') return 0;
        if (p < end && *p == ':') {
            if (gap >= 0) return 0;
            gap = count;
            p++;
        } else if (p == end) {
            return 0;
        }
    }
    if (gap < 0) return count == 8;
    if (count > 7) return 0;
    moved = count - gap;
    for (int i = 1; i <= moved; i++) groups[8 - i] = groups[count - i];
    for (int i = gap; i < 8 - moved; i++) groups[i] = 0;
    return 1;
}

/* The version, 4 or 6, and the address in 128 bits (IPv4 in the highest 32), high half first; 0 if the text is none. */
static int address_parse(const char *p, Py_ssize_t length, uint64_t *bits) {
    uint32_t v4;
    uint16_t groups[8];
    if (address_v4(p, p + length, &v4)) {
        bits[0] = (uint64_t)v4 << 32;
        bits[1] = 0;
        return 4;
    }
    if (!address_v6(p, p + length, groups)) return 0;
    bits[0] = bits[1] = 0;
    for (int i = 0; i < 8; i++) bits[i / 4] = bits[i / 4] << 16 | groups[i];
    return 6;
}

/* Whether an address lies in a network: three numbers, the first of which is version * 256 + prefix length. */
static int network_has(const uint64_t *network, int version, const uint64_t *bits) {
    unsigned prefix = (unsigned)(network[0] & 255);
    uint64_t high = network[1] ^ bits[0], low = network[2] ^ bits[1];
    if (network[0] >> 8 != (uint64_t)version) return 0;
    if (prefix == 0) return 1;
    if (prefix <= 64) return high >> (64 - prefix) == 0;
    return high == 0 && low >> (128 - prefix) == 0;
}

#endif
