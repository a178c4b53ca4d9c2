/* Certificates (X.509): what they say, without a connection or a context.
 *
 * A Certificate holds what OpenSSL has parsed, and each attribute is made when somebody asks. What cannot be parsed as a
 * whole is refused with ValueError; an extension that is malformed, or stands there twice, counts as missing.
 */
#include "_tls.h"
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

typedef struct {
    PyObject_HEAD
    X509 *x509;
} Certificate;

PyObject *
certificate_der(X509 *x509)
{
    unsigned char *data = NULL;
    int size = i2d_X509(x509, &data);
    return encoded(data, size);
}

static PyObject *
wrap(X509 *x509) /* whose reference is taken over */
{
    Certificate *c = (Certificate *)CertificateType.tp_alloc(&CertificateType, 0);
    if (c == NULL)
        X509_free(x509);
    else
        c->x509 = x509;
    return (PyObject *)c;
}

PyObject *
certificate_of(X509 *x509)
{
    if (x509 == NULL || !X509_up_ref(x509))
        Py_RETURN_NONE;
    return wrap(x509);
}

X509 *
certificate_x509(PyObject *certificate)
{
    return ((Certificate *)certificate)->x509;
}

static PyObject *
certificate_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
    Py_ssize_t size;
    const unsigned char *data = only_bytes(args, words, &size), *at = data;
    (void)type;
    if (data == NULL)
        return NULL;
    X509 *x509 = d2i_X509(NULL, &at, (long)size);
    if (x509 != NULL && at != data + size) {
        X509_free(x509);
        PyErr_SetString(PyExc_ValueError, "something stands behind the certificate");
        return NULL;
    }
    if (x509 == NULL)
        return refused("no certificate");
    ERR_clear_error();
    return wrap(x509);
}

static void
certificate_free(Certificate *c)
{
    X509_free(c->x509); /* takes NULL */
    Py_TYPE(c)->tp_free((PyObject *)c);
}

static PyObject *
get_der(Certificate *c, void *unused)
{
    (void)unused;
    return certificate_der(c->x509);
}

static PyObject *
get_version(Certificate *c, void *unused)
{
    (void)unused;
    return PyLong_FromLong(X509_get_version(c->x509) + 1);
}

/* Without its sign. */
static PyObject *
get_serial(Certificate *c, void *unused)
{
    (void)unused;
    return octets(X509_get0_serialNumber(c->x509));
}

static X509_NAME *
name_of(Certificate *c, void *of_issuer)
{
    return of_issuer == NULL ? X509_get_subject_name(c->x509) : X509_get_issuer_name(c->x509);
}

static PyObject *
get_entries(Certificate *c, void *of_issuer)
{
    return name_entries(name_of(c, of_issuer));
}

static const ASN1_TIME *
time_of(Certificate *c, void *at_end)
{
    return at_end == NULL ? X509_get0_notBefore(c->x509) : X509_get0_notAfter(c->x509);
}

static PyObject *
get_asn1_time(Certificate *c, void *at_end)
{
    return octets(time_of(c, at_end));
}

static PyObject *
get_seconds(Certificate *c, void *at_end)
{
    return time_seconds(time_of(c, at_end));
}

static PyObject *
get_time_text(Certificate *c, void *at_end)
{
    return time_text(time_of(c, at_end));
}

/* NULL: there are none. */
static GENERAL_NAMES *
alternative_names(Certificate *c)
{
    GENERAL_NAMES *found = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
    ERR_clear_error();
    return found;
}

static PyObject *
get_names(Certificate *c, void *unused)
{
    (void)unused;
    GENERAL_NAMES *names = alternative_names(c);
    PyObject *all = PyList_New(0);
    int done = all == NULL ? -1 : 0;
    for (int i = 0; done == 0 && i < sk_GENERAL_NAME_num(names); i++) { /* -1 for NULL */
        GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
        if (one->type == GEN_DNS)
            done = append(all, octets(one->d.dNSName));
    }
    GENERAL_NAMES_free(names); /* takes NULL */
    X509_NAME *subject = X509_get_subject_name(c->x509);
    for (int at = -1; done == 0 && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        done = append(all, octets(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    if (done < 0)
        Py_CLEAR(all);
    return frozen(all);
}

static PyObject *
get_addresses(Certificate *c, void *unused)
{
    (void)unused;
    GENERAL_NAMES *names = alternative_names(c);
    PyObject *all = PyList_New(0);
    int done = all == NULL ? -1 : 0;
    for (int i = 0; done == 0 && i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
        if (one->type == GEN_IPADD)
            done = append(all, octets(one->d.iPAddress));
    }
    GENERAL_NAMES_free(names);
    if (done < 0)
        Py_CLEAR(all);
    return frozen(all);
}

/* "DNS:a.test, IP Address:192.0.2.1", in OpenSSL's words. */
static PyObject *
get_alternative_names(Certificate *c, void *unused)
{
    (void)unused;
    GENERAL_NAMES *names = alternative_names(c);
    if (names == NULL)
        Py_RETURN_NONE;
    BIO *bio = BIO_new(BIO_s_mem());
    int good = bio != NULL;
    for (int i = 0; good && i < sk_GENERAL_NAME_num(names); i++)
        good = (i == 0 || BIO_write(bio, ", ", 2) == 2) && GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i)) > 0;
    GENERAL_NAMES_free(names);
    return printed(bio, good);
}

static PyObject *
get_key_algorithm(Certificate *c, void *unused)
{
    (void)unused;
    ASN1_OBJECT *algorithm = NULL;
    X509_PUBKEY *key = X509_get_X509_PUBKEY(c->x509);
    if (key == NULL || !X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, key))
        algorithm = NULL;
    ERR_clear_error();
    return object_name(algorithm);
}

