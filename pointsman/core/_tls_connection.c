/* A connection (SSL) on a socket that does not wait, whose descriptor belongs to somebody else.
 *
 * Each call does what can be done now. Three rules hold for all:
 *
 * - What the kernel does not take is kept as ciphertext. `write` counts a byte as taken only when its ciphertext is with
 *   the kernel; what was encrypted already and is not counted (`owed`) comes again with the next call, and is skipped.
 * - A fault is remembered: later calls raise it again, and OpenSSL is not asked any more.
 * - An end without close_notify is `cut`, and is told from one with it.
 */
#include "_tls.h"
#include <openssl/x509v3.h>
#include <arpa/inet.h>

#define SLICE (15 * RECORD)  /* of plain text in one SSL_write: its records fit into one send */
#define SMALL 16384          /* reads up to this go through a buffer on the stack */
#define READ_WAITS 1         /* the bits of epoll */
#define WRITE_WAITS 4
#define EARLY_OPEN 0x1000    /* and another one, which epoll does not have */

/* Faults. */

static PyObject *
raise_failure(Connection *c)
{
    if (!c->code && c->error != EPROTO) {
        errno = c->error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    const char *reason = c->unknown ? "the client's hello names no host that is served"
                         : c->code  ? ERR_reason_error_string(c->code)
                                    : NULL;
    PyObject *text = c->verify_error && c->code && ERR_GET_LIB(c->code) == ERR_LIB_SSL
                             && ERR_GET_REASON(c->code) == SSL_R_CERTIFICATE_VERIFY_FAILED
                         ? PyUnicode_FromFormat("%s: %s (depth %d)", reason ? reason : "certificate verify failed",
                                                X509_verify_cert_error_string(c->verify_error), c->verify_depth)
                         : PyUnicode_FromString(reason ? reason : "protocol error");
    PyObject *number = PyLong_FromUnsignedLong(c->code);
    PyObject *fault = text == NULL || number == NULL ? NULL : PyObject_CallFunction(TlsError, "iO", EPROTO, text);
    if (fault != NULL && PyObject_SetAttrString(fault, "code", number) == 0)
        PyErr_SetObject(TlsError, fault);
    Py_XDECREF(fault);
    Py_XDECREF(text);
    Py_XDECREF(number);
    return NULL;
}

/* Remember why the last call to OpenSSL failed, and raise it. */
static PyObject *
fail(Connection *c)
{
    unsigned long code = ERR_peek_last_error();
    if (!c->error) {
        c->error = c->over && !code ? ECONNRESET : EPROTO; /* closed in the middle of something */
        c->code = code;
        c->cause = ERR_peek_error();
    }
    ERR_clear_error();
    return raise_failure(c);
}

/* Before each call: 0, or a Python exception is set. */
static int
begin(Connection *c)
{
    if (c->closed) {
        PyErr_SetString(PyExc_ValueError, "the connection is closed");
        return -1;
    }
    if (c->busy) {
        PyErr_SetString(PyExc_RuntimeError, "a call of this connection is under way");
        return -1;
    }
    if (c->error) {
        raise_failure(c);
        return -1;
    }
    c->busy = 1;
    if (ERR_peek_error()) /* clearing goes over all places of the queue, be they empty */
        ERR_clear_error();
    return 0;
}

/* Its life. */

static int
set_host(SSL *ssl, const char *host)
{
    struct in6_addr address;
    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    /* The subject's name counts beside those of the extension (manual 5.2, verify). */
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT);
    return SSL_set1_host(ssl, host);
}

static int
set_session(SSL *ssl, const char *data, Py_ssize_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    SSL_SESSION *old = size > MOST_BYTES ? NULL : d2i_SSL_SESSION(NULL, &at, (long)size);
    int good = old != NULL && SSL_set_session(ssl, old);
    SSL_SESSION_free(old); /* takes NULL */
    return good;
}

