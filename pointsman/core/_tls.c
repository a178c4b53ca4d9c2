/* TLS by OpenSSL, for sockets that do not wait (core/_tls.pyi says what each is for, core/tls.py what serves without it).
 *
 *   _tls.c             the module, and what errors are
 *   _tls_context.c     Context: certificates, CAs, protocols and everything else that is set once
 *   _tls_identity.c    Identity: a certificate with its chain and key
 *   _tls_dummy.c       certificates for trying things out
 *   _tls_key.c         private keys
 *   _tls_choice.c      which of both a client's hello gets
 *   _tls_pem.c         PEM texts
 *   _tls_connection.c  Connection: handshake, read, write, shut
 *   _tls_early.c       early data, both ways
 *   _tls_facts.c       what is known of a connection
 *   _tls_hello.c       what a client's hello says
 *   _tls_callbacks.c   what OpenSSL asks meanwhile: names, tickets, verification, sessions
 *   _tls_x509.c        Certificate: what it says
 *   _tls_crl.c         Crl, a list of revoked ones; the DERs of PEM texts
 *   _tls_values.c      what both consist of, as Python's values
 *   _tls_bio.c         records to and from the socket
 *
 * The interpreter's lock is kept: nothing here waits, and a handshake's arithmetic is a lane's work like any other. The
 * queue of errors, which OpenSSL keeps for each thread, is empty before and after each call, as Python's own ssl may use
 * the same.
 */
#include "_tls.h"
#include <openssl/provider.h>

PyObject *TlsError;
int connection_index;

PyObject *
refused(const char *what)
{
    unsigned long code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_BAD_VALUE)
        code = ERR_peek_error(); /* why it is bad */
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (!PyErr_Occurred()) {
        if (code && ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            PyErr_NoMemory();
        else if (reason != NULL)
            PyErr_Format(PyExc_ValueError, "%s: %s", what, reason);
        else
            PyErr_SetString(PyExc_ValueError, what);
    }
    ERR_clear_error();
    return NULL;
}

static PyObject *
verify_text(PyObject *module, PyObject *number)
{
    (void)module;
    long code = PyLong_AsLong(number);
    return code == -1 && PyErr_Occurred() ? NULL : PyUnicode_FromString(X509_verify_cert_error_string(code));
}

static PyObject *
error_text(PyObject *module, PyObject *number)
{
    char text[256];
    (void)module;
    unsigned long code = PyLong_AsUnsignedLong(number);
    if (code == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL); /* as the first context does */
    ERR_error_string_n(code, text, sizeof text);
    return PyBytes_FromString(text);
}

static int
add_provider(OSSL_PROVIDER *provider, void *found)
{
    PyObject *name = PyUnicode_FromString(OSSL_PROVIDER_get0_name(provider));
    int good = name != NULL && PyList_Append(found, name) == 0;
    Py_XDECREF(name);
    return good;
}

static PyObject *
providers(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    PyObject *found = PyList_New(0);
    if (found != NULL && !OSSL_PROVIDER_do_all(NULL, add_provider, found)) {
        Py_CLEAR(found);
        refused("providers cannot be listed");
    }
    return found;
}

static PyMethodDef functions[] = {
    {"providers", providers, METH_NOARGS, "providers(): of OpenSSL, those that are loaded"},
    {"verify_text", verify_text, METH_O, "verify_text(number): OpenSSL's words for an error of verification"},
    {"dummy", make_dummy, METH_VARARGS,
     "dummy(kind, bits, curve, name): a certificate that signs itself, and its key, as PEM"},
    {"error_text", error_text, METH_O, "error_text(code): OpenSSL's line for an error, by TlsError.code"},
    {"pem_certificates", pem_certificates, METH_O, "pem_certificates(text): their DERs, in order; other kinds are skipped"},
    {"pem_crls", pem_crls, METH_O, "pem_crls(text): the DERs of lists of revoked certificates"},
    {"ocsp_request", ocsp_request, METH_VARARGS,
     "ocsp_request(certificate, issuer): the DER of what responders are asked"},
    {"ocsp_id_parts", ocsp_id_parts, METH_O,
     "ocsp_id_parts(id): of Certificate.ocsp_id: digests of the issuer's name and key, the serial number"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pointsman.core._tls",
    .m_size = -1, /* its types and OpenSSL's tables are the process's */
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__tls(void)
{
    ERR_clear_error();
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (connection_index < 0 || bio_setup() < 0 || callbacks_setup() < 0) {
        ERR_clear_error();
        PyErr_SetString(PyExc_ImportError, "OpenSSL cannot be set up");
        return NULL;
    }
    ConnectionType.tp_getset = connection_facts;
    if (PyType_Ready(&ContextType) < 0 || PyType_Ready(&ConnectionType) < 0 || PyType_Ready(&IdentityType) < 0
        || PyType_Ready(&CertificateType) < 0 || PyType_Ready(&CrlType) < 0
        || PyType_Ready(&OcspResponseType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made == NULL)
        return NULL;
    TlsError = PyErr_NewExceptionWithDoc("pointsman.core._tls.TlsError", "What TLS says against a connection.",
                                         PyExc_OSError, NULL);
    if (TlsError == NULL || PyModule_AddObjectRef(made, "TlsError", TlsError) < 0
        || PyModule_AddType(made, &ContextType) < 0 || PyModule_AddType(made, &ConnectionType) < 0
        || PyModule_AddType(made, &IdentityType) < 0 || PyModule_AddType(made, &CertificateType) < 0
        || PyModule_AddType(made, &CrlType) < 0 || PyModule_AddType(made, &OcspResponseType) < 0
        || PyModule_AddStringConstant(made, "VERSION", OpenSSL_version(OPENSSL_VERSION)) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
