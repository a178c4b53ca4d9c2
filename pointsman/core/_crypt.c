/* Ciphers, signatures and key agreement by OpenSSL's libcrypto, for converters (core/crypt.py says what each is for).
 *
 * Everything that is decrypted or verified comes from strangers. So what is wrong with it is a value, never an exception:
 * None, or False. Exceptions are for names and sizes that a configuration has given. The interpreter's lock is kept: an
 * RSA key of 2,048 bits takes a millisecond where something is decrypted with it, all else much less.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <string.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L || OPENSSL_VERSION_NUMBER >= 0x40000000L
#error "OpenSSL 3 is needed"
#endif

#define TAG 16              /* bytes of the tag of GCM (RFC 5116) */
#define MOST (1 << 28)      /* bytes that are treated at once: sizes are ints in OpenSSL */
#define NAME 64             /* letters of the name of a group */

typedef struct {
    PyObject_HEAD
    EVP_PKEY *key;
} Key;

static PyObject *
nothing(void)
{
    ERR_clear_error();
    Py_RETURN_NONE;
}

static PyObject *
unfit(const char *what)
{
    ERR_clear_error();
    PyErr_SetString(PyExc_ValueError, what);
    return NULL;
}

/* Ciphers. */

static int
set_up(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, int encrypts, Py_buffer *key, Py_buffer *iv)
{
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, encrypts) != 1)
        return 0;
    if (key->len != EVP_CIPHER_CTX_get_key_length(ctx))
        return 0;
    if (EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE) {
        if (iv->len == 0 || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)iv->len, NULL) != 1)
            return 0;
    } else if (iv->len != EVP_CIPHER_CTX_get_iv_length(ctx) && iv->len != 0)
        return 0;
    else if (iv->len == 0 && EVP_CIPHER_get_mode(cipher) != EVP_CIPH_WRAP_MODE)
        return 0;
    return EVP_CipherInit_ex(ctx, NULL, NULL, key->buf, iv->len ? iv->buf : NULL, encrypts) == 1;
}

static PyObject *
run_cipher(EVP_CIPHER_CTX *ctx, int gcm, int encrypts, Py_buffer *data, Py_buffer *aad, Py_buffer *tag)
{
    unsigned char made_tag[TAG];
    int size = 0, rest = 0;
    if (aad->len && EVP_CipherUpdate(ctx, NULL, &size, aad->buf, (int)aad->len) != 1)
        return nothing();
    if (gcm && !encrypts
        && (tag->len != TAG || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag->buf) != 1))
        return nothing();
    PyObject *made = PyBytes_FromStringAndSize(NULL, data->len + 2 * EVP_MAX_BLOCK_LENGTH);
    if (made == NULL)
        return NULL;
    unsigned char *into = (unsigned char *)PyBytes_AS_STRING(made);
    size = 0;
    if ((data->len && EVP_CipherUpdate(ctx, into, &size, data->buf, (int)data->len) != 1)
        || EVP_CipherFinal_ex(ctx, into + size, &rest) != 1) {
        OPENSSL_cleanse(into, (size_t)PyBytes_GET_SIZE(made));
        Py_DECREF(made);
        return nothing();
    }
    if (_PyBytes_Resize(&made, size + rest) < 0)
        return NULL;
    if (!gcm || !encrypts)
        return made;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, made_tag) != 1) {
        Py_DECREF(made);
        return nothing();
    }
    PyObject *both = Py_BuildValue("(Ny#)", made, (const char *)made_tag, (Py_ssize_t)TAG);
    return both;
}

static PyObject *
cipher(PyObject *module, PyObject *args)
{
    const char *name;
    int encrypts;
    Py_buffer key, iv, data, aad, tag;
    (void)module;
    if (!PyArg_ParseTuple(args, "spy*y*y*y*y*", &name, &encrypts, &key, &iv, &data, &aad, &tag))
        return NULL;
    PyObject *made = NULL;
    const EVP_CIPHER *kind = EVP_get_cipherbyname(name);
    EVP_CIPHER_CTX *ctx = NULL;
    if (kind == NULL)
        unfit("no such cipher");
    else if (data.len > MOST || aad.len > MOST || iv.len > MOST)
        made = nothing();
    else if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
        PyErr_NoMemory();
    else if (!set_up(ctx, kind, encrypts, &key, &iv))
        made = nothing();
    else
        made = run_cipher(ctx, EVP_CIPHER_get_mode(kind) == EVP_CIPH_GCM_MODE, encrypts, &data, &aad, &tag);
    EVP_CIPHER_CTX_free(ctx);
    PyBuffer_Release(&key);
    PyBuffer_Release(&iv);
    PyBuffer_Release(&data);
    PyBuffer_Release(&aad);
    PyBuffer_Release(&tag);
    return made;
}

/* Keys. */

