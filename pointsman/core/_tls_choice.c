/* Which identity, and which context, a client gets: by the name in its hello, and by what it can verify.
 *
 * What stands in Context.names and Context.defaults is one of
 *
 *   None                          the context as it is
 *   Context                       that one, as it is
 *   ((Context, Identity), ...)    candidates, the best kind of key first (None for a Context: this one); the first one
 *                                 that the client can verify, else the first. (): the name is not served
 */
#include "_tls.h"
#include <openssl/objects.h>

/* Borrowed; NULL: not there, or an exception is set. */
static PyObject *
entry(PyObject *names, const char *name, size_t size)
{
    PyObject *key = PyBytes_FromStringAndSize(name, (Py_ssize_t)size);
    PyObject *found = key == NULL ? NULL : PyDict_GetItemWithError(names, key);
    Py_XDECREF(key);
    return found;
}

/* "www.example.com", then "*.example.com", for which the byte in front of the name is written to. A wildcard in a hello
 * is a name like others. */
static PyObject *
look_up(PyObject *names, char *name, size_t size)
{
    PyObject *found = name[0] == '*' ? NULL : entry(names, name, size);
    char *dot = found == NULL && !PyErr_Occurred() ? memchr(name, '.', size) : NULL;
    if (dot != NULL) {
        dot[-1] = '*';
        found = entry(names, dot - 1, size - (size_t)(dot - 1 - name));
    }
    return found;
}

/* SSL_set_SSL_CTX hands on certificates, CAs, ciphers and signature algorithms; the rest is for us. */
static int
change_context(SSL *ssl, Connection *c, Context *other)
{
    SSL_CTX *ctx = other->ctx;
    if (SSL_set_SSL_CTX(ssl, ctx) == NULL)
        return -1;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), on_verify);
    SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(ctx));
    SSL_set_options(ssl, SSL_CTX_get_options(ctx));
    if (!SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(ctx))
        || !SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(ctx)))
        return -1;
    if (other->groups != NULL && !SSL_set1_groups_list(ssl, other->groups))
        return -1;
    /* A session must not be resumed where clients have to prove more than where it began. */
    if (!SSL_set_session_id_context(ssl, other->policy, POLICY))
        return -1;
    if (!SSL_set_max_early_data(ssl, SSL_CTX_get_max_early_data(ctx))
        || !SSL_set_recv_max_early_data(ssl, SSL_CTX_get_recv_max_early_data(ctx)))
        return -1;
    Py_INCREF(other);
    Py_SETREF(c->context, other);
    return 0;
}

/* What a client can verify, as far as its hello tells. */
typedef struct {
    char ecdsa, rsa, ed25519, ed448;
} Abilities;

/* Before TLS 1.3 suites say how a server proves itself. */
static int
has_suite(SSL *ssl, int kind)
{
    const unsigned char *data;
    size_t size = SSL_client_hello_get0_ciphers(ssl, &data);
    for (size_t i = 0; i + 1 < size; i += 2) {
        const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, data + i);
        int proof = cipher == NULL ? NID_undef : SSL_CIPHER_get_auth_nid(cipher);
        if (proof == kind || (proof == NID_auth_any && data[i] == 0x13)) /* and not a signal among suites */
            return 1;
    }
    return 0;
}

/* Clients of before TLS 1.2 do not say what they can, and then it is RSA. */
static Abilities
abilities(SSL *ssl)
{
    Abilities can = {0, 1, 0, 0};
    const unsigned char *data;
    size_t size;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_signature_algorithms, &data, &size) || size < 2)
        return can;
    can.rsa = 0;
    for (size_t i = 2; i + 1 < size; i += 2) {
        unsigned int scheme = (unsigned int)data[i] << 8 | data[i + 1]; /* RFC 8446, 4.2.3 */
        can.ecdsa |= (scheme & 0xff) == 0x03;
        can.rsa |= (scheme & 0xff) == 0x01 || (scheme >= 0x0804 && scheme <= 0x0806);
        can.ed25519 |= scheme == 0x0807;
        can.ed448 |= scheme == 0x0808;
    }
    can.rsa = can.rsa && has_suite(ssl, NID_auth_rsa);
    if (!has_suite(ssl, NID_auth_ecdsa))
        can.ecdsa = can.ed25519 = can.ed448 = 0;
    return can;
}

static int
fits(Identity *one, Abilities can)
{
    switch (one->kind) {
    case KEY_EC:
        return can.ecdsa;
    case KEY_RSA:
        return can.rsa;
    case KEY_ED25519:
        return can.ed25519;
    case KEY_ED448:
        return can.ed448;
    default:
        return 1;
    }
}

