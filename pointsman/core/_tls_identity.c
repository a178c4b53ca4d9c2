/* An identity: a certificate, its chain and its key, and what is sent along with them. Several contexts may show the same
 * one. A connection takes it when the client's hello has named its server (_tls_choice.c).
 */
#include "_tls.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* What stood behind leaves lately: ten thousand certificates have but a few issuers, and a decoded one is shared. */
#define CHAINS 16
#define LONGEST_CHAIN 32768 /* bytes of a text that is kept */
static struct {
    char *text;
    size_t size;
    STACK_OF(X509) *chain;
} lately[CHAINS];

static size_t
place_of(const char *text, size_t size)
{
    uint32_t mixed = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        mixed = (mixed ^ (unsigned char)text[i]) * 16777619u;
    return mixed % CHAINS;
}

/* A chain for one who frees it. NULL: it is not known; an exception says that there is no memory. */
static STACK_OF(X509) *
known_chain(const char *text, size_t size)
{
    size_t at = place_of(text, size);
    if (lately[at].chain == NULL || lately[at].size != size || memcmp(lately[at].text, text, size) != 0)
        return NULL;
    STACK_OF(X509) *chain = X509_chain_up_ref(lately[at].chain);
    if (chain == NULL)
        PyErr_NoMemory();
    return chain;
}

static int
holds_key(const char *text, size_t size)
{
    static const char word[] = "PRIVATE KEY";
    for (size_t i = 0; i + sizeof word - 1 <= size; i++)
        if (memcmp(text + i, word, sizeof word - 1) == 0)
            return 1;
    return 0;
}

/* Without memory for it, it is not kept; nor is what may be a secret. */
static void
keep_chain(const char *text, size_t size, STACK_OF(X509) *chain)
{
    if (size > LONGEST_CHAIN || sk_X509_num(chain) == 0 || holds_key(text, size))
        return;
    char *copy = OPENSSL_malloc(size);
    STACK_OF(X509) *own = X509_chain_up_ref(chain);
    if (copy == NULL || own == NULL) {
        OPENSSL_free(copy);
        sk_X509_pop_free(own, X509_free);
        return;
    }
    memcpy(copy, text, size);
    size_t at = place_of(text, size);
    OPENSSL_free(lately[at].text);
    sk_X509_pop_free(lately[at].chain, X509_free);
    lately[at].text = copy;
    lately[at].size = size;
    lately[at].chain = own;
}

/* All certificates that are left. NULL: a ValueError is set. */
static STACK_OF(X509) *
rest_of_chain(BIO *bio)
{
    Passphrase none = {NULL, 0, 0};
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *one = NULL;
    while (chain != NULL && (one = PEM_read_bio_X509(bio, NULL, give_passphrase, &none)) != NULL)
        if (!sk_X509_push(chain, one)) {
            X509_free(one);
            break;
        }
    unsigned long code = ERR_peek_last_error();
    if (chain != NULL && one == NULL && ERR_GET_LIB(code) == ERR_LIB_PEM
        && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
        ERR_clear_error(); /* the end of the text */
        return chain;
    }
    sk_X509_pop_free(chain, X509_free);
    refused("a certificate of the chain cannot be read");
    return NULL;
}

/* The leaf is the first one; the chain is what follows. 0: a ValueError is set. */
static int
read_chain(Py_buffer *text, X509 **leaf, STACK_OF(X509) **chain)
{
    Passphrase none = {NULL, 0, 0};
    BIO *bio = memory_of(text);
    if (bio == NULL)
        return 0;
    *leaf = PEM_read_bio_X509_AUX(bio, NULL, give_passphrase, &none);
    if (*leaf == NULL)
        refused("no certificate");
    else {
        size_t left = BIO_ctrl_pending(bio);
        const char *rest = (const char *)text->buf + text->len - left;
        *chain = known_chain(rest, left);
        if (*chain == NULL && !PyErr_Occurred() && (*chain = rest_of_chain(bio)) != NULL)
            keep_chain(rest, left, *chain);
    }
    BIO_free(bio);
    return *chain != NULL;
}

static enum kind_of_key
kind_of(EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        return KEY_EC;
    case EVP_PKEY_ED25519:
        return KEY_ED25519;
    case EVP_PKEY_ED448:
        return KEY_ED448;
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return KEY_RSA;
    case EVP_PKEY_DSA:
        return KEY_DSA;
    default:
        return KEY_OTHER;
    }
}

Identity *
read_identity(PyTypeObject *type, PyObject *args, PyObject *words)
{
    static char *names[] = {"chain", "key", "passphrase", NULL};
    Py_buffer text, secret;
    Passphrase phrase = {NULL, 0, 0};
    if (!PyArg_ParseTupleAndKeywords(args, words, "y*y*|z#", names, &text, &secret, &phrase.data, &phrase.size))
        return NULL;
    ERR_clear_error();
    Identity *made = (Identity *)type->tp_alloc(type, 0); /* all zero */
    int good = made != NULL && read_chain(&text, &made->leaf, &made->chain)
               && (made->key = read_key(&secret, &phrase)) != NULL;
    if (good && !X509_check_private_key(made->leaf, made->key)) {
        good = 0;
        refused("certificate and key are not accepted");
    }
    if (good)
        made->kind = kind_of(made->key);
    PyBuffer_Release(&text);
    PyBuffer_Release(&secret);
    ERR_clear_error();
    if (!good)
        Py_CLEAR(made);
    return made;
}