static PyObject *
get_key_kind(Certificate *c, void *unused)
{
    (void)unused;
    EVP_PKEY *key = X509_get0_pubkey(c->x509);
    const char *name = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
    ERR_clear_error();
    return PyBytes_FromString(name == NULL ? "" : name);
}

static PyObject *
get_key_bits(Certificate *c, void *unused)
{
    (void)unused;
    EVP_PKEY *key = X509_get0_pubkey(c->x509);
    int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
    ERR_clear_error();
    return PyLong_FromLong(bits);
}

static PyObject *
get_signature_algorithm(Certificate *c, void *unused)
{
    (void)unused;
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *object = NULL;
    X509_get0_signature(NULL, &algorithm, c->x509);
    if (algorithm != NULL)
        X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return object_name(object);
}

static PyObject *
get_digest(Certificate *c, void *longer)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!X509_digest(c->x509, longer == NULL ? EVP_sha1() : EVP_sha256(), digest, &size))
        return refused("no digest");
    return PyBytes_FromStringAndSize((const char *)digest, size);
}

static PyObject *
get_ocsp_uris(Certificate *c, void *unused)
{
    (void)unused;
    STACK_OF(OPENSSL_STRING) *uris = X509_get1_ocsp(c->x509);
    PyObject *all = PyList_New(0);
    int done = all == NULL ? -1 : 0;
    for (int i = 0; done == 0 && i < sk_OPENSSL_STRING_num(uris); i++)
        done = append(all, PyBytes_FromString(sk_OPENSSL_STRING_value(uris, i)));
    X509_email_free(uris); /* takes NULL */
    if (done < 0)
        Py_CLEAR(all);
    return frozen(all);
}

static PyObject *
get_key_id(Certificate *c, void *of_issuer)
{
    const ASN1_OCTET_STRING *id
        = of_issuer == NULL ? X509_get0_subject_key_id(c->x509) : X509_get0_authority_key_id(c->x509);
    ERR_clear_error();
    return octets(id);
}

static PyObject *
get_policies(Certificate *c, void *unused)
{
    (void)unused;
    char numbers[OID];
    CERTIFICATEPOLICIES *policies = X509_get_ext_d2i(c->x509, NID_certificate_policies, NULL, NULL);
    PyObject *all = PyList_New(0);
    int done = all == NULL ? -1 : 0;
    for (int i = 0; done == 0 && i < sk_POLICYINFO_num(policies); i++) {
        int size = OBJ_obj2txt(numbers, sizeof numbers, sk_POLICYINFO_value(policies, i)->policyid, 1);
        if (size > 0)
            done = append(all, PyBytes_FromStringAndSize(numbers, size < OID ? size : OID - 1));
    }
    CERTIFICATEPOLICIES_free(policies); /* takes NULL */
    if (done < 0)
        Py_CLEAR(all);
    return frozen(all);
}

static PyObject *
get_self_signed(Certificate *c, void *unused)
{
    (void)unused;
    int found = X509_self_signed(c->x509, 1);
    ERR_clear_error();
    return PyBool_FromLong(found == 1);
}

static PyObject *
get_authority(Certificate *c, void *unused)
{
    (void)unused;
    int found = X509_check_ca(c->x509);
    ERR_clear_error();
    return PyBool_FromLong(found > 0);
}

static PyObject *
certificate_line(Certificate *c, PyObject *of_issuer)
{
    int issuer = PyObject_IsTrue(of_issuer);
    return issuer < 0 ? NULL : name_line(name_of(c, issuer ? c : NULL));
}

static PyObject *
certificate_rfc2253(Certificate *c, PyObject *of_issuer)
{
    int issuer = PyObject_IsTrue(of_issuer);
    return issuer < 0 ? NULL : name_rfc2253(name_of(c, issuer ? c : NULL));
}

static PyObject *
certificate_entry(Certificate *c, PyObject *args)
{
    int issuer, nth;
    const char *kind;
    if (!PyArg_ParseTuple(args, "pyi", &issuer, &kind, &nth))
        return NULL;
    if (nth == 0)
        Py_RETURN_NONE;
    return name_value(name_of(c, issuer ? c : NULL), kind, nth);
}