static int
take(SSL *ssl, Connection *c, PyObject *pair)
{
    PyObject *other = PyTuple_GET_ITEM(pair, 0);
    Identity *identity = (Identity *)PyTuple_GET_ITEM(pair, 1);
    if (other != Py_None && other != (PyObject *)c->context && change_context(ssl, c, (Context *)other) < 0)
        return -1;
    if (identity == c->context->identity)
        return 0;
    SSL_certs_clear(ssl); /* else OpenSSL would choose among them */
    if (SSL_use_cert_and_key(ssl, identity->leaf, identity->key, identity->chain, 1) != 1)
        return -1;
    Py_INCREF(identity);
    Py_XSETREF(c->identity, identity);
    return 0;
}

static int
take_best(SSL *ssl, Connection *c, PyObject *candidates)
{
    Py_ssize_t count = PyTuple_GET_SIZE(candidates), i = 0;
    if (count > 1) {
        Abilities can = abilities(ssl);
        while (i < count && !fits((Identity *)PyTuple_GET_ITEM(PyTuple_GET_ITEM(candidates, i), 1), can))
            i++;
        i = i < count ? i : 0;
    }
    return take(ssl, c, PyTuple_GET_ITEM(candidates, i));
}

int
choose(SSL *ssl, Connection *c, char *name, size_t size)
{
    Context *own = c->first;
    PyObject *found = own->names != NULL && size ? look_up(own->names, name, size) : NULL;
    if (PyErr_Occurred())
        return -1;
    if (found != NULL && PyTuple_CheckExact(found) && !PyTuple_GET_SIZE(found))
        found = NULL;
    if (found == NULL && own->strict)
        return 1;
    c->chosen = found != NULL;
    if (found == NULL)
        found = own->defaults;
    if (found == NULL || found == Py_None || found == (PyObject *)own)
        return 0;
    if (PyTuple_CheckExact(found))
        return PyTuple_GET_SIZE(found) ? take_best(ssl, c, found) : 1;
    return change_context(ssl, c, (Context *)found);
}

int
is_choice(PyObject *value)
{
    if (value == Py_None)
        return 1;
    if (!PyTuple_CheckExact(value))
        return Py_IS_TYPE(value, &ContextType) && ((Context *)value)->server;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++) {
        PyObject *pair = PyTuple_GET_ITEM(value, i);
        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2
            || !Py_IS_TYPE(PyTuple_GET_ITEM(pair, 1), &IdentityType))
            return 0;
        PyObject *context = PyTuple_GET_ITEM(pair, 0);
        if (context != Py_None && (!Py_IS_TYPE(context, &ContextType) || !((Context *)context)->server))
            return 0;
    }
    return 1;
}

/* One name of the table: what it chooses from now on. */
PyObject *
context_put(Context *c, PyObject *args)
{
    PyObject *name, *choice;
    if (!PyArg_ParseTuple(args, "SO", &name, &choice))
        return NULL;
    if (!is_choice(choice))
        return PyErr_Format(PyExc_TypeError, "candidates expected");
    if (c->names == NULL && (c->names = PyDict_New()) == NULL)
        return NULL;
    if (takes_early(choice))
        c->early_below[0] = 1;
    return PyDict_SetItem(c->names, name, choice) < 0 ? NULL : Py_NewRef(Py_None);
}

/* One name leaves the table, if it is there. */
PyObject *
context_drop(Context *c, PyObject *name)
{
    if (!PyBytes_Check(name))
        return PyErr_Format(PyExc_TypeError, "a name as bytes expected");
    if (c->names != NULL && PyDict_DelItem(c->names, name) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError))
            return NULL;
        PyErr_Clear();
    }
    Py_RETURN_NONE;
}

/* ValueError: no connection of this context could show that identity, as its security level forbids it, say. */
PyObject *
context_check(Context *c, PyObject *value)
{
    if (!Py_IS_TYPE(value, &IdentityType))
        return PyErr_Format(PyExc_TypeError, "an Identity expected");
    Identity *identity = (Identity *)value;
    ERR_clear_error();
    SSL *ssl = SSL_new(c->ctx);
    int good = ssl != NULL && SSL_use_cert_and_key(ssl, identity->leaf, identity->key, identity->chain, 1) == 1;
    PyObject *done = good ? Py_NewRef(Py_None) : refused("certificate and key are not accepted");
    SSL_free(ssl); /* takes NULL */
    ERR_clear_error();
    return done;
}
