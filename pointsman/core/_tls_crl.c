/* Lists of revoked certificates (X.509 CRLs), and the DERs of PEM texts. */
#include "_tls.h"
#include <openssl/pem.h>

typedef struct {
    PyObject_HEAD
    X509_CRL *crl;
} Crl;

#define OF(name, call, which, doc) {name, (getter)call, NULL, doc, (void *)(intptr_t)(which)}

static PyObject *
crl_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
    Py_ssize_t size;
    const unsigned char *data = only_bytes(args, words, &size), *at = data;
    if (data == NULL)
        return NULL;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)size);
    if (crl != NULL && at != data + size) {
        X509_CRL_free(crl);
        PyErr_SetString(PyExc_ValueError, "something stands behind the list");
        return NULL;
    }
    if (crl == NULL)
        return refused("no list of revoked certificates");
    ERR_clear_error();
    Crl *c = (Crl *)type->tp_alloc(type, 0);
    if (c == NULL)
        X509_CRL_free(crl);
    else
        c->crl = crl;
    return (PyObject *)c;
}

static void
crl_free(Crl *c)
{
    X509_CRL_free(c->crl); /* takes NULL */
    Py_TYPE(c)->tp_free((PyObject *)c);
}

static PyObject *
get_crl_version(Crl *c, void *unused)
{
    (void)unused;
    return PyLong_FromLong(X509_CRL_get_version(c->crl) + 1);
}

/* The long name, as OpenSSL prints lists. */
static PyObject *
get_crl_signature_algorithm(Crl *c, void *unused)
{
    (void)unused;
    int nid = X509_CRL_get_signature_nid(c->crl);
    const char *name = nid == NID_undef ? NULL : OBJ_nid2ln(nid);
    ERR_clear_error();
    return PyBytes_FromString(name == NULL ? "" : name);
}

static PyObject *
get_crl_issuer(Crl *c, void *unused)
{
    (void)unused;
    return name_entries(X509_CRL_get_issuer(c->crl));
}

static PyObject *
get_crl_issuer_line(Crl *c, void *unused)
{
    (void)unused;
    return name_line(X509_CRL_get_issuer(c->crl));
}

static const ASN1_TIME *
crl_time(Crl *c, void *next)
{
    return next == NULL ? X509_CRL_get0_lastUpdate(c->crl) : X509_CRL_get0_nextUpdate(c->crl);
}

static PyObject *
get_crl_time_text(Crl *c, void *next)
{
    return time_text(crl_time(c, next));
}

static PyObject *
get_crl_seconds(Crl *c, void *next)
{
    return time_seconds(crl_time(c, next));
}

static PyObject *
get_crl_revoked(Crl *c, void *unused)
{
    (void)unused;
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(c->crl);
    int count = revoked == NULL ? 0 : sk_X509_REVOKED_num(revoked);
    PyObject *all = PyTuple_New(count < 0 ? 0 : count);
    for (int i = 0; all != NULL && i < count; i++) {
        X509_REVOKED *one = sk_X509_REVOKED_value(revoked, i);
        PyObject *entry = Py_BuildValue("(NN)", octets(X509_REVOKED_get0_serialNumber(one)),
                                        time_text(X509_REVOKED_get0_revocationDate(one)));
        if (entry == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, i, entry);
    }
    return all;
}

static PyGetSetDef crl_facts[] = {
    {"version", (getter)get_crl_version, NULL, "1 or 2", NULL},
    {"signature_algorithm", (getter)get_crl_signature_algorithm, NULL, "sha256WithRSAEncryption", NULL},
    {"issuer", (getter)get_crl_issuer, NULL, "((short name, value), ...)", NULL},
    {"issuer_line", (getter)get_crl_issuer_line, NULL, "/C=DE/CN=...; None: a value holds a NUL", NULL},
    OF("last_update_text", get_crl_time_text, 0, "Sep 13 21:20:24 2019 GMT; None: it is no date"),
    OF("next_update_text", get_crl_time_text, 1, "likewise, or not said"),
    OF("last_update", get_crl_seconds, 0, "seconds of the epoch; None: it is no date"),
    OF("next_update", get_crl_seconds, 1, "likewise, or not said"),
    {"revoked", (getter)get_crl_revoked, NULL, "((serial, date as a text), ...)", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject CrlType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._tls.Crl",
    .tp_doc = "Crl(der): what a list of revoked certificates says",
    .tp_basicsize = sizeof(Crl),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = crl_new,
    .tp_dealloc = (destructor)crl_free,
    .tp_getset = crl_facts,
};

/* PEM. */

/* The DER of the next certificate or list of a text; NULL: there is none, or an exception is set. */
static PyObject *
next_of_pem(BIO *bio, int lists)
{
    Passphrase none = {NULL, 0, 0};
    X509 *x509 = lists ? NULL : PEM_read_bio_X509(bio, NULL, give_passphrase, &none);
    X509_CRL *crl = lists ? PEM_read_bio_X509_CRL(bio, NULL, give_passphrase, &none) : NULL;
    PyObject *found = NULL;
    if (x509 != NULL)
        found = certificate_der(x509);
    else if (crl != NULL) {
        unsigned char *data = NULL;
        int size = i2d_X509_CRL(crl, &data);
        found = encoded(data, size);
    } else {
        unsigned long code = ERR_peek_last_error();
        if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
            refused(lists ? "a list of revoked certificates cannot be read" : "a certificate cannot be read");
        ERR_clear_error(); /* the end of the text */
    }
    X509_free(x509);
    X509_CRL_free(crl);
    return found;
}

static PyObject *
all_of_pem(PyObject *text, int lists)
{
    Py_buffer view;
    if (PyObject_GetBuffer(text, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    ERR_clear_error();
    BIO *bio = memory_of(&view);
    PyObject *all = bio == NULL ? NULL : PyList_New(0), *one;
    while (all != NULL && (one = next_of_pem(bio, lists)) != NULL)
        if (append(all, one) < 0)
            Py_CLEAR(all);
    if (PyErr_Occurred())
        Py_CLEAR(all);
    BIO_free(bio);
    PyBuffer_Release(&view);
    ERR_clear_error();
    return all;
}

PyObject *
pem_certificates(PyObject *module, PyObject *text)
{
    (void)module;
    return all_of_pem(text, 0);
}

PyObject *
pem_crls(PyObject *module, PyObject *text)
{
    (void)module;
    return all_of_pem(text, 1);
}