static int
begin_client(Connection *c, const char *name, const char *session, Py_ssize_t size, const char *host)
{
    SSL *ssl = c->ssl;
    PyObject *alpn = c->context->alpn;
    SSL_set_connect_state(ssl);
    if (name != NULL && !SSL_set_tlsext_host_name(ssl, name))
        return -1;
    if (host != NULL && !set_host(ssl, host))
        return -1;
    if (alpn != NULL
        && SSL_set_alpn_protos(ssl, (const unsigned char *)PyBytes_AS_STRING(alpn),
                               (unsigned int)PyBytes_GET_SIZE(alpn)) != 0) /* 0: done */
        return -1;
    if (session != NULL && !set_session(ssl, session, size))
        ERR_clear_error(); /* one of another version, or none at all: a full handshake serves */
    return 0;
}

static PyObject *
connection_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
    static char *names[] = {"context", "fd", "given", "name", "session", "host", NULL};
    Context *context;
    int fd;
    PyObject *given = NULL;
    const char *name = NULL, *session = NULL, *host = NULL;
    Py_ssize_t size = 0;
    if (!PyArg_ParseTupleAndKeywords(args, words, "O!i|Szz#z", names, &ContextType, &context, &fd, &given, &name,
                                     &session, &size, &host))
        return NULL;
    Connection *c = (Connection *)type->tp_alloc(type, 0); /* all zero */
    if (c == NULL)
        return NULL;
    ERR_clear_error();
    c->context = (Context *)Py_NewRef((PyObject *)context);
    c->first = (Context *)Py_NewRef((PyObject *)context);
    c->fd = fd;
    if (given != NULL && PyBytes_GET_SIZE(given))
        c->given = Py_NewRef(given);
    c->ssl = SSL_new(context->ctx);
    BIO *bio = c->ssl == NULL ? NULL : bio_of(c);
    if (bio == NULL) {
        Py_DECREF(c);
        return refused("no connection can be made");
    }
    SSL_set_bio(c->ssl, bio, bio); /* which owns it from now on */
    int good = SSL_set_ex_data(c->ssl, connection_index, c);
    if (good && context->server) {
        SSL_set_accept_state(c->ssl);
        c->takes_early = context->early || context->early_below[0] || context->early_below[1];
    } else if (good)
        good = begin_client(c, name, session, size, host) == 0;
    if (!good) {
        Py_DECREF(c);
        return refused("name, host or protocols are not accepted");
    }
    return (PyObject *)c;
}

static void
release(Connection *c)
{
    forget(c);
    forget_early(c);
    c->closed = 1;
    c->error = c->error ? c->error : EBADF; /* nothing is sent any more: the descriptor may be another's by now */
    Py_CLEAR(c->given);
}

static void
connection_free(Connection *c)
{
    c->error = c->error ? c->error : EBADF;
    release(c);
    if (c->ssl != NULL) {
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_free(c->ssl);
        ERR_clear_error();
    }
    X509_free(c->refused); /* both take NULL */
    X509_free(c->refused_root);
    Py_XDECREF(c->identity);
    Py_XDECREF(c->name);
    Py_XDECREF(c->hello);
    Py_XDECREF(c->secrets);
    Py_XDECREF(c->session);
    Py_XDECREF(c->context);
    Py_XDECREF(c->first);
    Py_TYPE(c)->tp_free((PyObject *)c);
}

/* What it does. */

static PyObject *
connection_handshake(Connection *c, PyObject *unused)
{
    (void)unused;
    if (begin(c) < 0)
        return NULL;
    c->drained = 0;
    flush_left(c);
    int why = SSL_ERROR_NONE;
    if (!c->finished && !c->error) {
        why = shake(c);
        if (c->finished && !c->context->server && c->context->sessions && SSL_session_reused(c->ssl)
            && SSL_version(c->ssl) < TLS1_3_VERSION)
            keep_session(c, SSL_get_session(c->ssl));
    }
    let_go(c); /* an alert, too, is to leave before an exception is raised */
    c->busy = 0;
    if (c->early_refused && !c->error)
        c->error = EKEYREJECTED;
    if (c->error || (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ))
        return fail(c);
    int waits = (c->left != NULL ? WRITE_WAITS : 0) | (c->finished ? 0 : READ_WAITS)
                | (is_early_open(c) ? EARLY_OPEN : 0);
    return PyLong_FromLong(waits);
}