static void
identity_free(Identity *one)
{
    X509_free(one->leaf); /* all of them take NULL */
    sk_X509_pop_free(one->chain, X509_free);
    EVP_PKEY_free(one->key);
    Py_XDECREF(one->staple);
    Py_XDECREF(one->timestamps);
    Py_XDECREF(one->label);
    Py_TYPE(one)->tp_free((PyObject *)one);
}

static PyObject *
get_kind(Identity *one, void *unused)
{
    static const char *const names[] = {"EC", "ED25519", "ED448", "RSA", "DSA", "other"};
    (void)unused;
    return PyUnicode_FromString(names[one->kind]);
}

static PyObject *
get_bits(Identity *one, void *unused)
{
    (void)unused;
    return PyLong_FromLong(EVP_PKEY_get_bits(one->key));
}

static PyObject *
get_leaf(Identity *one, void *unused)
{
    (void)unused;
    unsigned char *data = NULL;
    int size = i2d_X509(one->leaf, &data);
    if (size <= 0)
        return refused("the certificate cannot be written");
    PyObject *found = PyBytes_FromStringAndSize((const char *)data, size);
    OPENSSL_free(data);
    return found;
}

static int
add_name(PyObject *names, const ASN1_STRING *name)
{
    PyObject *one = PyBytes_FromStringAndSize((const char *)ASN1_STRING_get0_data(name), ASN1_STRING_length(name));
    int done = one == NULL ? -1 : PyList_Append(names, one);
    Py_XDECREF(one);
    return done;
}

/* The names of hosts in it: alternative names first, then common names. */
static PyObject *
get_names(Identity *one, void *unused)
{
    (void)unused;
    PyObject *names = PyList_New(0);
    GENERAL_NAMES *others = names == NULL ? NULL : X509_get_ext_d2i(one->leaf, NID_subject_alt_name, NULL, NULL);
    int good = names != NULL;
    for (int i = 0; good && others != NULL && i < sk_GENERAL_NAME_num(others); i++) {
        GENERAL_NAME *other = sk_GENERAL_NAME_value(others, i);
        if (other->type == GEN_DNS)
            good = add_name(names, other->d.dNSName) == 0;
    }
    GENERAL_NAMES_free(others); /* takes NULL */
    X509_NAME *subject = X509_get_subject_name(one->leaf);
    for (int i = -1; good && (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) {
        unsigned char *text = NULL;
        int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
        PyObject *name = size < 0 ? NULL : PyBytes_FromStringAndSize((const char *)text, size);
        OPENSSL_free(text);
        good = size < 0 || (name != NULL && PyList_Append(names, name) == 0); /* one that is no text is no host */
        Py_XDECREF(name);
    }
    ERR_clear_error();
    if (!good)
        Py_CLEAR(names);
    return names;
}

static PyObject *
get_key(Identity *one, void *unused)
{
    (void)unused;
    return key_text(one->key);
}

static PyObject *
get_certificate(Identity *one, void *unused)
{
    (void)unused;
    return certificate_of(one->leaf);
}

static PyObject *
get_bytes(Identity *one, void *place)
{
    PyObject *found = *(PyObject **)((char *)one + (size_t)place);
    return Py_NewRef(found == NULL ? Py_None : found);
}

/* What a message of the handshake can hold. */
static int
set_bytes(Identity *one, PyObject *value, void *place)
{
    PyObject **at = (PyObject **)((char *)one + (size_t)place);
    Py_ssize_t most = at == &one->timestamps ? 0xffff : 0xffffff;
    if (value == Py_None)
        value = NULL;
    if (value != NULL && (!PyBytes_Check(value) || !PyBytes_GET_SIZE(value) || PyBytes_GET_SIZE(value) > most)) {
        PyErr_SetString(PyExc_ValueError, "bytes that fit into a handshake expected");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(*at, value);
    return 0;
}

static PyObject *
get_staple_until(Identity *one, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(one->staple_until);
}

static int
set_staple_until(Identity *one, PyObject *value, void *unused)
{
    (void)unused;
    long long said = value == NULL || !PyLong_Check(value) ? -1 : PyLong_AsLongLong(value);
    if (said < 0) {
        PyErr_SetString(PyExc_ValueError, "seconds of the epoch expected");
        return -1;
    }
    one->staple_until = said;
    return 0;
}

#define BYTES(name, text) \
    {#name, (getter)get_bytes, (setter)set_bytes, text, (void *)offsetof(Identity, name)}

static PyGetSetDef identity_attributes[] = {
    {"kind", (getter)get_kind, NULL, "of its key: EC, ED25519, ED448, RSA, DSA, other", NULL},
    {"bits", (getter)get_bits, NULL, "of its key", NULL},
    {"leaf", (getter)get_leaf, NULL, "the DER of its certificate", NULL},
    {"certificate", (getter)get_certificate, NULL, "its Certificate", NULL},
    {"key", (getter)get_key, NULL, "its private key as PEM, not encrypted", NULL},
    {"names", (getter)get_names, NULL, "of hosts, in its certificate: alternative ones, then common ones", NULL},
    BYTES(staple, "the DER of an OCSP response; None"),
    {"staple_until", (getter)get_staple_until, (setter)set_staple_until,
     "seconds of the epoch from which on it is too old; 0: never", NULL},
    BYTES(label, "by what it is known; None"),
    BYTES(timestamps, "a list of signed certificate timestamps (RFC 6962, 3.3); None"),
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject IdentityType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._tls.Identity",
    .tp_basicsize = sizeof(Identity),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = (newfunc)read_identity,
    .tp_dealloc = (destructor)identity_free,
    .tp_getset = identity_attributes,
};
