/* OCSP (RFC 6960): requests about a certificate, and what responses say of it.
 *
 * An OcspResponse holds what OpenSSL has parsed. Parsing looks at the form alone, `find` at what it says of one
 * certificate, and `verify` at who has signed it. What is no response, or none about that certificate, is a ValueError.
 */
#include "_tls.h"
#include <openssl/ocsp.h>

typedef struct {
    PyObject_HEAD
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic; /* what it holds; NULL: nothing, as the responder has refused */
} OcspResponse;

static PyObject *
response_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
    Py_ssize_t size;
    const unsigned char *data = only_bytes(args, words, &size), *at = data;
    if (data == NULL)
        return NULL;
    ERR_clear_error();
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
    if (response != NULL && at != data + size) {
        OCSP_RESPONSE_free(response);
        PyErr_SetString(PyExc_ValueError, "something stands behind the OCSP response");
        return NULL;
    }
    if (response == NULL)
        return refused("no OCSP response");
    OcspResponse *r = (OcspResponse *)type->tp_alloc(type, 0);
    if (r == NULL) {
        OCSP_RESPONSE_free(response);
        return NULL;
    }
    r->response = response;
    r->basic = OCSP_response_get1_basic(response);
    ERR_clear_error();
    return (PyObject *)r;
}

static void
response_free(OcspResponse *r)
{
    OCSP_BASICRESP_free(r->basic); /* both take NULL */
    OCSP_RESPONSE_free(r->response);
    Py_TYPE(r)->tp_free((PyObject *)r);
}

static PyObject *
get_status(OcspResponse *r, void *unused)
{
    (void)unused;
    return PyLong_FromLong(OCSP_response_status(r->response));
}

static PyObject *
get_count(OcspResponse *r, void *unused)
{
    (void)unused;
    return PyLong_FromLong(r->basic == NULL ? 0 : OCSP_resp_count(r->basic));
}

static PyObject *
get_text(OcspResponse *r, void *unused)
{
    (void)unused;
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL)
        (void)OCSP_RESPONSE_print(bio, r->response, 0); /* it ends where something is malformed */
    return printed(bio, bio != NULL);
}

static int
both_certificates(PyObject *args, X509 **leaf, X509 **issuer)
{
    PyObject *first, *second;
    if (!PyArg_ParseTuple(args, "O!O!", &CertificateType, &first, &CertificateType, &second))
        return 0;
    *leaf = certificate_x509(first);
    *issuer = certificate_x509(second);
    return 1;
}

/* Whether `one` is about that certificate: responders choose the digest. */
static int
is_about(OCSP_SINGLERESP *one, X509 *leaf, X509 *issuer)
{
    ASN1_OBJECT *digest = NULL;
    OCSP_CERTID *said = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(one);
    if (said == NULL || !OCSP_id_get0_info(NULL, &digest, NULL, NULL, said))
        return 0;
    const EVP_MD *kind = EVP_get_digestbyobj(digest);
    OCSP_CERTID *id = kind == NULL ? NULL : OCSP_cert_to_id(kind, leaf, issuer);
    int same = id != NULL && OCSP_id_cmp(id, said) == 0;
    OCSP_CERTID_free(id); /* takes NULL */
    return same;
}

static PyObject *
response_find(OcspResponse *r, PyObject *args)
{
    X509 *leaf, *issuer;
    if (!both_certificates(args, &leaf, &issuer))
        return NULL;
    int count = r->basic == NULL ? 0 : OCSP_resp_count(r->basic);
    for (int i = 0; i < count; i++) {
        OCSP_SINGLERESP *one = OCSP_resp_get0(r->basic, i);
        if (one == NULL || !is_about(one, leaf, issuer))
            continue;
        ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
        int status = OCSP_single_get0_status(one, NULL, NULL, &from, &until);
        ERR_clear_error();
        return Py_BuildValue("(iNN)", status, time_seconds(from), time_seconds(until));
    }
    ERR_clear_error();
    Py_RETURN_NONE;
}

