/* A context (SSL_CTX): what is said of all connections of a `bind` line, of a line of a crt-list, or of a server.
 *
 * It is filled before its first connection; what is changed later is for connections yet to come. Whatever is refused
 * is a ValueError with OpenSSL's words, which never hold a part of a key or of a passphrase.
 */
#include "_tls.h"
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static PyObject *
context_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
    int server;
    if (words != NULL && PyDict_GET_SIZE(words)) {
        PyErr_SetString(PyExc_TypeError, "Context(server) takes no names");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "p", &server))
        return NULL;
    Context *c = (Context *)type->tp_alloc(type, 0); /* all zero */
    if (c == NULL)
        return NULL;
    ERR_clear_error();
    c->server = (char)server;
    SSL_CTX *ctx = c->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (ctx == NULL) {
        Py_DECREF(c);
        return refused("no context can be made");
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    c->policy[0] = 1;
    if (!SSL_CTX_set_num_tickets(ctx, 1) || !SSL_CTX_set_session_id_context(ctx, c->policy, POLICY)) {
        Py_DECREF(c);
        return refused("no context can be made");
    }
    install_callbacks(c);
    return (PyObject *)c;
}

static int
context_traverse(Context *c, visitproc visit, void *arg)
{
    Py_VISIT(c->names);
    Py_VISIT(c->defaults);
    Py_VISIT(c->find);
    Py_VISIT(c->store);
    return 0;
}

static int
context_clear(Context *c)
{
    Py_CLEAR(c->names);
    Py_CLEAR(c->defaults);
    Py_CLEAR(c->find);
    Py_CLEAR(c->store);
    return 0;
}

static void
context_free(Context *c)
{
    PyObject_GC_UnTrack(c);
    context_clear(c);
    SSL_CTX_free(c->ctx); /* takes NULL */
    Py_XDECREF(c->alpn);
    Py_XDECREF(c->staple);
    Py_XDECREF(c->identity);
    PyMem_Free(c->groups);
    OPENSSL_cleanse(c->keys, sizeof c->keys);
    Py_TYPE(c)->tp_free((PyObject *)c);
}

static PyObject *
context_set(Context *c, PyObject *args)
{
    const char *name, *value;
    if (!PyArg_ParseTuple(args, "ss", &name, &value))
        return NULL;
    ERR_clear_error();
    SSL_CONF_CTX *conf = SSL_CONF_CTX_new();
    if (conf == NULL)
        return refused("no memory");
    SSL_CONF_CTX_set_flags(conf, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SHOW_ERRORS | SSL_CONF_FLAG_CERTIFICATE
                                     | (c->server ? SSL_CONF_FLAG_SERVER : SSL_CONF_FLAG_CLIENT));
    SSL_CONF_CTX_set_ssl_ctx(conf, c->ctx);
    int done = SSL_CONF_cmd(conf, name, value);
    if (done > 0 && !SSL_CONF_CTX_finish(conf))
        done = 0;
    SSL_CONF_CTX_free(conf);
    if (done == -2) {
        ERR_clear_error();
        return PyErr_Format(PyExc_ValueError, "OpenSSL knows no '%s'", name);
    }
    if (done <= 0)
        return refused("not accepted");
    if (strcmp(name, "Groups") == 0 || strcmp(name, "Curves") == 0) {
        size_t size = strlen(value) + 1;
        char *copy = PyMem_Malloc(size);
        if (copy == NULL)
            return PyErr_NoMemory();
        memcpy(copy, value, size);
        PyMem_Free(c->groups);
        c->groups = copy;
    }
    ERR_clear_error();
    Py_RETURN_NONE;
}

static PyObject *
context_use(Context *c, PyObject *value)
{
    if (!Py_IS_TYPE(value, &IdentityType))
        return PyErr_Format(PyExc_TypeError, "an Identity expected");
    Identity *identity = (Identity *)value;
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(c->ctx, identity->leaf, identity->key, identity->chain, 1) != 1)
        return refused("certificate and key are not accepted");
    Py_INCREF(identity);
    Py_XSETREF(c->identity, identity);
    ERR_clear_error();
    Py_RETURN_NONE;
}

