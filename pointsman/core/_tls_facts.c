/* What is known of a connection: attributes, made when somebody asks. None: there is no such thing, or not any more. */
#include "_tls.h"
#include <openssl/x509.h>

#define RANDOM 32
#define FINISHED 64 /* bytes of a Finished message at most */

enum kind { CLIENT_RANDOM, SERVER_RANDOM, MASTER_KEY, OWN_FINISHED, PEER_FINISHED, OWN_CERTIFICATE, PEER_CERTIFICATE };

static PyObject *
text(const char *found)
{
    return found == NULL ? Py_NewRef(Py_None) : PyBytes_FromString(found);
}

static PyObject *
der(X509 *certificate)
{
    if (certificate == NULL)
        Py_RETURN_NONE;
    return certificate_der(certificate);
}

static PyObject *
get_protocol(Connection *c, void *unused)
{
    (void)unused;
    return text(c->ssl == NULL ? NULL : SSL_get_version(c->ssl));
}

static PyObject *
get_cipher(Connection *c, void *unused)
{
    (void)unused;
    const SSL_CIPHER *cipher = c->ssl == NULL ? NULL : SSL_get_current_cipher(c->ssl);
    return text(cipher == NULL ? NULL : SSL_CIPHER_get_name(cipher));
}

/* Of the secret that is used, and of the algorithm's. */
static PyObject *
get_bits(Connection *c, void *unused)
{
    (void)unused;
    const SSL_CIPHER *cipher = c->ssl == NULL ? NULL : SSL_get_current_cipher(c->ssl);
    int of_algorithm = 0, used = cipher == NULL ? 0 : SSL_CIPHER_get_bits(cipher, &of_algorithm);
    return Py_BuildValue("(ii)", used, of_algorithm);
}

static PyObject *
get_alpn(Connection *c, void *unused)
{
    (void)unused;
    const unsigned char *found = NULL;
    unsigned int size = 0;
    if (c->ssl != NULL)
        SSL_get0_alpn_selected(c->ssl, &found, &size);
    if (!size)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)found, size);
}

static PyObject *
get_name(Connection *c, void *unused)
{
    (void)unused;
    if (c->ssl != NULL && !c->first->server)
        return text(SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name));
    return Py_NewRef(c->name == NULL ? Py_None : c->name);
}

static PyObject *
get_resumed(Connection *c, void *unused)
{
    (void)unused;
    return PyBool_FromLong(c->ssl != NULL && SSL_session_reused(c->ssl));
}

static PyObject *
get_session_id(Connection *c, void *unused)
{
    (void)unused;
    unsigned int size = 0;
    SSL_SESSION *session = c->ssl == NULL ? NULL : SSL_get_session(c->ssl);
    const unsigned char *found = session == NULL ? NULL : SSL_SESSION_get_id(session, &size);
    return PyBytes_FromStringAndSize((const char *)found, size);
}

static PyObject *
get_octets(Connection *c, void *kind)
{
    unsigned char data[FINISHED + SSL_MAX_MASTER_KEY_LENGTH];
    size_t size = 0;
    SSL_SESSION *session = c->ssl == NULL ? NULL : SSL_get_session(c->ssl);
    if (c->ssl != NULL)
        switch ((enum kind)(intptr_t)kind) {
        case CLIENT_RANDOM:
            size = SSL_get_client_random(c->ssl, data, RANDOM);
            break;
        case SERVER_RANDOM:
            size = SSL_get_server_random(c->ssl, data, RANDOM);
            break;
        case MASTER_KEY:
            size = session == NULL ? 0 : SSL_SESSION_get_master_key(session, data, SSL_MAX_MASTER_KEY_LENGTH);
            break;
        case OWN_FINISHED: /* how long it is, which may be more than what was copied */
            size = SSL_get_finished(c->ssl, data, FINISHED);
            break;
        case PEER_FINISHED:
            size = SSL_get_peer_finished(c->ssl, data, FINISHED);
            break;
        default:
            break;
        }
    if (size > FINISHED)
        size = FINISHED;
    PyObject *found = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
    OPENSSL_cleanse(data, sizeof data);
    return found;
}

static PyObject *
get_certificate(Connection *c, void *kind)
{
    if (c->ssl == NULL)
        Py_RETURN_NONE;
    return der((enum kind)(intptr_t)kind == PEER_CERTIFICATE ? SSL_get0_peer_certificate(c->ssl)
                                                             : SSL_get_certificate(c->ssl));
}

static PyObject *
get_label(Connection *c, void *unused)
{
    (void)unused;
    Identity *shown = c->identity != NULL ? c->identity : c->context->identity;
    return Py_NewRef(shown == NULL || shown->label == NULL ? Py_None : shown->label);
}

/* The same, ready to be asked what they say. */

static PyObject *
get_own(Connection *c, void *unused)
{
    (void)unused;
    return certificate_of(c->ssl == NULL ? NULL : SSL_get_certificate(c->ssl));
}

static PyObject *
get_peer(Connection *c, void *unused)
{
    (void)unused;
    X509 *found = c->ssl == NULL ? NULL : SSL_get0_peer_certificate(c->ssl);
    return certificate_of(found != NULL ? found : c->refused);
}

/* Where the chain ends that was built in this handshake, whatever was ignored. */
static PyObject *
get_root(Connection *c, void *unused)
{
    (void)unused;
    STACK_OF(X509) *chain = c->ssl == NULL ? NULL : SSL_get0_verified_chain(c->ssl);
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    return certificate_of(count < 1 ? c->refused_root : sk_X509_value(chain, count - 1));
}

static PyObject *
get_result(Connection *c, void *unused)
{
    (void)unused;
    return PyLong_FromLong(c->ssl == NULL ? X509_V_OK : SSL_get_verify_result(c->ssl));
}

