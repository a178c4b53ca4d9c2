/* Private keys: from PEM, and to it.
 *
 * OpenSSL 3.0 looks for somebody who can decode a key anew for each of them, which takes ten times as long as decoding
 * it. Ten thousand certificates are read at once, so a decoder is kept; what it does not know goes the usual way.
 */
#include "_tls.h"
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static OSSL_DECODER_CTX *decoder; /* of keys that are not encrypted; NULL: none yet */
static EVP_PKEY *decoded;         /* where it puts one; the interpreter's lock says whose it is */

static EVP_PKEY *
from_der(const unsigned char *data, size_t size)
{
    if (decoder == NULL)
        decoder = OSSL_DECODER_CTX_new_for_pkey(&decoded, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);
    decoded = NULL;
    if (decoder == NULL || !OSSL_DECODER_from_data(decoder, &data, &size) || size != 0) {
        EVP_PKEY_free(decoded);
        decoded = NULL;
    }
    EVP_PKEY *key = decoded;
    decoded = NULL;
    return key;
}

/* The key of a text that begins with it, if it is not encrypted. NULL: it has to go the usual way. */
static EVP_PKEY *
plain_key(Py_buffer *text)
{
    static const char begin[] = "-----BEGIN ";
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long size;
    EVP_PKEY *key = NULL;
    if (text->len < (Py_ssize_t)sizeof begin || memcmp(text->buf, begin, sizeof begin - 1) != 0)
        return NULL;
    BIO *bio = memory_of(text);
    if (bio != NULL && PEM_read_bio(bio, &name, &header, &data, &size)) {
        if (*header == '\0'
            && (strcmp(name, PEM_STRING_PKCS8INF) == 0 || strcmp(name, PEM_STRING_RSA) == 0
                || strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0))
            key = from_der(data, (size_t)size);
        OPENSSL_clear_free(data, (size_t)size);
        OPENSSL_free(name);
        OPENSSL_free(header);
    }
    BIO_free(bio);
    ERR_clear_error();
    PyErr_Clear(); /* what is wrong is found once more, and said then */
    return key;
}

EVP_PKEY *
read_key(Py_buffer *text, Passphrase *phrase)
{
    EVP_PKEY *key = plain_key(text);
    if (key != NULL)
        return key;
    BIO *bio = memory_of(text);
    if (bio == NULL)
        return NULL;
    key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, phrase);
    BIO_free(bio);
    if (key == NULL) {
        if (phrase->asked && phrase->data == NULL) {
            ERR_clear_error();
            PyErr_SetString(PyExc_ValueError, "the key is encrypted, and there is no passphrase for it");
        } else
            refused("no private key");
    }
    return key;
}

PyObject *
key_text(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    ERR_clear_error();
    return printed(bio, bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
}
