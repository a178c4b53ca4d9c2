/* What a client says in its hello, kept as long as its connection for those that ask (Context.capture).
 *
 * It is cut out of the message itself, for OpenSSL tells nothing of extensions that it does not know. It shares a number
 * of bytes, in this order: suites, the kinds of extensions, groups, formats of points, versions, signature algorithms.
 * What does not fit is cut off, and nothing behind extensions is kept of which one is missing.
 */
#include "_tls.h"

#define HELLO 1 /* of a handshake's messages (RFC 8446, 4) */
#define SERVER_HELLO 2
#define HEADER 4 /* kind, and three bytes of its size */
#define FIXED 34 /* version and random */

typedef struct {
    const unsigned char *at, *end;
} Span;

/* What stands behind its size, which takes `bytes`, and is stepped over. 0: it is not all there. */
static int
sized(Span *from, int bytes, Span *found)
{
    size_t size = 0;
    if (from->end - from->at < bytes)
        return 0;
    for (int i = 0; i < bytes; i++)
        size = size << 8 | *from->at++;
    if ((size_t)(from->end - from->at) < size)
        return 0;
    found->at = from->at;
    found->end = from->at += size;
    return 1;
}

/* XXH64 with the seed 0, of xxHash's specification. */

static const uint64_t prime1 = 11400714785074694791u, prime2 = 14029467366897019727u, prime3 = 1609587929392839161u,
                      prime4 = 9650029242287828579u, prime5 = 2870177450012600261u;

static uint64_t
turned(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t
word_at(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    while (bytes--)
        value = value << 8 | at[bytes];
    return value;
}

static uint64_t
mixed(uint64_t lane, uint64_t word)
{
    return turned(lane + word * prime2, 31) * prime1;
}

static uint64_t
xxh64(Span data)
{
    const unsigned char *at = data.at;
    size_t size = (size_t)(data.end - at);
    uint64_t total = prime5;
    if (size >= 32) {
        uint64_t lanes[4] = {prime1 + prime2, prime2, 0, 0 - prime1};
        for (; data.end - at >= 32; at += 32)
            for (int i = 0; i < 4; i++)
                lanes[i] = mixed(lanes[i], word_at(at + 8 * i, 8));
        total = turned(lanes[0], 1) + turned(lanes[1], 7) + turned(lanes[2], 12) + turned(lanes[3], 18);
        for (int i = 0; i < 4; i++)
            total = (total ^ mixed(0, lanes[i])) * prime1 + prime4;
    }
    total += size;
    for (; data.end - at >= 8; at += 8)
        total = turned(total ^ mixed(0, word_at(at, 8)), 27) * prime1 + prime4;
    if (data.end - at >= 4) {
        total = turned(total ^ word_at(at, 4) * prime1, 23) * prime2 + prime3;
        at += 4;
    }
    for (; at < data.end; at++)
        total = turned(total ^ *at * prime5, 11) * prime1;
    total = (total ^ total >> 33) * prime2;
    total = (total ^ total >> 29) * prime3;
    return total ^ total >> 32;
}

/* As much of it as there is room for; NULL: no memory. */
static PyObject *
kept(Span data, size_t *room)
{
    size_t size = (size_t)(data.end - data.at);
    if (size > *room)
        size = *room;
    *room -= size;
    return PyBytes_FromStringAndSize((const char *)data.at, (Py_ssize_t)size);
}

/* The kinds of extensions, and where those lists stand that are kept. NULL: no memory. */
static PyObject *
kinds_of(Span all, size_t *room, Span lists[4])
{
    static const struct {
        unsigned int kind;
        int bytes; /* of the size before its list */
    } wanted[4] = {
        {TLSEXT_TYPE_supported_groups, 2},
        {TLSEXT_TYPE_ec_point_formats, 1},
        {TLSEXT_TYPE_supported_versions, 1},
        {TLSEXT_TYPE_signature_algorithms, 2},
    };
    const unsigned char *begin = all.at;
    PyObject *kinds = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(*room < (size_t)(all.end - begin)
                                                                       ? *room
                                                                       : (size_t)(all.end - begin)));
    if (kinds == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(kinds);
    size_t size = 0;
    while (all.end - all.at >= 4) {
        unsigned int kind = (unsigned int)all.at[0] << 8 | all.at[1];
        Span data;
        if (*room < 2) {
            *room = 0;
            break;
        }
        to[size++] = (char)*all.at++;
        to[size++] = (char)*all.at++;
        *room -= 2;
        if (!sized(&all, 2, &data))
            break;
        for (int i = 0; i < 4; i++)
            if (kind == wanted[i].kind && !sized(&data, wanted[i].bytes, &lists[i]))
                lists[i].at = lists[i].end = begin;
    }
    _PyBytes_Resize(&kinds, (Py_ssize_t)size); /* NULL if it fails */
    return kinds;
}

static void
capture(Connection *c, Span hello)
{
    Span skipped, ciphers, all = {hello.end, hello.end}, lists[4];
    size_t room = c->first->capture;
    if (hello.end - hello.at < FIXED)
        return;
    unsigned int version = (unsigned int)hello.at[0] << 8 | hello.at[1];
    hello.at += FIXED;
    if (!sized(&hello, 1, &skipped) || !sized(&hello, 2, &ciphers) || !sized(&hello, 1, &skipped))
        return;
    if (hello.at < hello.end && !sized(&hello, 2, &all))
        return;
    for (int i = 0; i < 4; i++)
        lists[i].at = lists[i].end = all.at;
    PyObject *parts[6] = {NULL, NULL, NULL, NULL, NULL, NULL};
    parts[0] = kept(ciphers, &room);
    parts[1] = parts[0] == NULL ? NULL : kinds_of(all, &room, lists);
    int good = parts[1] != NULL;
    for (int i = 0; good && i < 4; i++)
        good = (parts[2 + i] = kept(lists[i], &room)) != NULL;
    PyObject *found = good ? Py_BuildValue("IKOOOOOO", version, (unsigned long long)xxh64(ciphers), parts[0], parts[1],
                                           parts[2], parts[3], parts[4], parts[5])
                           : NULL;
    for (int i = 0; i < 6; i++)
        Py_XDECREF(parts[i]);
    if (found == NULL)
        PyErr_Clear(); /* no memory: nothing is known of it */
    Py_XSETREF(c->hello, found);
}

void
on_message(int sent, int version, int kind, const void *data, size_t size, SSL *ssl, void *arg)
{
    const unsigned char *at = data;
    (void)version, (void)arg;
    if (kind != SSL3_RT_HANDSHAKE || size < HEADER)
        return;
    /* Who is asked for another group says hello once more (RFC 8446, 4.1.4), and the last one counts, as in the peer
     * program. When we have answered and go on, no other one is to come. */
    if (sent && *at != SERVER_HELLO)
        SSL_set_msg_callback(ssl, NULL);
    else if (!sent && *at == HELLO)
        capture(SSL_get_ex_data(ssl, connection_index), (Span){at + HEADER, at + size});
}