static PyObject *
context_certificate(Context *c, PyObject *args)
{
    PyObject *identity = (PyObject *)read_identity(&IdentityType, args, NULL);
    PyObject *done = identity == NULL ? NULL : context_use(c, identity);
    Py_XDECREF(identity);
    return done;
}

/* The group of RFC 7919 of so many bits, or the parameters of a PEM text; NULL: an exception is set. */
static EVP_PKEY *
dh_parameters(PyObject *source)
{
    EVP_PKEY *found = NULL;
    if (PyLong_Check(source)) {
        char group[32];
        snprintf(group, sizeof group, "ffdhe%ld", PyLong_AsLong(source));
        OSSL_PARAM words[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0), OSSL_PARAM_END};
        EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
        if (maker == NULL || EVP_PKEY_paramgen_init(maker) <= 0 || EVP_PKEY_CTX_set_params(maker, words) <= 0
            || EVP_PKEY_paramgen(maker, &found) <= 0)
            refused("no such group");
        EVP_PKEY_CTX_free(maker); /* takes NULL */
        return found;
    }
    Py_buffer text;
    if (PyObject_GetBuffer(source, &text, PyBUF_SIMPLE) < 0)
        return NULL;
    BIO *bio = memory_of(&text);
    if (bio != NULL && (found = PEM_read_bio_Parameters(bio, NULL)) == NULL)
        refused("no parameters of a Diffie-Hellman group");
    BIO_free(bio); /* takes NULL */
    PyBuffer_Release(&text);
    return found;
}

static PyObject *
context_dh(Context *c, PyObject *source)
{
    ERR_clear_error();
    EVP_PKEY *found = dh_parameters(source);
    if (found == NULL)
        return NULL;
    if (!EVP_PKEY_is_a(found, "DH") || !SSL_CTX_set0_tmp_dh_pkey(c->ctx, found)) { /* else it owns them */
        EVP_PKEY_free(found);
        return refused("the parameters are not accepted");
    }
    ERR_clear_error();
    Py_RETURN_NONE;
}

static PyObject *
context_announce(Context *c, PyObject *unused)
{
    (void)unused;
    ERR_clear_error();
    if (announce_stamps(c) < 0)
        return refused("timestamps cannot be announced");
    Py_RETURN_NONE;
}

/* Certificates and lists of revoked ones of a PEM text. NULL: a ValueError is set. */
static STACK_OF(X509_INFO) *
read_all(Py_buffer *text)
{
    Passphrase none = {NULL, 0, 0};
    BIO *bio = memory_of(text);
    if (bio == NULL)
        return NULL;
    STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(bio, NULL, give_passphrase, &none);
    BIO_free(bio);
    if (all == NULL)
        refused("neither certificates nor lists of revoked ones");
    return all;
}