/* Read up to `size` bytes. The number of bytes; what else has happened stands in `c`. */
static size_t
read_some(Connection *c, char *into, size_t size)
{
    size_t at = 0, got;
    c->drained = c->at_rest = 0;
    while (at < size && !c->ended) {
        if (SSL_read_ex(c->ssl, into + at, size - at, &got) == 1) {
            at += got;
            if (c->drained && !SSL_has_pending(c->ssl)) {
                c->at_rest = 1;
                break;
            }
            continue;
        }
        int why = SSL_get_error(c->ssl, 0);
        let_go(c); /* an alert that tells of a fault, or that there is no renegotiation: behind a fault nothing leaves */
        if (why == SSL_ERROR_WANT_READ)
            c->at_rest = 1;
        else if (why == SSL_ERROR_ZERO_RETURN)
            c->ended = 1;
        else if (!(c->over && !ERR_peek_error()) && !c->error) { /* else it was cut */
            c->error = EPROTO;
            c->code = ERR_peek_last_error();
            c->cause = ERR_peek_error();
            ERR_clear_error();
        }
        break;
    }
    let_go(c); /* answers to what the peer has asked of TLS itself */
    return at;
}

static PyObject *
connection_read(Connection *c, PyObject *number)
{
    char small[SMALL], *into = small;
    PyObject *data = NULL;
    Py_ssize_t size = PyLong_AsSsize_t(number);
    if (size == -1 && PyErr_Occurred())
        return NULL;
    if (size <= 0)
        return PyErr_Format(PyExc_ValueError, "a size expected");
    if (size > SMALL) {
        if ((data = PyBytes_FromStringAndSize(NULL, size)) == NULL)
            return NULL;
        into = PyBytes_AS_STRING(data);
    }
    if (begin(c) < 0) {
        Py_XDECREF(data);
        return NULL;
    }
    if (!c->owed) /* else those who write see to it */
        flush_left(c);
    size_t got;
    int early = early_waiting(c) || (!c->finished && (c->takes_early || c->early_seen));
    if (early) { /* there is no more before `handshake` has brought it */
        got = take_early(c, into, (size_t)size);
        c->at_rest = !c->finished && !early_waiting(c);
    } else
        got = read_some(c, into, (size_t)size);
    c->busy = 0;
    if (got == 0 && (early || c->error || (!c->ended && !c->over))) {
        Py_XDECREF(data);
        if (c->error)
            return raise_failure(c);
        Py_RETURN_NONE;
    }
    if (data == NULL)
        return PyBytes_FromStringAndSize(small, (Py_ssize_t)got);
    if (got < (size_t)size)
        _PyBytes_Resize(&data, (Py_ssize_t)got); /* NULL if it fails */
    return data;
}

/* Encrypt, until the kernel takes no more. How many bytes were encrypted; `why` says what stopped it. */
static size_t
write_some(Connection *c, const char *from, size_t size, int *why)
{
    size_t at = 0, taken;
    *why = SSL_ERROR_NONE;
    while (at < size && c->left == NULL && !c->error) {
        size_t piece = size - at < SLICE ? size - at : SLICE;
        if (SSL_write_ex(c->ssl, from + at, piece, &taken) != 1) {
            *why = SSL_get_error(c->ssl, 0);
            break;
        }
        at += taken;
        let_go(c);
    }
    let_go(c);
    return at;
}