static int
is_certificate(PyObject *value)
{
    if (Py_IS_TYPE(value, &CertificateType))
        return 1;
    PyErr_SetString(PyExc_TypeError, "a Certificate expected");
    return 0;
}

static PyObject *
certificate_issued_by(Certificate *c, PyObject *other)
{
    if (!is_certificate(other))
        return NULL;
    int found = X509_check_issued(((Certificate *)other)->x509, c->x509);
    ERR_clear_error();
    return PyBool_FromLong(found == X509_V_OK);
}

static PyObject *
certificate_signed_by(Certificate *c, PyObject *other)
{
    if (!is_certificate(other))
        return NULL;
    EVP_PKEY *key = X509_get0_pubkey(((Certificate *)other)->x509);
    int found = key == NULL ? 0 : X509_verify(c->x509, key);
    ERR_clear_error();
    return PyBool_FromLong(found == 1);
}

static PyObject *
certificate_ocsp_id(Certificate *c, PyObject *issuer)
{
    if (!is_certificate(issuer))
        return NULL;
    ERR_clear_error();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), c->x509, ((Certificate *)issuer)->x509);
    unsigned char *data = NULL;
    int size = id == NULL ? -1 : i2d_OCSP_CERTID(id, &data);
    OCSP_CERTID_free(id); /* takes NULL */
    return encoded(data, size);
}

#define FACT(name, doc) {#name, (getter)get_##name, NULL, doc, NULL}
#define OF(name, call, which, doc) {name, (getter)call, NULL, doc, (void *)(intptr_t)(which)}

static PyGetSetDef certificate_facts[] = {
    FACT(der, "as it is sent"),
    FACT(version, "1 to 3"),
    FACT(serial, "without its sign"),
    OF("subject", get_entries, 0, "((short name, value), ...), in order; values as they are encoded"),
    OF("issuer", get_entries, 1, "likewise"),
    OF("not_before_asn1", get_asn1_time, 0, "YYMMDDhhmmssZ, or YYYYMMDDhhmmssZ"),
    OF("not_after_asn1", get_asn1_time, 1, "likewise"),
    OF("not_before", get_seconds, 0, "seconds of the epoch; None: it is no date"),
    OF("not_after", get_seconds, 1, "likewise"),
    OF("not_before_text", get_time_text, 0, "Sep 13 21:20:24 2019 GMT; None: it is no date"),
    OF("not_after_text", get_time_text, 1, "likewise"),
    FACT(names, "of hosts: those of subjectAltName in order, then common names"),
    FACT(addresses, "of subjectAltName, packed"),
    FACT(alternative_names, "all of subjectAltName as a text: DNS:a.test, IP Address:192.0.2.1; None"),
    FACT(key_algorithm, "rsaEncryption, id-ecPublicKey, ED25519"),
    FACT(key_kind, "RSA, EC, ED25519; empty: unknown"),
    FACT(key_bits, "0: unknown"),
    FACT(signature_algorithm, "RSA-SHA256, ecdsa-with-SHA256"),
    OF("sha1", get_digest, 0, "fingerprint"),
    OF("sha256", get_digest, 1, "fingerprint"),
    FACT(ocsp_uris, "where responders are"),
    OF("subject_key_id", get_key_id, 0, "None: it has none"),
    OF("issuer_key_id", get_key_id, 1, "None: it has none"),
    FACT(policies, "identifiers, dotted"),
    FACT(self_signed, "its own key has signed it"),
    FACT(authority, "it may sign others"),
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef certificate_methods[] = {
    {"line", (PyCFunction)certificate_line, METH_O,
     "line(of_issuer): /C=DE/CN=... of subject or issuer; None: a value holds a NUL"},
    {"rfc2253", (PyCFunction)certificate_rfc2253, METH_O, "rfc2253(of_issuer): CN=...,C=DE, quoted as in RFC 2253"},
    {"entry", (PyCFunction)certificate_entry, METH_VARARGS,
     "entry(of_issuer, name, nth): the nth value of that name, from the end if it is negative; None"},
    {"issued_by", (PyCFunction)certificate_issued_by, METH_O,
     "issued_by(certificate): that one's names, key identifiers and usage fit; the signature is not looked at"},
    {"signed_by", (PyCFunction)certificate_signed_by, METH_O, "signed_by(certificate): its key has signed this one"},
    {"ocsp_id", (PyCFunction)certificate_ocsp_id, METH_O,
     "ocsp_id(issuer): the DER by which responders know it (CertID, with SHA-1)"},
    {NULL, NULL, 0, NULL},
};

PyTypeObject CertificateType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pointsman.core._tls.Certificate",
    .tp_doc = "Certificate(der): what it says",
    .tp_basicsize = sizeof(Certificate),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = certificate_new,
    .tp_dealloc = (destructor)certificate_free,
    .tp_methods = certificate_methods,
    .tp_getset = certificate_facts,
};
