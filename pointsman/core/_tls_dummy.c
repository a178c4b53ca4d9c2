/* A certificate made on the spot, which signs itself: for trying things out (manual 12.7.1, generate-dummy). */
#include "_tls.h"
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define YEAR (365L * 24 * 3600) /* s */

static EVP_PKEY *
make_key(const char *kind, unsigned int bits, const char *curve)
{
    if (strcmp(kind, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    if (strcmp(kind, "ECDSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
    return NULL;
}

static int
fill(X509 *one, EVP_PKEY *key, const char *name)
{
    unsigned char serial[16];
    X509_NAME *subject = X509_get_subject_name(one);
    if (RAND_bytes(serial, sizeof serial) <= 0)
        return 0;
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of that size */
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    int good = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(one)) != NULL
               && X509_set_version(one, 2) && X509_gmtime_adj(X509_getm_notBefore(one), 0) != NULL
               && X509_gmtime_adj(X509_getm_notAfter(one), YEAR) != NULL && X509_set_pubkey(one, key)
               && X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0)
               && X509_set_issuer_name(one, subject);
    BN_free(number); /* takes NULL */
    if (!good)
        return 0;
    char text[300];
    int size = snprintf(text, sizeof text, "DNS:%s", name);
    if (size < 0 || (size_t)size >= sizeof text)
        return 0;
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
    good = names != NULL && X509_add_ext(one, names, -1);
    X509_EXTENSION_free(names);
    return good;
}

static PyObject *
text_of(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    return PyBytes_FromStringAndSize(data, size);
}

/* dummy(kind, bits, curve, name): two PEM texts, the certificate and its key. */
PyObject *
make_dummy(PyObject *module, PyObject *args)
{
    const char *kind, *curve, *name;
    unsigned int bits;
    (void)module;
    if (!PyArg_ParseTuple(args, "sIss", &kind, &bits, &curve, &name))
        return NULL;
    ERR_clear_error();
    PyObject *found = NULL;
    EVP_PKEY *key = make_key(kind, bits, curve);
    X509 *one = key == NULL ? NULL : X509_new();
    BIO *shown = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
    if (one != NULL && shown != NULL && secret != NULL && fill(one, key, name) && X509_sign(one, key, EVP_sha256())
        && PEM_write_bio_X509(shown, one) && PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL)) {
        PyObject *first = text_of(shown), *second = text_of(secret);
        if (first != NULL && second != NULL)
            found = PyTuple_Pack(2, first, second);
        Py_XDECREF(first);
        Py_XDECREF(second);
    } else
        refused("no certificate can be made");
    BIO_free(secret); /* all of them take NULL */
    BIO_free(shown);
    X509_free(one);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return found;
}
