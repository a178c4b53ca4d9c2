/* Early data (0-RTT) of TLS 1.3: what a client sends behind its hello, before it has seen anything of the server
 * (RFC 8446, 2.3). Whoever saw it on its way can send it again: those who use it decide what it may do.
 *
 * A server's connection reads it while the handshake goes on. It is kept here, no more than Context.early allows, until
 * somebody reads it; from then on answers may be written, too, although the client has not proved yet that it is there.
 * No session is looked up for it, and none is used up: tickets serve on every lane and more than once
 * (SSL_OP_NO_ANTI_REPLAY).
 *
 * A client's connection may send some (`allow_early`), where the session that it resumes has leave for that: what is
 * written before the first call of `handshake` goes along with the hello. Whether the server has taken it is known when
 * the handshake is over. If not, it is lost, and the connection given up (EKEYREJECTED).
 */
#include "_tls.h"

#define LEAST 16384 /* bytes of early data that a server skips where it wants none, as OpenSSL does by default */

int
set_early(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    if (!c->server) {
        PyErr_SetString(PyExc_ValueError, "a server's context expected");
        return -1;
    }
    unsigned long size = value == NULL ? 0 : PyLong_AsUnsignedLong(value);
    if (PyErr_Occurred())
        return -1;
    if (size > 0xffffffff) {
        PyErr_SetString(PyExc_ValueError, "a number of bytes expected");
        return -1;
    }
    c->early = (uint32_t)size;
    SSL_CTX_set_max_early_data(c->ctx, c->early); /* neither call can fail */
    SSL_CTX_set_recv_max_early_data(c->ctx, c->early > LEAST ? c->early : LEAST);
    if (c->early)
        SSL_CTX_set_options(c->ctx, SSL_OP_NO_ANTI_REPLAY);
    else
        SSL_CTX_clear_options(c->ctx, SSL_OP_NO_ANTI_REPLAY);
    return 0;
}

PyObject *
get_most_early(Context *c, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(c->early);
}

int
takes_early(PyObject *choice)
{
    if (Py_IS_TYPE(choice, &ContextType))
        return ((Context *)choice)->early > 0;
    for (Py_ssize_t i = 0; PyTuple_CheckExact(choice) && i < PyTuple_GET_SIZE(choice); i++) {
        PyObject *context = PyTuple_GET_ITEM(PyTuple_GET_ITEM(choice, i), 0);
        if (context != Py_None && ((Context *)context)->early > 0)
            return 1;
    }
    return 0;
}

/* The server's side. */

static int
keep_early(Connection *c, const char *data, size_t size)
{
    if (c->early_at == c->early_size)
        c->early_at = c->early_size = 0;
    char *grown = PyMem_Realloc(c->early_data, c->early_size + size);
    if (grown == NULL)
        return -1;
    memcpy(grown + c->early_size, data, size);
    c->early_data = grown;
    c->early_size += size;
    c->early_seen = 1;
    return 0;
}

int
shake(Connection *c)
{
    char piece[RECORD];
    size_t got;
    c->early_room = 0;
    while (c->takes_early == 1) {
        int state = SSL_read_early_data(c->ssl, piece, sizeof piece, &got);
        if (state == SSL_READ_EARLY_DATA_ERROR)
            return SSL_get_error(c->ssl, 0);
        if (state == SSL_READ_EARLY_DATA_FINISH)
            c->takes_early = 2; /* there was none, or there is no more */
        else if (got && keep_early(c, piece, got) < 0) {
            c->error = ENOMEM;
            return SSL_ERROR_SYSCALL;
        }
    }
    int done = SSL_do_handshake(c->ssl);
    c->finished = done == 1;
    if (!c->finished)
        return SSL_get_error(c->ssl, done);
    c->early_refused = !c->context->server && c->early_seen
                       && SSL_get_early_data_status(c->ssl) != SSL_EARLY_DATA_ACCEPTED;
    return SSL_ERROR_NONE;
}

size_t
early_waiting(Connection *c)
{
    return c->early_size - c->early_at;
}

size_t
take_early(Connection *c, char *into, size_t size)
{
    size_t count = early_waiting(c);
    if (count > size)
        count = size;
    memcpy(into, c->early_data + c->early_at, count);
    c->early_at += count;
    if (c->early_at == c->early_size)
        forget_early(c);
    return count;
}

void
forget_early(Connection *c)
{
    PyMem_Free(c->early_data);
    c->early_data = NULL;
    c->early_at = c->early_size = 0;
}

int
is_early_open(Connection *c)
{
    const unsigned char *protocol;
    unsigned int size = 0;
    if (c->finished || !c->early_seen || !c->context->server)
        return 0;
    SSL_get0_alpn_selected(c->ssl, &protocol, &size);
    return size > 0;
}

/* The client's side. */

static int
is_offered(PyObject *offer, const unsigned char *protocol, size_t size)
{
    const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(offer);
    for (Py_ssize_t at = 0; at < PyBytes_GET_SIZE(offer); at += 1 + data[at])
        if (data[at] == size && memcmp(data + at + 1, protocol, size) == 0)
            return 1;
    return 0;
}

/* OpenSSL takes it for a fault if the new connection is for another name or other protocols (RFC 8446, 4.2.10). */
static size_t
early_room(Connection *c)
{
    SSL_SESSION *session = SSL_get_session(c->ssl);
    if (c->context->server || session == NULL || !SSL_in_before(c->ssl) || !SSL_SESSION_is_resumable(session))
        return 0;
    const char *host = SSL_SESSION_get0_hostname(session);
    const char *name = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
    if (host != NULL && (name == NULL || strcmp(host, name) != 0))
        return 0;
    time_t age = time(NULL) - (time_t)SSL_SESSION_get_time(session);
    if (age < 0 || (unsigned long)age >= SSL_SESSION_get_ticket_lifetime_hint(session))
        return 0;
    const unsigned char *protocol = NULL;
    size_t size = 0;
    SSL_SESSION_get0_alpn_selected(session, &protocol, &size);
    if (size && (c->context->alpn == NULL || !is_offered(c->context->alpn, protocol, size)))
        return 0;
    return SSL_SESSION_get_max_early_data(session);
}

PyObject *
allow_early(Connection *c, PyObject *unused)
{
    (void)unused;
    c->early_room = c->closed || c->error ? 0 : early_room(c);
    if (c->early_room)
        c->takes_early = 2;
    return PyLong_FromSize_t(c->early_room);
}

/* Both. */

int
may_write_early(Connection *c)
{
    return !c->finished && (c->context->server ? c->early_seen : c->early_room > 0);
}

size_t
write_early(Connection *c, const char *from, size_t size, int *why)
{
    size_t at = 0, taken = 0;
    int client = !c->context->server;
    while (at < size && c->left == NULL && !c->error) {
        size_t piece = size - at < RECORD ? size - at : RECORD;
        if (client && piece > c->early_room)
            piece = c->early_room;
        if (!piece)
            break;
        if (SSL_write_early_data(c->ssl, from + at, piece, &taken) != 1) {
            *why = SSL_get_error(c->ssl, 0);
            break;
        }
        at += taken;
        if (client) {
            c->early_room -= taken;
            c->early_seen = 1;
        }
        let_go(c);
    }
    let_go(c);
    return at;
}