static PyObject *
get_flag(Connection *c, void *place)
{
    return PyBool_FromLong(*((char *)c + (size_t)place));
}

static PyObject *
get_cause(Connection *c, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(c->cause);
}

/* As the peer has sent it; a server's leaf is the first one, a client's is not there. */
static PyObject *
get_peer_chain(Connection *c, void *unused)
{
    (void)unused;
    STACK_OF(X509) *chain = c->ssl == NULL ? NULL : SSL_get_peer_cert_chain(c->ssl);
    int count = chain == NULL ? 0 : sk_X509_num(chain);
    PyObject *found = PyList_New(count);
    for (int i = 0; found != NULL && i < count; i++) {
        PyObject *one = der(sk_X509_value(chain, i));
        if (one == NULL)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, i, one);
    }
    return found;
}

static PyObject *
get_verify(Connection *c, void *unused)
{
    (void)unused;
    return Py_BuildValue("(ii)", c->verify_error, c->verify_depth);
}

static PyObject *
get_first_errors(Connection *c, void *unused)
{
    (void)unused;
    return Py_BuildValue("(iii)", c->first_errors[0], c->first_errors[1], c->ca_depth);
}

static PyObject *
get_group(Connection *c, void *unused)
{
    (void)unused;
    int group = c->ssl == NULL ? 0 : (int)SSL_get_negotiated_group(c->ssl);
    return text(group <= 0 ? NULL : SSL_group_to_name(c->ssl, group));
}

static PyObject *
get_cut(Connection *c, void *unused)
{
    (void)unused;
    return PyBool_FromLong(c->over && !c->ended);
}

static PyObject *
get_at_rest(Connection *c, void *unused)
{
    (void)unused;
    return PyBool_FromLong(c->at_rest && !c->over && !c->ended && (c->left == NULL || c->owed));
}

static PyObject *
get_waiting(Connection *c, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(c->left_size - c->left_at);
}

static PyObject *
get_owed(Connection *c, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(c->owed);
}

static PyObject *
get_object(Connection *c, void *place)
{
    PyObject *found = *(PyObject **)((char *)c + (size_t)place);
    return Py_NewRef(found == NULL ? Py_None : found);
}

static PyObject *
get_early(Connection *c, void *unused)
{
    (void)unused;
    return PyBool_FromLong(c->context->server && c->early_seen && !c->finished);
}

#define FACT(name, doc) {#name, (getter)get_##name, NULL, doc, NULL}
#define FLAG(name, doc) {#name, (getter)get_flag, NULL, doc, (void *)offsetof(Connection, name)}
#define OF(name, call, kind, doc) {name, (getter)call, NULL, doc, (void *)(intptr_t)kind}
#define OBJECT(name, doc) {#name, (getter)get_object, NULL, doc, (void *)offsetof(Connection, name)}

PyGetSetDef connection_facts[] = {
    FACT(protocol, "b\"TLSv1.3\""),
    FACT(cipher, "OpenSSL's name"),
    FACT(bits, "of the key that is used, and of the algorithm's"),
    FACT(alpn, "the protocol that was agreed on"),
    FACT(name, "of the client's hello, as it was sent"),
    FACT(resumed, "an earlier session was resumed"),
    FACT(session_id, "b\"\": it has none"),
    FACT(peer_chain, "DERs, as they were sent"),
    FACT(label, "by what the identity is known that was shown; None"),
    FACT(own, "the certificate that was shown, a Certificate; None"),
    FACT(peer, "the peer's, also of an earlier session that was resumed, or one that was not accepted"),
    FACT(root, "where the chain ends that was verified in this handshake; None"),
    FLAG(stapled, "an OCSP response was sent along with the certificate"),
    FLAG(stale, "there was one, which was too old"),
    FLAG(shown, "the peer has shown a certificate in this handshake"),
    FACT(result, "of the verification in OpenSSL's words: the last error, also of an earlier session that was resumed"),
    FLAG(finished, "the handshake is over"),
    FACT(cause, "OpenSSL's number of the first fault of those that have ended it; 0: none"),
    FACT(verify, "the error that ended the verification, or the first that was ignored, 0: none; and its depth"),
    FACT(first_errors, "ignored or not: of the peer's certificate, of CAs, and the depth of the latter"),
    FACT(group, "of the exchange of keys"),
    FACT(cut, "the peer has ended without close_notify"),
    FACT(at_rest, "after a read: what comes next brings an event"),
    FACT(waiting, "bytes of ciphertext that the kernel has not taken"),
    FACT(owed, "bytes of plain text that `write` will skip"),
    OF("client_random", get_octets, CLIENT_RANDOM, "32 bytes"),
    OF("server_random", get_octets, SERVER_RANDOM, "32 bytes"),
    OF("master_key", get_octets, MASTER_KEY, "a secret"),
    OF("own_finished", get_octets, OWN_FINISHED, "what Finished held"),
    OF("peer_finished", get_octets, PEER_FINISHED, "what the peer's Finished held"),
    OF("own_certificate", get_certificate, OWN_CERTIFICATE, "a DER"),
    OF("peer_certificate", get_certificate, PEER_CERTIFICATE, "a DER"),
    FACT(early, "of a server: early data came, and the handshake is not over"),
    FLAG(early_seen, "early data came, or was sent"),
    FLAG(early_refused, "what was sent early is lost: the server did not take it"),
    OBJECT(hello, "(version, a hash of all suites, suites, extensions, groups, formats, versions, algorithms)"),
    OBJECT(secrets, "lines of a key log"),
    OBJECT(session, "of a client: the last session that can be resumed"),
    OBJECT(context, "the one that was chosen"),
    {NULL, NULL, NULL, NULL, NULL},
};