static void
key_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    EVP_PKEY_free(((Key *)self)->key);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
key_new(PyTypeObject *type, PyObject *args, PyObject *words)
{
    const char *kind;
    Py_buffer der;
    if (words != NULL && PyDict_GET_SIZE(words) != 0) {
        PyErr_SetString(PyExc_TypeError, "Key takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "sy*", &kind, &der))
        return NULL;
    const unsigned char *from = der.buf;
    EVP_PKEY *key = NULL;
    int known = 1;
    if (der.len > MOST)
        ;
    else if (strcmp(kind, "private") == 0)
        key = d2i_AutoPrivateKey(NULL, &from, (long)der.len);
    else if (strcmp(kind, "public") == 0)
        key = d2i_PUBKEY(NULL, &from, (long)der.len);
    else if (strcmp(kind, "certificate") == 0) {
        X509 *leaf = d2i_X509(NULL, &from, (long)der.len);
        key = leaf != NULL ? X509_get_pubkey(leaf) : NULL;
        X509_free(leaf);
    } else
        known = 0;
    PyBuffer_Release(&der);
    if (!known)
        return unfit("a key is private, public or of a certificate");
    if (key == NULL)
        return unfit("no key");
    Key *self = (Key *)type->tp_alloc(type, 0);
    if (self == NULL)
        EVP_PKEY_free(key);
    else
        self->key = key;
    ERR_clear_error();
    return (PyObject *)self;
}

static PyObject *
key_kind(PyObject *self, void *unused)
{
    EVP_PKEY *key = ((Key *)self)->key;
    char name[NAME];
    size_t size = 0;
    (void)unused;
    if (EVP_PKEY_is_a(key, "RSA"))
        return PyUnicode_FromString("RSA");
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, name, sizeof name, &size) == 1)
        return PyUnicode_FromStringAndSize(name, (Py_ssize_t)size);
    ERR_clear_error();
    return PyUnicode_FromString("");
}

static PyObject *
key_verify(PyObject *self, PyObject *args)
{
    const char *digest;
    int pss;
    Py_buffer data, signature;
    if (!PyArg_ParseTuple(args, "spy*y*", &digest, &pss, &data, &signature))
        return NULL;
    EVP_PKEY_CTX *how = NULL; /* of `ctx` */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *kind = EVP_get_digestbyname(digest);
    int good = ctx != NULL && kind != NULL
               && EVP_DigestVerifyInit(ctx, &how, kind, NULL, ((Key *)self)->key) == 1
               && (!pss
                   || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1
                       && EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1))
               && EVP_DigestVerify(ctx, signature.buf, (size_t)signature.len, data.buf, (size_t)data.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    PyBuffer_Release(&data);
    PyBuffer_Release(&signature);
    return PyBool_FromLong(good);
}

static int
set_padding(EVP_PKEY_CTX *ctx, const char *padding)
{
    if (strcmp(padding, "pkcs1") == 0)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    const EVP_MD *digest = EVP_get_digestbyname(padding);
    return digest != NULL && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
           && EVP_PKEY_CTX_set_rsa_oaep_md(ctx, digest) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) == 1;
}

static PyObject *
key_decrypt(PyObject *self, PyObject *args)
{
    const char *padding;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "sy*", &padding, &data))
        return NULL;
    PyObject *made = NULL;
    size_t size = 0;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(((Key *)self)->key, NULL);
    if (ctx == NULL || EVP_PKEY_decrypt_init(ctx) != 1 || !set_padding(ctx, padding)
        || EVP_PKEY_decrypt(ctx, NULL, &size, data.buf, (size_t)data.len) != 1 || size > MOST)
        made = nothing();
    else if ((made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size)) != NULL) {
        if (EVP_PKEY_decrypt(ctx, (unsigned char *)PyBytes_AS_STRING(made), &size, data.buf, (size_t)data.len) != 1) {
            Py_DECREF(made);
            made = nothing();
        } else if (_PyBytes_Resize(&made, (Py_ssize_t)size) < 0)
            made = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    PyBuffer_Release(&data);
    return made;
}

static PyObject *key_agree(PyObject *self, PyObject *other);

static PyMethodDef key_methods[] = {
    {"verify", key_verify, METH_VARARGS, "verify(digest, pss, data, signature): whether the signature is the key's"},
    {"decrypt", key_decrypt, METH_VARARGS, "decrypt(padding, data): by RSA; the padding is pkcs1 or OAEP's digest"},
    {"agree", key_agree, METH_O, "agree(other): what both keys of elliptic curves have in common"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef key_facts[] = {
    {"kind", key_kind, NULL, "RSA, the name of a curve, or an empty string", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot key_slots[] = {
    {Py_tp_new, key_new},         {Py_tp_dealloc, key_dealloc}, {Py_tp_methods, key_methods},
    {Py_tp_getset, key_facts},    {0, NULL},
};

static PyType_Spec key_spec = {
    "pointsman.core._crypt.Key", sizeof(Key), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, key_slots,
};

static PyObject *
key_agree(PyObject *self, PyObject *other)
{
    if (Py_TYPE(self) != Py_TYPE(other)) {
        PyErr_SetString(PyExc_TypeError, "a Key is expected");
        return NULL;
    }
    PyObject *made = NULL;
    size_t size = 0;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(((Key *)self)->key, NULL);
    if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, ((Key *)other)->key) != 1
        || EVP_PKEY_derive(ctx, NULL, &size) != 1 || size > MOST)
        made = nothing();
    else if ((made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size)) != NULL) {
        if (EVP_PKEY_derive(ctx, (unsigned char *)PyBytes_AS_STRING(made), &size) != 1) {
            Py_DECREF(made);
            made = nothing();
        } else if (_PyBytes_Resize(&made, (Py_ssize_t)size) < 0)
            made = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return made;
}

/* The module. */

static PyMethodDef methods[] = {
    {"cipher", cipher, METH_VARARGS, "cipher(name, encrypts, key, iv, data, aad, tag)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "pointsman.core._crypt", "libcrypto for converters (core/crypt.py).", 0, methods, NULL, NULL,
    NULL, NULL,
};

PyMODINIT_FUNC
PyInit__crypt(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    PyObject *type = PyType_FromSpec(&key_spec);
    if (type == NULL || PyModule_AddObjectRef(module, "Key", type) < 0) {
        Py_XDECREF(type);
        Py_DECREF(module);
        return NULL;
    }
    Py_DECREF(type);
    return module;
}
