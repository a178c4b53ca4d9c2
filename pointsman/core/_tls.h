/* TLS over OpenSSL: what the files of this extension share (_tls.c says what each is for). */
#ifndef POINTSMAN_TLS_H
#define POINTSMAN_TLS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#if defined(LIBRESSL_VERSION_NUMBER) || defined(OPENSSL_IS_BORINGSSL) || OPENSSL_VERSION_NUMBER < 0x30000000L \
    || OPENSSL_VERSION_NUMBER >= 0x40000000L
#error "OpenSSL 3 is needed"
#endif

#define HIDDEN __attribute__((visibility("hidden")))
#define RECORD 16384    /* bytes of plain text in a record at most (RFC 8446, 5.1) */
#define TICKET_KEYS 3   /* the first one seals, all open */
#define TICKET_NAME 16
#define ERRORS 256      /* codes of failed verification that can be ignored: OpenSSL 3.0 has 94, later ones more */
#define POLICY 32       /* bytes of a digest of what clients have to prove */
#define MOST_BYTES 0x7fff0000 /* of a file or a session: sizes are ints in OpenSSL */

typedef struct {
    unsigned char name[TICKET_NAME];
    unsigned char aes[32], hmac[32];
    size_t size; /* of each of both: 16 or 32 */
} TicketKey;

enum kind_of_key { KEY_EC, KEY_ED25519, KEY_ED448, KEY_RSA, KEY_DSA, KEY_OTHER };

typedef struct {
    PyObject_HEAD
    X509 *leaf;
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
    PyObject *staple;     /* a DER of an OCSP response, or NULL */
    int64_t staple_until; /* seconds of the epoch from which on it is too old; 0: never */
    PyObject *timestamps; /* a list of signed certificate timestamps (RFC 6962, 3.3), or NULL */
    PyObject *label;      /* by what it is known, or NULL */
    enum kind_of_key kind;
} Identity;

typedef struct {
    PyObject_HEAD
    SSL_CTX *ctx;
    PyObject *names;  /* {server name: candidates} or NULL; see `choose` */
    PyObject *defaults; /* candidates for all other names; or NULL */
    Identity *identity; /* the one that the SSL_CTX has; or NULL */
    PyObject *alpn;   /* protocols as on the wire, or NULL */
    PyObject *staple; /* a DER of an OCSP response, or NULL */
    PyObject *find;   /* find(id): a DER of a session, or None; or NULL. A cache for TLS 1.2 without tickets */
    PyObject *store;  /* store(id, DER); or NULL */
    char *groups;     /* as they were set, for connections that come here from another context; or NULL */
    TicketKey keys[TICKET_KEYS];
    int key_count;
    uint64_t ignored[2][ERRORS / 64]; /* errors that do not end the handshake: of the peer's certificate, of CAs */
    unsigned char policy[POLICY]; /* a digest of what clients have to prove: sessions of another one are not resumed */
    uint32_t capture; /* bytes that are kept of what clients say in their hello */
    uint32_t early; /* of a server: bytes of early data that may come */
    char early_below[2]; /* contexts of `names`, of `defaults` take some */
    char server;
    char strict;   /* a client whose name is not in `names`, or who names none, is refused */
    char keylog;   /* keep the secrets of each connection */
    char sessions; /* of a client: keep what can be resumed */
    char stamps;   /* identities may have signed certificate timestamps */
} Context;

typedef struct {
    PyObject_HEAD
    SSL *ssl; /* it stays when the connection is closed, as long as somebody asks for facts */
    Context *context; /* the one that the name has chosen */
    Context *first;   /* the one that it began with, whose ticket keys and cache it has */
    Identity *identity; /* what the name has chosen, or NULL: what the context has */
    PyObject *name;   /* of the hello, as it was sent; NULL: none */
    PyObject *hello;  /* what the client has said, as _tls_hello.c keeps it, or NULL */
    PyObject *secrets; /* list of lines, or NULL */
    PyObject *session; /* the last one that can be resumed, or NULL */
    PyObject *given;   /* what was received of it before, or NULL */
    Py_ssize_t given_at;
    char *left; /* ciphertext that the kernel did not take */
    size_t left_at, left_size, left_room;
    size_t owed; /* bytes of plain text in it: those that `write` has not counted as taken yet */
    X509 *refused, *refused_root; /* the peer's certificate, and where its chain ends, which were not accepted; or NULL */
    char *early_data; /* of a server: early data that nobody has read */
    size_t early_at, early_size;
    size_t early_room; /* of a client: so much may still be sent along with its hello */
    unsigned long code; /* why it failed (of OpenSSL); 0: it has not, or for another reason */
    unsigned long cause; /* and what that came of, which may be the same */
    int error;          /* errno; 0: it has not failed */
    int verify_error, verify_depth; /* what ended its verification, or else the first that was ignored; 0: nothing */
    int first_errors[2], ca_depth;  /* the first ones, ignored or not: of the peer's certificate, of CAs and where */
    int fd;
    char drained;  /* the last recv came back short: the next bytes bring an event */
    char over;     /* the peer's end was read */
    char ended;    /* its close_notify, too */
    char at_rest;  /* after a read: there is nothing more at hand */
    char busy;     /* a call is under way */
    char chosen;   /* its name was found in the table */
    char unknown;  /* it was not, and that ends the handshake */
    char shown;    /* the peer has shown a certificate in this handshake */
    char finished; /* the handshake is over */
    char shut;     /* our close_notify is written */
    char stapled;  /* an OCSP response goes along with the certificate */
    char stale;    /* it was too old to do so */
    char closed;   /* its descriptor may be another's by now */
    char takes_early;   /* of a server: 1: early data may come; 2: no more, or none comes before the handshake's end */
    char early_seen;    /* some came, or was sent */
    char early_refused; /* and the server has not taken it */
} Connection;

