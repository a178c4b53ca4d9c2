/* What OpenSSL asks of us while a handshake is under way. None of it is a call into Python, but for the cache of sessions
 * (Context.find and store), which sessions without tickets need. All run with the interpreter's lock, which is never
 * given up here.
 */
#include "_tls.h"
#include <openssl/core_names.h>
#include <openssl/rand.h>

#define NAME 255 /* bytes of a server's name at most (RFC 1035, 2.3.4) */

static EVP_CIPHER *aes128, *aes256;

static Connection *
connection_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, connection_index);
}

/* The hello. */

/* What a hello says of the name: 0: it has one, or no such extension (then `*size` is 0); 1: what it has is no name.
 * A list of 2 bytes of its size, and in it 1 byte of the kind, 2 of the size, and the name (RFC 6066, 3). What follows the
 * first name OpenSSL refuses. */
static int
server_name(SSL *ssl, const char **found, size_t *size)
{
    const unsigned char *data;
    size_t all;
    *size = 0;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &all))
        return 0;
    if (all <= 5 || (size_t)(data[0] << 8 | data[1]) != all - 2 || data[2] != TLSEXT_NAMETYPE_host_name)
        return 1;
    *size = (size_t)(data[3] << 8 | data[4]);
    *found = (const char *)data + 5;
    return !*size || *size > all - 5 || *size > NAME || memchr(*found, 0, *size) != NULL;
}

static int
on_hello(SSL *ssl, int *alert, void *arg)
{
    (void)arg;
    Connection *c = connection_of(ssl);
    Context *own = c->first;
    const char *sent = NULL;
    char room[1 + NAME], *name = room + 1; /* in lower case */
    size_t size;
    int malformed = server_name(ssl, &sent, &size);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (c->context != own) /* a second hello (HelloRetryRequest): the choice stands */
        return SSL_CLIENT_HELLO_SUCCESS;
    if (size && !malformed) {
        PyObject *kept = PyBytes_FromStringAndSize(sent, (Py_ssize_t)size);
        if (kept == NULL)
            goto failed;
        Py_XSETREF(c->name, kept);
        for (size_t i = 0; i < size; i++)
            name[i] = sent[i] >= 'A' && sent[i] <= 'Z' ? (char)(sent[i] | 0x20) : sent[i];
    }
    switch (malformed ? 1 : choose(ssl, c, name, size)) {
    case 0:
        return SSL_CLIENT_HELLO_SUCCESS;
    case 1:
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        c->unknown = 1;
    }
failed:
    PyErr_Clear(); /* no memory: the peer is told so by the alert */
    return SSL_CLIENT_HELLO_ERROR;
}