static int
trust(Context *c, STACK_OF(X509_INFO) *all, int named)
{
    X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
    int found = 0, lists = 0;
    for (int i = 0; i < sk_X509_INFO_num(all); i++) {
        X509_INFO *one = sk_X509_INFO_value(all, i);
        if (one->x509 != NULL) {
            if (!X509_STORE_add_cert(store, one->x509) || (named && !SSL_CTX_add_client_CA(c->ctx, one->x509)))
                return 0;
            found++;
        }
        if (one->crl != NULL) {
            if (!X509_STORE_add_crl(store, one->crl))
                return 0;
            lists++;
        }
    }
    if (lists && !X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
        return 0;
    return found + lists > 0;
}

static PyObject *
context_trust(Context *c, PyObject *args)
{
    Py_buffer text;
    int named;
    if (!PyArg_ParseTuple(args, "y*p", &text, &named))
        return NULL;
    ERR_clear_error();
    STACK_OF(X509_INFO) *all = read_all(&text);
    int good = all != NULL;
    if (good && !trust(c, all, named)) {
        good = 0;
        refused("it holds no certificate");
    }
    unsigned char mixed[2 * POLICY];
    unsigned int size;
    memcpy(mixed, c->policy, POLICY);
    if (good
        && (!EVP_Digest(text.buf, (size_t)text.len, mixed + POLICY, &size, EVP_sha256(), NULL)
            || !EVP_Digest(mixed, sizeof mixed, c->policy, &size, EVP_sha256(), NULL)
            || !SSL_CTX_set_session_id_context(c->ctx, c->policy, POLICY))) {
        good = 0;
        refused("no digest");
    }
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    PyBuffer_Release(&text);
    ERR_clear_error();
    if (!good)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
context_trust_system(Context *c, PyObject *unused)
{
    (void)unused;
    ERR_clear_error();
    if (!SSL_CTX_set_default_verify_paths(c->ctx))
        return refused("the system's certificates cannot be read");
    ERR_clear_error();
    Py_RETURN_NONE;
}

static int
take_errors(PyObject *numbers, uint64_t *mask)
{
    PyObject *all = PySequence_Fast(numbers, "a sequence of numbers of errors expected");
    if (all == NULL)
        return -1;
    memset(mask, 0, ERRORS / 8);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(all); i++) {
        long number = PyLong_AsLong(PySequence_Fast_GET_ITEM(all, i));
        if (number <= 0 || number >= ERRORS) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "%ld is no number of an error", number);
            Py_DECREF(all);
            return -1;
        }
        mask[number / 64] |= (uint64_t)1 << number % 64;
    }
    Py_DECREF(all);
    return 0;
}

static PyObject *
context_verify(Context *c, PyObject *args)
{
    int mode, depth;
    PyObject *of_peer, *of_cas;
    uint64_t ignored[2][ERRORS / 64];
    if (!PyArg_ParseTuple(args, "iOOi", &mode, &of_peer, &of_cas, &depth) || take_errors(of_peer, ignored[0]) < 0
        || take_errors(of_cas, ignored[1]) < 0)
        return NULL;
    if (mode < 0 || mode > 2 || depth < 0)
        return PyErr_Format(PyExc_ValueError, "a mode from 0 to 2 expected, and a depth");
    unsigned char mixed[POLICY + 1 + sizeof ignored];
    unsigned int size;
    memcpy(mixed, c->policy, POLICY);
    mixed[POLICY] = (unsigned char)mode;
    memcpy(mixed + POLICY + 1, ignored, sizeof ignored);
    ERR_clear_error();
    if (!EVP_Digest(mixed, sizeof mixed, c->policy, &size, EVP_sha256(), NULL)
        || !SSL_CTX_set_session_id_context(c->ctx, c->policy, POLICY))
        return refused("no digest");
    memcpy(c->ignored, ignored, sizeof ignored);
    SSL_CTX_set_verify(c->ctx,
                       mode == 0   ? SSL_VERIFY_NONE
                       : mode == 1 ? SSL_VERIFY_PEER
                                   : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       on_verify);
    if (depth)
        SSL_CTX_set_verify_depth(c->ctx, depth);
    Py_RETURN_NONE;
}

static PyObject *
context_tickets(Context *c, PyObject *list)
{
    TicketKey keys[TICKET_KEYS];
    PyObject *all = PySequence_Fast(list, "a sequence of keys expected");
    if (all == NULL)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(all);
    int good = count >= 1 && count <= TICKET_KEYS;
    for (Py_ssize_t i = 0; good && i < count; i++) {
        PyObject *key = PySequence_Fast_GET_ITEM(all, i);
        Py_ssize_t size = PyBytes_Check(key) ? PyBytes_GET_SIZE(key) : 0;
        const char *data = size ? PyBytes_AS_STRING(key) : NULL;
        good = size == 48 || size == 80;
        if (!good)
            break;
        /* The order of both keys depends on the size, as in the files of this kind that are about. */
        keys[i].size = size == 48 ? 16 : 32;
        memcpy(keys[i].name, data, TICKET_NAME);
        memcpy(size == 48 ? keys[i].aes : keys[i].hmac, data + TICKET_NAME, keys[i].size);
        memcpy(size == 48 ? keys[i].hmac : keys[i].aes, data + TICKET_NAME + keys[i].size, keys[i].size);
    }
    Py_DECREF(all);
    if (!good) {
        OPENSSL_cleanse(keys, sizeof keys);
        return PyErr_Format(PyExc_ValueError, "1 to %d keys of 48 or 80 bytes expected", TICKET_KEYS);
    }
    memcpy(c->keys, keys, (size_t)count * sizeof *keys);
    c->key_count = (int)count;
    OPENSSL_cleanse(keys, sizeof keys);
    if (!SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ctx, on_ticket))
        return refused("no tickets");
    Py_RETURN_NONE;
}