static PyObject *
connection_write(Connection *c, PyObject *data)
{
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "bytes expected");
        return NULL;
    }
    if (begin(c) < 0)
        return NULL;
    size_t size = (size_t)PyBytes_GET_SIZE(data);
    int why = SSL_ERROR_NONE;
    if (size < c->owed || c->shut) {
        c->busy = 0;
        PyErr_SetString(PyExc_ValueError, c->shut ? "something is written behind the end"
                                                  : "what was not taken has to come again");
        return NULL;
    }
    if (!c->finished && !c->early_seen && !may_write_early(c)) { /* the handshake's business comes first */
        c->busy = 0;
        return PyLong_FromLong(0);
    }
    size_t before = c->owed;
    flush_left(c);
    size_t encrypted = before;
    if (may_write_early(c))
        encrypted += write_early(c, PyBytes_AS_STRING(data) + before, size - before, &why);
    else if (c->finished && c->left == NULL && !c->error)
        encrypted += write_some(c, PyBytes_AS_STRING(data) + before, size - before, &why);
    c->busy = 0;
    if (c->error || (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ))
        return fail(c);
    /* No record is shorter than what it holds: so many bytes of plain text at most are still here. */
    size_t waiting = c->left_size - c->left_at;
    c->owed = encrypted < waiting ? encrypted : waiting;
    return PyLong_FromSize_t(encrypted - c->owed);
}

static PyObject *
connection_shut(Connection *c, PyObject *unused)
{
    (void)unused;
    if (begin(c) < 0)
        return NULL;
    flush_left(c);
    if (!c->shut && c->finished && !c->error) {
        c->shut = 1;
        SSL_shutdown(c->ssl); /* it tells whether the peer has done the same, which is read elsewhere */
        let_go(c);
    }
    c->busy = 0;
    ERR_clear_error();
    if (c->error)
        return raise_failure(c);
    return PyBool_FromLong(c->left == NULL);
}

static PyObject *
connection_close(Connection *c, PyObject *unused)
{
    (void)unused;
    if (c->busy) {
        PyErr_SetString(PyExc_RuntimeError, "a call of this connection is under way");
        return NULL;
    }
    release(c);
    Py_RETURN_NONE;
}

static PyObject *
connection_suite(Connection *c, PyObject *args)
{
    const unsigned char *octets;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y#", &octets, &size))
        return NULL;
    const SSL_CIPHER *cipher = size == 2 ? SSL_CIPHER_find(c->ssl, octets) : NULL;
    if (cipher == NULL)
        Py_RETURN_NONE;
    return PyBytes_FromString(SSL_CIPHER_get_name(cipher));
}

static PyMethodDef connection_methods[] = {
    {"handshake", (PyCFunction)connection_handshake, METH_NOARGS,
     "handshake(): 0 when it is over; else what it waits for, by the bits of epoll"},
    {"allow_early", (PyCFunction)allow_early, METH_NOARGS,
     "allow_early(): how many bytes go along with a client's hello, if they are written before `handshake` is called"},
    {"read", (PyCFunction)connection_read, METH_O, "read(size): bytes, b\"\" at the end; None: nothing now"},
    {"write", (PyCFunction)connection_write, METH_O, "write(data): how many bytes are with the kernel"},
    {"shut", (PyCFunction)connection_shut, METH_NOARGS, "shut(): close_notify; False: the kernel takes nothing now"},
    {"suite", (PyCFunction)connection_suite, METH_VARARGS, "suite(two bytes): OpenSSL's name of a suite; None: unknown"},
    {"close", (PyCFunction)connection_close, METH_NOARGS, "close(): frees what it holds; nothing is sent"},
    {NULL, NULL, 0, NULL},
};

PyTypeObject ConnectionType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._tls.Connection",
    .tp_basicsize = sizeof(Connection),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = connection_new,
    .tp_dealloc = (destructor)connection_free,
    .tp_methods = connection_methods,
};