static PyObject *
response_verify(OcspResponse *r, PyObject *issuer)
{
    if (!PyObject_TypeCheck(issuer, &CertificateType)) {
        PyErr_SetString(PyExc_TypeError, "a Certificate expected");
        return NULL;
    }
    if (r->basic == NULL) {
        PyErr_SetString(PyExc_ValueError, "the OCSP response says nothing");
        return NULL;
    }
    ERR_clear_error();
    X509 *x509 = certificate_x509(issuer);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    int good = store != NULL && known != NULL && X509_STORE_add_cert(store, x509)
               && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) /* the issuer need not be a root */
               && sk_X509_push(known, x509) > 0 && OCSP_basic_verify(r->basic, known, store, 0) > 0;
    PyObject *done = good ? Py_NewRef(Py_None) : refused("the OCSP response is not signed for this issuer");
    sk_X509_free(known); /* both take NULL; the certificate is not the stack's */
    X509_STORE_free(store);
    ERR_clear_error();
    return done;
}

static PyGetSetDef response_facts[] = {
    {"status", (getter)get_status, NULL, "0: successful (RFC 6960, 4.2.1)", NULL},
    {"count", (getter)get_count, NULL, "of how many certificates it tells", NULL},
    {"text", (getter)get_text, NULL, "as `openssl ocsp -text` prints it, up to what is malformed", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef response_methods[] = {
    {"find", (PyCFunction)response_find, METH_VARARGS,
     "find(certificate, issuer): (status, this update, next update) of that one; None: it is not told of. Status: 0 "
     "good, 1 revoked, 2 unknown; updates: seconds of the epoch, or None"},
    {"verify", (PyCFunction)response_verify, METH_O,
     "verify(issuer): ValueError: neither the issuer nor a responder of its choice has signed it"},
    {NULL, NULL, 0, NULL},
};

PyTypeObject OcspResponseType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._tls.OcspResponse",
    .tp_doc = "OcspResponse(der): what it says",
    .tp_basicsize = sizeof(OcspResponse),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = response_new,
    .tp_dealloc = (destructor)response_free,
    .tp_getset = response_facts,
    .tp_methods = response_methods,
};

PyObject *
ocsp_request(PyObject *module, PyObject *args)
{
    X509 *leaf, *issuer;
    (void)module;
    if (!both_certificates(args, &leaf, &issuer))
        return NULL;
    ERR_clear_error();
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = request == NULL ? NULL : OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    unsigned char *data = NULL;
    int size = -1;
    if (id != NULL) {
        if (OCSP_request_add0_id(request, id) != NULL)
            size = i2d_OCSP_REQUEST(request, &data);
        else
            OCSP_CERTID_free(id);
    }
    OCSP_REQUEST_free(request); /* takes NULL */
    PyObject *found = encoded(data, size);
    ERR_clear_error();
    return found;
}

/* The parts of an identifier, as DER: digests of the issuer's name and key, and the serial number. */
PyObject *
ocsp_id_parts(PyObject *module, PyObject *text)
{
    (void)module;
    if (!PyBytes_Check(text) || PyBytes_GET_SIZE(text) > MOST_BYTES) {
        PyErr_SetString(PyExc_ValueError, "bytes expected");
        return NULL;
    }
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(text);
    ERR_clear_error();
    OCSP_CERTID *id = d2i_OCSP_CERTID(NULL, &at, (long)PyBytes_GET_SIZE(text));
    if (id == NULL)
        return refused("no identifier of a certificate");
    ASN1_OCTET_STRING *name = NULL, *key = NULL;
    ASN1_INTEGER *serial = NULL;
    PyObject *found = OCSP_id_get0_info(&name, NULL, &key, &serial, id)
                          ? Py_BuildValue("(NNN)", octets(name), octets(key), octets(serial))
                          : refused("no identifier of a certificate");
    OCSP_CERTID_free(id);
    ERR_clear_error();
    return found;
}