static PyObject *
context_lifetime(Context *c, PyObject *number)
{
    long seconds = PyLong_AsLong(number);
    if (seconds == -1 && PyErr_Occurred())
        return NULL;
    if (seconds < 1)
        return PyErr_Format(PyExc_ValueError, "seconds expected");
    SSL_CTX_set_timeout(c->ctx, seconds);
    Py_RETURN_NONE;
}

/* Attributes. */

static int
take_bytes(PyObject **place, PyObject *value, int (*good)(PyObject *), const char *what)
{
    if (value == Py_None)
        value = NULL;
    if (value != NULL && (!PyBytes_Check(value) || !PyBytes_GET_SIZE(value) || !good(value))) {
        PyErr_Format(PyExc_ValueError, "%s expected", what);
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(*place, value);
    return 0;
}

/* Sizes of one byte, each before a protocol (RFC 7301, 3.1). */
static int
is_protocols(PyObject *value)
{
    Py_ssize_t size = PyBytes_GET_SIZE(value), at = 0;
    const unsigned char *data = (const unsigned char *)PyBytes_AS_STRING(value);
    while (at < size && data[at])
        at += 1 + data[at];
    return at == size && size <= 65535;
}

static int
is_response(PyObject *value)
{
    return PyBytes_GET_SIZE(value) <= 0xffffff; /* what a record of the handshake can hold */
}

static int
set_alpn(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    return take_bytes(&c->alpn, value, is_protocols, "protocols, each behind its size,");
}

static int
set_staple(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    return take_bytes(&c->staple, value, is_response, "an OCSP response");
}

static int
set_names(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    PyObject *copy = NULL;
    int early = 0;
    if (value != Py_None && value != NULL) {
        PyObject *key, *one;
        Py_ssize_t at = 0;
        if (!PyDict_Check(value))
            goto wrong;
        copy = PyDict_Copy(value); /* nobody changes it during a look-up */
        if (copy == NULL)
            return -1;
        while (PyDict_Next(copy, &at, &key, &one)) {
            if (!PyBytes_Check(key) || !is_choice(one))
                goto wrong;
            early = early || takes_early(one);
        }
    }
    Py_XSETREF(c->names, copy);
    c->early_below[0] = (char)early;
    return 0;
wrong:
    Py_XDECREF(copy);
    PyErr_SetString(PyExc_TypeError, "{name: candidates} expected");
    return -1;
}

static int
set_defaults(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    if (value == Py_None)
        value = NULL;
    if (value != NULL && !is_choice(value)) {
        PyErr_SetString(PyExc_TypeError, "candidates expected");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(c->defaults, value);
    c->early_below[1] = (char)(value != NULL && takes_early(value));
    return 0;
}

static int
set_call(PyObject **place, PyObject *value)
{
    if (value == Py_None)
        value = NULL;
    if (value != NULL && !PyCallable_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "a callable expected");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(*place, value);
    return 0;
}

static int
set_find(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    return set_call(&c->find, value);
}

static int
set_store(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    return set_call(&c->store, value);
}

static int
set_flag(Context *c, PyObject *value, void *place)
{
    int on = value == NULL ? 0 : PyObject_IsTrue(value);
    if (on < 0)
        return -1;
    *((char *)c + (size_t)place) = (char)on;
    return 0;
}

static PyObject *
get_capture(Context *c, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(c->capture);
}

/* OpenSSL shows messages as soon as somebody wants to see them. */
static int
set_capture(Context *c, PyObject *value, void *unused)
{
    (void)unused;
    long size = value == NULL ? 0 : PyLong_AsLong(value);
    if (size == -1 && PyErr_Occurred())
        return -1;
    if (size < 0 || size > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "a number of bytes expected");
        return -1;
    }
    c->capture = (uint32_t)size;
    SSL_CTX_set_msg_callback(c->ctx, size ? on_message : NULL);
    return 0;
}

/* OpenSSL writes lines as soon as somebody wants them. */
static int
set_keylog(Context *c, PyObject *value, void *place)
{
    if (set_flag(c, value, place) < 0)
        return -1;
    SSL_CTX_set_keylog_callback(c->ctx, c->keylog ? on_keylog : NULL);
    return 0;
}

static PyObject *
get_flag(Context *c, void *place)
{
    return PyBool_FromLong(*((char *)c + (size_t)place));
}

#define FLAG(name, text) {#name, (getter)get_flag, (setter)set_flag, text, (void *)offsetof(Context, name)}

static PyGetSetDef context_attributes[] = {
    {"alpn", NULL, (setter)set_alpn, "protocols as on the wire, the best one first; None: none", NULL},
    {"staple", NULL, (setter)set_staple, "the DER of an OCSP response; None", NULL},
    {"names", NULL, (setter)set_names, "{name: candidates}, names in lower case, \"*.\" before them or not; None",
     NULL},
    {"defaults", NULL, (setter)set_defaults, "candidates for all other names; None: this context as it is", NULL},
    {"early", (getter)get_most_early, (setter)set_early,
     "bytes of early data that may come, 0: none; set before names and defaults are", NULL},
    {"find", NULL, (setter)set_find, "find(id): a session, or None", NULL},
    {"store", NULL, (setter)set_store, "store(id, session)", NULL},
    FLAG(strict, "clients whose name is not in `names` are refused"),
    {"capture", (getter)get_capture, (setter)set_capture, "bytes of Connection.hello that are kept; 0: it is not", NULL},
    {"keylog", (getter)get_flag, (setter)set_keylog, "Connection.secrets are kept", (void *)offsetof(Context, keylog)},
    FLAG(sessions, "of clients: Connection.session is kept"),
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef context_methods[] = {
    {"set", (PyCFunction)context_set, METH_VARARGS, "set(name, value): a command of SSL_CONF_cmd(3)"},
    {"certificate", (PyCFunction)context_certificate, METH_VARARGS,
     "certificate(chain, key, passphrase=None): PEM; one of each kind of key"},
    {"use", (PyCFunction)context_use, METH_O, "use(identity): as `certificate` does"},
    {"check", (PyCFunction)context_check, METH_O, "check(identity): whether its connections could show that"},
    {"put", (PyCFunction)context_put, METH_VARARGS, "put(name, candidates): one of `names`"},
    {"drop", (PyCFunction)context_drop, METH_O, "drop(name): it is none of `names`"},
    {"dh", (PyCFunction)context_dh, METH_O, "dh(source): a group of so many bits, or a PEM text of parameters"},
    {"announce", (PyCFunction)context_announce, METH_NOARGS, "announce(): identities may have timestamps"},
    {"trust", (PyCFunction)context_trust, METH_VARARGS,
     "trust(pem, named): CAs and lists of revoked certificates; named: clients are told the CAs"},
    {"trust_system", (PyCFunction)context_trust_system, METH_NOARGS, "trust_system(): the CAs that the system trusts"},
    {"verify", (PyCFunction)context_verify, METH_VARARGS,
     "verify(mode, of_peer, of_cas, depth): 0 none, 1 if there is one, 2 required; numbers of errors that are ignored"},
    {"tickets", (PyCFunction)context_tickets, METH_O, "tickets(keys): the first one seals, all open"},
    {"lifetime", (PyCFunction)context_lifetime, METH_O, "lifetime(seconds): of sessions"},
    {NULL, NULL, 0, NULL},
};

PyTypeObject ContextType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._tls.Context",
    .tp_basicsize = sizeof(Context),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = context_new,
    .tp_dealloc = (destructor)context_free,
    .tp_traverse = (traverseproc)context_traverse,
    .tp_clear = (inquiry)context_clear,
    .tp_methods = context_methods,
    .tp_getset = context_attributes,
};