/* Whether the server says that it has used the name (RFC 6066, 3). */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
    (void)alert, (void)arg;
    return connection_of(ssl)->chosen ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *size, const unsigned char *in, unsigned int given,
        void *arg)
{
    (void)arg;
    PyObject *ours = connection_of(ssl)->context->alpn;
    unsigned char *found;
    if (ours == NULL
        || SSL_select_next_proto(&found, size, (unsigned char *)PyBytes_AS_STRING(ours),
                                 (unsigned int)PyBytes_GET_SIZE(ours), in, given) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* 1: a key was found; 2: it was, and the client gets a new ticket; 0: none; -1: a fault. */
int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
    Context *own = connection_of(ssl)->first;
    int i = 0;
    if (seal) {
        if (!own->key_count || RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes256)) <= 0)
            return own->key_count ? -1 : 0;
        memcpy(name, own->keys[0].name, TICKET_NAME);
    } else
        while (i < own->key_count && memcmp(name, own->keys[i].name, TICKET_NAME) != 0)
            i++;
    if (i >= own->key_count)
        return 0;
    TicketKey *key = &own->keys[i];
    char digest[] = "SHA256";
    OSSL_PARAM words[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
    if (!EVP_CipherInit_ex(cipher, key->size == 16 ? aes128 : aes256, NULL, key->aes, iv, seal)
        || !EVP_MAC_init(mac, key->hmac, key->size, words))
        return -1;
    /* Clients of TLS 1.3 use a ticket once (RFC 8446, C.4). */
    return seal || (i == 0 && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

static int
on_staple(SSL *ssl, void *arg)
{
    (void)arg;
    Connection *c = connection_of(ssl);
    PyObject *data = c->identity != NULL ? c->identity->staple : c->context->staple;
    if (data == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (c->identity != NULL && c->identity->staple_until && time(NULL) >= c->identity->staple_until) {
        c->stale = 1;
        return SSL_TLSEXT_ERR_NOACK;
    }
    unsigned char *copy = OPENSSL_memdup(PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (!SSL_set_tlsext_status_ocsp_resp(ssl, copy, PyBytes_GET_SIZE(data))) { /* else it frees it */
        OPENSSL_free(copy);
        return SSL_TLSEXT_ERR_NOACK;
    }
    c->stapled = 1;
    return SSL_TLSEXT_ERR_OK;
}

/* Signed certificate timestamps go with the leaf (RFC 6962, 3.3; RFC 8446, 4.2). */
static int
add_stamps(SSL *ssl, unsigned int kind, unsigned int where, const unsigned char **out, size_t *size, X509 *one,
           size_t index, int *alert, void *arg)
{
    (void)kind, (void)where, (void)one, (void)alert, (void)arg;
    Connection *c = connection_of(ssl);
    Identity *identity = c->identity != NULL ? c->identity : c->context->identity;
    if (index != 0 || identity == NULL || identity->timestamps == NULL)
        return 0;
    *out = (const unsigned char *)PyBytes_AS_STRING(identity->timestamps);
    *size = (size_t)PyBytes_GET_SIZE(identity->timestamps);
    return 1;
}

/* A client that wants them sends an empty one. */
static int
parse_stamps(SSL *ssl, unsigned int kind, unsigned int where, const unsigned char *in, size_t size, X509 *one,
             size_t index, int *alert, void *arg)
{
    (void)ssl, (void)kind, (void)where, (void)in, (void)size, (void)one, (void)index, (void)alert, (void)arg;
    return 1;
}

int
announce_stamps(Context *c)
{
    if (!c->stamps
        && !SSL_CTX_add_custom_ext(c->ctx, TLSEXT_TYPE_signed_certificate_timestamp,
                                   SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE,
                                   add_stamps, NULL, NULL, parse_stamps, NULL))
        return -1;
    c->stamps = 1;
    return 0;
}

/* Secrets, verification, sessions. */

void
on_keylog(const SSL *ssl, const char *line)
{
    Connection *c = connection_of(ssl);
    if (!c->context->keylog)
        return;
    PyObject *text = PyBytes_FromString(line);
    if (c->secrets == NULL)
        c->secrets = PyList_New(0);
    if (text == NULL || c->secrets == NULL || PyList_Append(c->secrets, text) < 0)
        PyErr_Clear(); /* no memory: it is missing in the log */
    Py_XDECREF(text);
}

int
on_verify(int good, X509_STORE_CTX *store)
{
    Connection *c = connection_of(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    c->shown = 1;
    if (good)
        return 1;
    int error = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);
    int ignored = error > 0 && error < ERRORS && c->context->ignored[depth > 0][error / 64] >> error % 64 & 1;
    if (!c->first_errors[depth > 0]) {
        c->first_errors[depth > 0] = error;
        if (depth > 0)
            c->ca_depth = depth;
    }
    if (!c->verify_error || !ignored) { /* what ends the handshake is what counts */
        c->verify_error = error;
        c->verify_depth = depth;
    }
    if (!ignored && c->refused == NULL) { /* OpenSSL forgets it */
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
        int count = chain == NULL ? 0 : sk_X509_num(chain);
        X509 *leaf = X509_STORE_CTX_get0_cert(store), *root = count < 1 ? NULL : sk_X509_value(chain, count - 1);
        c->refused = leaf != NULL && X509_up_ref(leaf) ? leaf : NULL;
        c->refused_root = root != NULL && X509_up_ref(root) ? root : NULL;
    }
    return ignored;
}

static PyObject *
session_bytes(SSL_SESSION *session)
{
    unsigned char *data = NULL;
    int size = i2d_SSL_SESSION(session, &data);
    if (size <= 0)
        return NULL;
    PyObject *found = PyBytes_FromStringAndSize((const char *)data, size);
    OPENSSL_cleanse(data, (size_t)size);
    OPENSSL_free(data);
    return found;
}

/* What a client can resume. TLS 1.2 tells it of a full handshake alone, although a short one may bring a new ticket. */
void
keep_session(Connection *c, SSL_SESSION *session)
{
    PyObject *data = session == NULL || !SSL_SESSION_is_resumable(session) ? NULL : session_bytes(session);
    if (data != NULL)
        Py_XSETREF(c->session, data);
    else
        PyErr_Clear(); /* no memory: the next handshake is a full one */
}

/* TLS 1.3 tells of every ticket. One that holds the session itself needs no cache; where tickets are off, or early data
 * must not come twice, it is but the session's number. */
static int
is_in_ticket(SSL *ssl)
{
    uint64_t options = SSL_get_options(ssl);
    return SSL_version(ssl) >= TLS1_3_VERSION && !(options & SSL_OP_NO_TICKET)
           && (SSL_get_max_early_data(ssl) == 0 || options & SSL_OP_NO_ANTI_REPLAY);
}

/* 0: the reference is not ours. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
    Connection *c = connection_of(ssl);
    Context *own = c->first;
    if (!own->server) {
        if (own->sessions)
            keep_session(c, session);
        return 0;
    }
    if (own->store == NULL || is_in_ticket(ssl))
        return 0;
    PyObject *data = session_bytes(session);
    if (data == NULL) {
        PyErr_Clear();
        return 0;
    }
    unsigned int size;
    const unsigned char *id = SSL_SESSION_get_id(session, &size);
    PyObject *call = Py_NewRef(own->store);
    PyObject *answer = PyObject_CallFunction(call, "y#O", id, (Py_ssize_t)size, data);
    if (answer == NULL)
        PyErr_WriteUnraisable(call);
    Py_XDECREF(answer);
    Py_DECREF(call);
    Py_DECREF(data);
    return 0;
}

static SSL_SESSION *
on_session_wanted(SSL *ssl, const unsigned char *id, int size, int *copy)
{
    Context *own = connection_of(ssl)->first;
    SSL_SESSION *session = NULL;
    *copy = 0;
    if (own->find == NULL)
        return NULL;
    PyObject *call = Py_NewRef(own->find);
    PyObject *found = PyObject_CallFunction(call, "y#", id, (Py_ssize_t)size);
    if (found == NULL)
        PyErr_WriteUnraisable(call);
    else if (PyBytes_Check(found)) {
        const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(found);
        ERR_set_mark();
        session = d2i_SSL_SESSION(NULL, &at, (long)PyBytes_GET_SIZE(found));
        ERR_pop_to_mark(); /* if it is none, that is no fault of the handshake's */
    }
    Py_XDECREF(found);
    Py_DECREF(call);
    return session;
}

void
install_callbacks(Context *c)
{
    SSL_CTX *ctx = c->ctx;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    if (c->server) {
        SSL_CTX_sess_set_get_cb(ctx, on_session_wanted);
        SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
        SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
        SSL_CTX_set_tlsext_status_cb(ctx, on_staple);
    }
}

int
callbacks_setup(void)
{
    if (aes128 == NULL)
        aes128 = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
    if (aes256 == NULL)
        aes256 = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    return aes128 == NULL || aes256 == NULL ? -1 : 0;
}
