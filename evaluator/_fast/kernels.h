/* C kernels of the core: unaligned loads, hashes, and the few CPython shortcuts that pay (docs/decisions/0003).
 *
 * Everything is static inline and works on (pointer, length). Multi-byte reads go through memcpy: odd offsets are
 * legal in the tables, and gcc turns each into one load on x86-64 and arm64 alike.
 */
#ifndef BURGEE_KERNELS_H
#define BURGEE_KERNELS_H

#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "snapshots are read in place and are little-endian"
#endif

static inline uint16_t load_u16(const void *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t load_u32(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t load_u64(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline uint32_t load_u32_big(const void *p) { return __builtin_bswap32(load_u32(p)); }
static inline int32_t load_i32(const void *p) { int32_t v; memcpy(&v, p, 4); return v; }
static inline int64_t load_i64(const void *p) { int64_t v; memcpy(&v, p, 8); return v; }
static inline double bits_to_double(uint64_t bits) { double v; memcpy(&v, &bits, 8); return v; }

/* First 8 bytes, zero-padded; never reads past the end. */
static inline uint64_t text_prefix(const char *p, Py_ssize_t n) {
    uint64_t v = 0;
    if (n >= 8) return load_u64(p);
    if (n >= 4) return (uint64_t)load_u32(p) | ((uint64_t)load_u32(p + n - 4) << (8 * (n - 4)));
    for (Py_ssize_t i = 0; i < n; i++) v |= (uint64_t)(uint8_t)p[i] << (8 * i);
    return v;
}

/* ---- hashes ---------------------------------------------------------------------------------------------------- */

static inline uint32_t rotl32(uint32_t x, int r) { return (x << r) | (x >> (32 - r)); }
static inline uint64_t rotl64(uint64_t x, int r) { return (x << r) | (x >> (64 - r)); }

/* MurmurHash3_x86_32 (Austin Appleby, public domain algorithm; checked against mmh3 and the published vectors). */
static inline uint32_t murmur3_32(const char *data, Py_ssize_t n, uint32_t seed) {
    const uint32_t c1 = 0xcc9e2d51u, c2 = 0x1b873593u;
    uint32_t h = seed, k;
    Py_ssize_t blocks = n / 4;
    for (Py_ssize_t i = 0; i < blocks; i++) {
        k = load_u32(data + 4 * i) * c1;
        h = rotl32(h ^ (rotl32(k, 15) * c2), 13) * 5 + 0xe6546b64u;
    }
    const uint8_t *tail = (const uint8_t *)data + 4 * blocks;
    k = 0;
    switch (n & 3) {
        case 3: k ^= (uint32_t)tail[2] << 16; /* fall through */
        case 2: k ^= (uint32_t)tail[1] << 8;  /* fall through */
        case 1: k ^= tail[0]; h ^= rotl32(k * c1, 15) * c2;
    }
    h ^= (uint32_t)n;
    h ^= h >> 16; h *= 0x85ebca6bu;
    h ^= h >> 13; h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
}

static inline uint64_t mix64(uint64_t k) {
    k ^= k >> 33; k *= 0xff51afd7ed558ccdULL;
    k ^= k >> 33; k *= 0xc4ceb9fe1a85ec53ULL;
    return k ^ (k >> 33);
}

/* h1 of MurmurHash3_x64_128, seed 0: the snapshot's checksum. */
static inline uint64_t murmur3_x64_h1(const char *data, Py_ssize_t n) {
    const uint64_t c1 = 0x87c37b91114253d5ULL, c2 = 0x4cf5ad432745937fULL;
    uint64_t h1 = 0, h2 = 0, k1, k2;
    Py_ssize_t blocks = n / 16;
    for (Py_ssize_t i = 0; i < blocks; i++) {
        k1 = load_u64(data + 16 * i); k2 = load_u64(data + 16 * i + 8);
        h1 ^= rotl64(k1 * c1, 31) * c2;
        h1 = (rotl64(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= rotl64(k2 * c2, 33) * c1;
        h2 = (rotl64(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    const uint8_t *tail = (const uint8_t *)data + 16 * blocks;
    k1 = k2 = 0;
    for (Py_ssize_t i = (n & 15) - 1; i >= 8; i--) k2 ^= (uint64_t)tail[i] << (8 * (i - 8));
    for (Py_ssize_t i = (n & 15) > 8 ? 7 : (n & 15) - 1; i >= 0; i--) k1 ^= (uint64_t)tail[i] << (8 * i);
    if (n & 15) { h2 ^= rotl64(k2 * c2, 33) * c1; h1 ^= rotl64(k1 * c1, 31) * c2; }
    h1 ^= (uint64_t)n; h2 ^= (uint64_t)n;
    h1 += h2; h2 += h1;
    h1 = mix64(h1); h2 = mix64(h2);
    return h1 + h2;
}

/* MD5 (RFC 1321): one 64-byte block into the state; fully unrolled by the compiler from the constant tables. */
static inline void md5_block(uint32_t s[4], const uint8_t *p) {
    static const uint32_t K[64] = {
        0xd76aa478,0xe8c7b756,0x242070db,0xc1bdceee,0xf57c0faf,0x4787c62a,0xa8304613,0xfd469501,
        0x698098d8,0x8b44f7af,0xffff5bb1,0x895cd7be,0x6b901122,0xfd987193,0xa679438e,0x49b40821,
        0xf61e2562,0xc040b340,0x265e5a51,0xe9b6c7aa,0xd62f105d,0x02441453,0xd8a1e681,0xe7d3fbc8,
        0x21e1cde6,0xc33707d6,0xf4d50d87,0x455a14ed,0xa9e3e905,0xfcefa3f8,0x676f02d9,0x8d2a4c8a,
        0xfffa3942,0x8771f681,0x6d9d6122,0xfde5380c,0xa4beea44,0x4bdecfa9,0xf6bb4b60,0xbebfbc70,
        0x289b7ec6,0xeaa127fa,0xd4ef3085,0x04881d05,0xd9d4d039,0xe6db99e5,0x1fa27cf8,0xc4ac5665,
        0xf4292244,0x432aff97,0xab9423a7,0xfc93a039,0x655b59c3,0x8f0ccc92,0xffeff47d,0x85845dd1,
        0x6fa87e4f,0xfe2ce6e0,0xa3014314,0x4e0811a1,0xf7537e82,0xbd3af235,0x2ad7d2bb,0xeb86d391};
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3], w[16];
    memcpy(w, p, 64);
#define STEP(f, a, b, c, d, i, g, r) a += (f) + K[i] + w[g]; a = rotl32(a, r) + b;
#define F1(b, c, d) (d ^ (b & (c ^ d)))
#define F2(b, c, d) (c ^ (d & (b ^ c)))
#define F3(b, c, d) (b ^ c ^ d)
#define F4(b, c, d) (c ^ (b | ~d))
#define FOUR(F, i, g0, g1, g2, g3, r0, r1, r2, r3) \
    STEP(F(b, c, d), a, b, c, d, i, g0, r0) STEP(F(a, b, c), d, a, b, c, i + 1, g1, r1) \
    STEP(F(d, a, b), c, d, a, b, i + 2, g2, r2) STEP(F(c, d, a), b, c, d, a, i + 3, g3, r3)
    FOUR(F1, 0, 0, 1, 2, 3, 7, 12, 17, 22) FOUR(F1, 4, 4, 5, 6, 7, 7, 12, 17, 22)
    FOUR(F1, 8, 8, 9, 10, 11, 7, 12, 17, 22) FOUR(F1, 12, 12, 13, 14, 15, 7, 12, 17, 22)
    FOUR(F2, 16, 1, 6, 11, 0, 5, 9, 14, 20) FOUR(F2, 20, 5, 10, 15, 4, 5, 9, 14, 20)
    FOUR(F2, 24, 9, 14, 3, 8, 5, 9, 14, 20) FOUR(F2, 28, 13, 2, 7, 12, 5, 9, 14, 20)
    FOUR(F3, 32, 5, 8, 11, 14, 4, 11, 16, 23) FOUR(F3, 36, 1, 4, 7, 10, 4, 11, 16, 23)
    FOUR(F3, 40, 13, 0, 3, 6, 4, 11, 16, 23) FOUR(F3, 44, 9, 12, 15, 2, 4, 11, 16, 23)
    FOUR(F4, 48, 0, 7, 14, 5, 6, 10, 15, 21) FOUR(F4, 52, 12, 3, 10, 1, 6, 10, 15, 21)
    FOUR(F4, 56, 8, 15, 6, 13, 6, 10, 15, 21) FOUR(F4, 60, 4, 11, 2, 9, 6, 10, 15, 21)
#undef FOUR
#undef F1
#undef F2
#undef F3
#undef F4
#undef STEP
    s[0] += a; s[1] += b; s[2] += c; s[3] += d;
}

/* SHA-1 (RFC 3174): one 64-byte block into the state, unrolled, with a schedule of 16 words that turns. */
static inline void sha1_block(uint32_t s[5], const uint8_t *p) {
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], w[16];
    for (int i = 0; i < 16; i++) w[i] = load_u32_big(p + 4 * i);
#define WORD(i) ((i) < 16 ? w[i] : (w[(i) & 15] = rotl32(w[((i) + 13) & 15] ^ w[((i) + 8) & 15] ^ w[((i) + 2) & 15] ^ w[(i) & 15], 1)))
#define STEP(f, k, a, b, c, d, e, i) e += rotl32(a, 5) + f(b, c, d) + k + WORD(i); b = rotl32(b, 30);
#define CHOOSE(b, c, d) (d ^ (b & (c ^ d)))
#define PARITY(b, c, d) (b ^ c ^ d)
#define MAJORITY(b, c, d) ((b & c) | (d & (b | c)))
#define FIVE(f, k, i) STEP(f, k, a, b, c, d, e, i) STEP(f, k, e, a, b, c, d, i + 1) STEP(f, k, d, e, a, b, c, i + 2) \
    STEP(f, k, c, d, e, a, b, i + 3) STEP(f, k, b, c, d, e, a, i + 4)
#define TWENTY(f, k, i) FIVE(f, k, i) FIVE(f, k, i + 5) FIVE(f, k, i + 10) FIVE(f, k, i + 15)
    TWENTY(CHOOSE, 0x5a827999u, 0) TWENTY(PARITY, 0x6ed9eba1u, 20) TWENTY(MAJORITY, 0x8f1bbcdcu, 40) TWENTY(PARITY, 0xca62c1d6u, 60)
#undef TWENTY
#undef FIVE
#undef MAJORITY
#undef PARITY
#undef CHOOSE
#undef STEP
#undef WORD
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e;
}

/* What MD5 and the SHA family share: whole blocks, then the rest, 0x80, zeros and the length in bits as `bits` holds it. */
static inline void digest_blocks(void (*block)(uint32_t *, const uint8_t *), uint32_t *s, const char *data, Py_ssize_t n, uint64_t bits) {
    Py_ssize_t whole = n / 64, rest = n % 64;
    for (Py_ssize_t i = 0; i < whole; i++) block(s, (const uint8_t *)data + 64 * i);
    uint8_t last[128] = {0};
    int size = rest < 56 ? 64 : 128;
    memcpy(last, data + 64 * whole, rest);
    last[rest] = 0x80;
    memcpy(last + size - 8, &bits, 8);
    for (int i = 0; i < size; i += 64) block(s, last + i);
}

static void md5(const char *data, Py_ssize_t n, uint8_t digest[16]) {
    uint32_t s[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
    digest_blocks(md5_block, s, data, n, (uint64_t)n * 8);
    memcpy(digest, s, 16);
}

/* The first 8 bytes of SHA-1 as a big-endian number. */
static uint64_t sha1_64(const char *data, Py_ssize_t n) {
    uint32_t s[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    digest_blocks(sha1_block, s, data, n, __builtin_bswap64((uint64_t)n * 8));
    return (uint64_t)s[0] << 32 | s[1];
}

/* SHA-256 (FIPS 180-4): one block. Rare, so small rather than unrolled. */
static void sha256_block(uint32_t s[8], const uint8_t *p) {
    static const uint32_t K[64] = {
        0x428a2f98,0x71374491,0xb5c0fbcf,0xe9b5dba5,0x3956c25b,0x59f111f1,0x923f82a4,0xab1c5ed5,
        0xd807aa98,0x12835b01,0x243185be,0x550c7dc3,0x72be5d74,0x80deb1fe,0x9bdc06a7,0xc19bf174,
        0xe49b69c1,0xefbe4786,0x0fc19dc6,0x240ca1cc,0x2de92c6f,0x4a7484aa,0x5cb0a9dc,0x76f988da,
        0x983e5152,0xa831c66d,0xb00327c8,0xbf597fc7,0xc6e00bf3,0xd5a79147,0x06ca6351,0x14292967,
        0x27b70a85,0x2e1b2138,0x4d2c6dfc,0x53380d13,0x650a7354,0x766a0abb,0x81c2c92e,0x92722c85,
        0xa2bfe8a1,0xa81a664b,0xc24b8b70,0xc76c51a3,0xd192e819,0xd6990624,0xf40e3585,0x106aa070,
        0x19a4c116,0x1e376c08,0x2748774c,0x34b0bcb5,0x391c0cb3,0x4ed8aa4a,0x5b9cca4f,0x682e6ff3,
        0x748f82ee,0x78a5636f,0x84c87814,0x8cc70208,0x90befffa,0xa4506ceb,0xbef9a3f7,0xc67178f2};
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = load_u32_big(p + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotl32(a, 25) ^ rotl32(a, 14) ^ (a >> 3)) + w[i - 7] + (rotl32(b, 15) ^ rotl32(b, 13) ^ (b >> 10));
    }
    memcpy(v, s, 32);
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t = v[7] + (rotl32(e, 26) ^ rotl32(e, 21) ^ rotl32(e, 7)) + (v[6] ^ (e & (v[5] ^ v[6]))) + K[i] + w[i];
        uint32_t u = (rotl32(a, 30) ^ rotl32(a, 19) ^ rotl32(a, 10)) + ((a & v[1]) | (v[2] & (a | v[1])));
        memmove(v + 1, v, 28);
        v[4] += t; v[0] = t + u;
    }
    for (int i = 0; i < 8; i++) s[i] += v[i];
}

static void sha256(const char *data, Py_ssize_t n, uint8_t digest[32]) {
    uint32_t s[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
    digest_blocks(sha256_block, s, data, n, __builtin_bswap64((uint64_t)n * 8));
    for (int i = 0; i < 8; i++) s[i] = __builtin_bswap32(s[i]);
    memcpy(digest, s, 32);
}

/* FNV-1a, 32 bits, of the UTF-16 code units of valid UTF-8. */
static uint32_t fnv1a_utf16(const char *data, Py_ssize_t n) {
    const uint8_t *p = (const uint8_t *)data, *end = p + n;
    uint32_t h = 0x811c9dc5u, c;
    while (p < end) {
        c = *p++;
        if (c >= 0x80) {
            int more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
            c &= 0x3fu >> more;
            while (more-- && p < end) c = c << 6 | (*p++ & 0x3fu);
            if (c >= 0x10000) {
                h = (h ^ (0xd7c0u + (c >> 10))) * 0x01000193u;
                c = 0xdc00u | (c & 0x3ffu);
            }
        }
        h = (h ^ c) * 0x01000193u;
    }
    return h;
}

/* ---- CPython shortcuts ------------------------------------------------------------------------------------------ */

/* The value at a guessed place of a dict, if the key there is this very object; else NULL. PyDict_Next checks the bounds. */
static inline PyObject *dict_guess(PyObject *dict, PyObject *key, Py_ssize_t place) {
    PyObject *there, *value;
    return PyDict_Next(dict, &place, &there, &value) && there == key ? value : NULL;
}

/* Where this very key is, to guess with next time; 0 if it is none of the first few. */
static inline Py_ssize_t dict_place(PyObject *dict, PyObject *key) {
    Py_ssize_t place = 0, before = 0;
    PyObject *there, *value;
    while (before < 16 && PyDict_Next(dict, &place, &there, &value)) {
        if (there == key) return before;
        before = place;
    }
    return 0;
}

static inline PyObject *dict_presized(Py_ssize_t n) { return _PyDict_NewPresized(n); }

/* The cached hash of an exact str, computed now if it never was. str hashing can't fail. */
static inline Py_hash_t text_hash(PyObject *text) {
    Py_hash_t hash = ((PyASCIIObject *)text)->hash;
    return hash != -1 ? hash : PyObject_Hash(text);
}

/* The same if it is known, else -1: a guess at a table's slot, which is then checked by identity. */
static inline Py_hash_t cached_hash(PyObject *text) { return ((PyASCIIObject *)text)->hash; }

static inline int same_text(PyObject *a, PyObject *b) {
    return PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) && PyUnicode_KIND(a) == PyUnicode_KIND(b) &&
           memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), PyUnicode_GET_LENGTH(a) * PyUnicode_KIND(a)) == 0;
}

/* UTF-8 of a str; NULL (no error set) if it has none, i.e. for lone surrogates. */
static inline const char *text_utf8(PyObject *text, Py_ssize_t *length) {
    if (PyUnicode_IS_COMPACT_ASCII(text)) {
        *length = PyUnicode_GET_LENGTH(text);
        return (const char *)((PyASCIIObject *)text + 1);
    }
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, length);
    if (utf8 == NULL) PyErr_Clear();
    return utf8;
}

/* A double in the fewest digits that mean it, without an exponent, as a str: 324 zeros before 17 digits at most. */
static PyObject *double_decimals(double number) {
    char text[352], *shortest = PyOS_double_to_string(number, 'r', 0, 0, NULL), *from = shortest, *to = text;
    if (shortest == NULL) return NULL;
    const char *mark = strchr(shortest, 'e');
    long shift = mark == NULL ? 0 : strtol(mark + 1, NULL, 10);
    if (*from == '-') *to++ = *from++;
    if (shift < 0) {
        *to++ = '0'; *to++ = '.';
        for (long i = -1; i > shift; i--) *to++ = '0';
    }
    const char *first = to;
    for (; *from && from != mark; from++) if (*from != '.' || mark == NULL) *to++ = *from;
    while (to - first < shift + 1 && mark != NULL) *to++ = '0';
    PyMem_Free(shortest);
    return PyUnicode_FromStringAndSize(text, to - text);
}

/* 1 and the value if an int fits in 64 bits; 0 if not. */
static inline int int_value(PyObject *number, int64_t *value) {
#if PY_VERSION_HEX >= 0x030C0000
    if (PyUnstable_Long_IsCompact((PyLongObject *)number)) {
        *value = PyUnstable_Long_CompactValue((PyLongObject *)number);
        return 1;
    }
#endif
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow) return 0;
    *value = v;
    return 1;
}

/* The decimal digits of an integer, at most 20 bytes; their number. */
static inline Py_ssize_t decimal(int64_t value, char *buffer) {
    char reversed[20];
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    Py_ssize_t count = 0, length = 0;
    do { reversed[count++] = (char)('0' + rest % 10); rest /= 10; } while (rest);
    if (value < 0) buffer[length++] = '-';
    while (count) buffer[length++] = reversed[--count];
    return length;
}

static inline int64_t wall_clock_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

#endif