HIDDEN extern PyObject *TlsError;
HIDDEN extern PyTypeObject ContextType, ConnectionType, IdentityType, CertificateType, CrlType, OcspResponseType;
HIDDEN extern int connection_index; /* where an SSL has its Connection */

/* _tls.c */
HIDDEN PyObject *refused(const char *what); /* ValueError: what OpenSSL says, or this */

/* _tls_pem.c */
typedef struct {
    const char *data; /* NULL: there is none */
    Py_ssize_t size;
    int asked;
} Passphrase;
HIDDEN int give_passphrase(char *into, int room, int writing, void *arg);
HIDDEN BIO *memory_of(Py_buffer *text); /* NULL: a ValueError is set */

/* _tls_key.c; NULL: an exception is set */
HIDDEN EVP_PKEY *read_key(Py_buffer *text, Passphrase *phrase);
HIDDEN PyObject *key_text(EVP_PKEY *key);

/* _tls_identity.c */
HIDDEN Identity *read_identity(PyTypeObject *type, PyObject *args, PyObject *words); /* (chain, key, passphrase=None) */

/* _tls_dummy.c */
HIDDEN PyObject *make_dummy(PyObject *module, PyObject *args);

/* _tls_choice.c: 0: found, and set; 1: the name is not served; -1: a fault */
HIDDEN int choose(SSL *ssl, Connection *c, char *name, size_t size);
HIDDEN int is_choice(PyObject *value); /* what `names` and `defaults` take */
HIDDEN PyObject *context_put(Context *c, PyObject *args);
HIDDEN PyObject *context_drop(Context *c, PyObject *name);
HIDDEN PyObject *context_check(Context *c, PyObject *identity);

/* _tls_bio.c */
HIDDEN int bio_setup(void);
HIDDEN BIO *bio_of(Connection *c);
HIDDEN void let_go(Connection *c);   /* what was gathered for it leaves */
HIDDEN void flush_left(Connection *c);
HIDDEN void forget(Connection *c);   /* before it is freed */

/* _tls_callbacks.c */
HIDDEN int callbacks_setup(void);
HIDDEN void install_callbacks(Context *c);
HIDDEN int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int seal);
HIDDEN void keep_session(Connection *c, SSL_SESSION *session);
HIDDEN int on_verify(int good, X509_STORE_CTX *store);
HIDDEN int announce_stamps(Context *c);
HIDDEN void on_keylog(const SSL *ssl, const char *line);

/* _tls_hello.c */
HIDDEN void on_message(int sent, int version, int kind, const void *data, size_t size, SSL *ssl, void *arg);
/* _tls_early.c */
HIDDEN int set_early(Context *c, PyObject *value, void *unused);
HIDDEN PyObject *get_most_early(Context *c, void *unused);
HIDDEN int takes_early(PyObject *choice);
HIDDEN int shake(Connection *c); /* go on with the handshake, and read early data; why it stopped, as SSL_get_error has it */
HIDDEN size_t early_waiting(Connection *c); /* bytes that `take_early` has */
HIDDEN size_t take_early(Connection *c, char *into, size_t size);
HIDDEN void forget_early(Connection *c);
HIDDEN int is_early_open(Connection *c); /* of a server: its user may read and write, although the handshake goes on */
HIDDEN PyObject *allow_early(Connection *c, PyObject *unused);
HIDDEN int may_write_early(Connection *c);
HIDDEN size_t write_early(Connection *c, const char *from, size_t size, int *why);

/* _tls_facts.c */
HIDDEN extern PyGetSetDef connection_facts[];

/* _tls_values.c; those that give objects have set an exception where it is NULL */
#define OID 128 /* letters of a dotted identifier at most */
HIDDEN PyObject *octets(const ASN1_STRING *value);
HIDDEN PyObject *object_name(const ASN1_OBJECT *object); /* its short name, or else the numbers */
HIDDEN PyObject *encoded(unsigned char *data, int size); /* by OpenSSL; it is freed */
HIDDEN PyObject *printed(BIO *bio, int good);            /* into it, and it is freed; it takes NULL */
HIDDEN PyObject *time_text(const ASN1_TIME *time);       /* None: it is no date */
HIDDEN PyObject *time_seconds(const ASN1_TIME *time);    /* of the epoch; None: it is no date */
HIDDEN PyObject *name_entries(const X509_NAME *name);    /* ((short name, value), ...) */
HIDDEN PyObject *name_value(const X509_NAME *name, const char *kind, int nth);
HIDDEN PyObject *name_line(const X509_NAME *name);    /* /C=DE/CN=... */
HIDDEN PyObject *name_rfc2253(const X509_NAME *name); /* CN=...,C=DE */
HIDDEN int append(PyObject *list, PyObject *one);     /* whose reference is taken; it takes NULL */
HIDDEN PyObject *frozen(PyObject *list);              /* as a tuple; the reference is taken; it takes NULL */
HIDDEN const unsigned char *only_bytes(PyObject *args, PyObject *words, Py_ssize_t *size); /* of a call */

/* _tls_x509.c */
HIDDEN PyObject *certificate_der(X509 *x509);
HIDDEN PyObject *certificate_of(X509 *x509); /* a Certificate; None for NULL */

/* _tls_crl.c */
HIDDEN X509 *certificate_x509(PyObject *certificate); /* borrowed */
HIDDEN PyObject *pem_certificates(PyObject *module, PyObject *text);
HIDDEN PyObject *pem_crls(PyObject *module, PyObject *text);

/* _tls_ocsp.c */
HIDDEN PyObject *ocsp_request(PyObject *module, PyObject *args);
HIDDEN PyObject *ocsp_id_parts(PyObject *module, PyObject *text);

#endif
