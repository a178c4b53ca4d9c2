/* Where records come from and go to: a BIO of our own, on a socket that does not wait. Three things are different from
 * OpenSSL's.
 *
 * - A recv that came back short says that the socket is drained; the next one is answered without asking the kernel. So
 *   a request costs one recv.
 * - Records are gathered in one buffer of the process, and leave in one send, be it 16 KB or 250.
 * - What the kernel does not take is kept as ciphertext. So OpenSSL never sees a write that has to be repeated.
 *
 * The buffer belongs to one connection at a time. Where a call into Python (a cache of sessions) brings another one in
 * between, what the first one has gathered leaves before.
 */
#include "_tls.h"
#include <sys/socket.h>

#define GATHER (16 * (RECORD + 256)) /* bytes of ciphertext in one send */
#define KEPT (1 << 20)               /* at most: a peer that asks and asks, and reads no answer, is given up */

static BIO_METHOD *method;
static char gathered[GATHER];
static size_t gathered_size;
static Connection *gathered_for;

static int
bio_read(BIO *bio, char *into, int size)
{
    Connection *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0 || c->error)
        return -1;
    if (c->given != NULL) {
        Py_ssize_t count = PyBytes_GET_SIZE(c->given) - c->given_at;
        if (count > size)
            count = size;
        memcpy(into, PyBytes_AS_STRING(c->given) + c->given_at, (size_t)count);
        c->given_at += count;
        if (c->given_at == PyBytes_GET_SIZE(c->given))
            Py_CLEAR(c->given);
        return (int)count;
    }
    if (c->over)
        return 0;
    if (!c->drained) {
        ssize_t got;
        do
            got = recv(c->fd, into, (size_t)size, MSG_DONTWAIT);
        while (got < 0 && errno == EINTR);
        c->drained = got < size;
        if (got > 0)
            return (int)got;
        if (got == 0) {
            c->over = 1;
            return 0;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            c->error = errno;
            return -1;
        }
    }
    BIO_set_retry_read(bio);
    return -1;
}

/* How much the kernel took. */
static size_t
send_some(Connection *c, const char *data, size_t size)
{
    ssize_t sent;
    do
        sent = send(c->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return (size_t)sent;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        c->error = errno;
    return 0;
}

static void
keep(Connection *c, const char *data, size_t size)
{
    if (c->left_size - c->left_at + size > KEPT) {
        c->error = ENOBUFS;
        return;
    }
    if (c->left_size + size > c->left_room) {
        char *grown = PyMem_Malloc(c->left_size - c->left_at + size);
        if (grown == NULL) {
            c->error = ENOMEM;
            return;
        }
        if (c->left != NULL)
            memcpy(grown, c->left + c->left_at, c->left_size - c->left_at);
        PyMem_Free(c->left);
        c->left = grown;
        c->left_size -= c->left_at;
        c->left_at = 0;
        c->left_room = c->left_size + size;
    }
    memcpy(c->left + c->left_size, data, size);
    c->left_size += size;
}

void
flush_left(Connection *c)
{
    if (c->left == NULL || c->error)
        return;
    c->left_at += send_some(c, c->left + c->left_at, c->left_size - c->left_at);
    if (c->left_at == c->left_size) {
        PyMem_Free(c->left);
        c->left = NULL;
        c->left_at = c->left_size = c->left_room = 0;
    }
}

static void
send_gathered(void)
{
    Connection *c = gathered_for;
    size_t size = gathered_size, sent = 0;
    gathered_size = 0;
    gathered_for = NULL;
    if (c == NULL || c->error)
        return;
    flush_left(c);
    if (c->left == NULL && !c->error)
        sent = send_some(c, gathered, size);
    if (sent < size && !c->error)
        keep(c, gathered + sent, size - sent);
}

static int
bio_write(BIO *bio, const char *data, int size)
{
    Connection *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0 || c->error)
        return -1;
    if (gathered_size && (gathered_for != c || gathered_size + (size_t)size > GATHER))
        send_gathered();
    if (c->error)
        return -1;
    if ((size_t)size > GATHER) { /* a flight with a large chain */
        flush_left(c);
        size_t sent = c->left == NULL && !c->error ? send_some(c, data, (size_t)size) : 0;
        if (sent < (size_t)size && !c->error)
            keep(c, data + sent, (size_t)size - sent);
        return c->error ? -1 : size;
    }
    memcpy(gathered + gathered_size, data, (size_t)size);
    gathered_size += (size_t)size;
    gathered_for = c;
    return size;
}

void
let_go(Connection *c)
{
    if (gathered_for == c)
        send_gathered();
}

void
forget(Connection *c)
{
    let_go(c);
    PyMem_Free(c->left);
    c->left = NULL;
    c->left_at = c->left_size = c->left_room = 0;
}

static long
bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return what == BIO_CTRL_FLUSH; /* nothing else is asked of it; the peer's end is told by `over` */
}

BIO *
bio_of(Connection *c)
{
    BIO *bio = BIO_new(method);
    if (bio != NULL) {
        BIO_set_data(bio, c);
        BIO_set_init(bio, 1);
    }
    return bio;
}

int
bio_setup(void)
{
    if (method == NULL) {
        int index = BIO_get_new_index();
        method = index < 0 ? NULL : BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, "pointsman");
        if (method == NULL || !BIO_meth_set_read(method, bio_read) || !BIO_meth_set_write(method, bio_write)
            || !BIO_meth_set_ctrl(method, bio_ctrl))
            return -1;
    }
    return 0;
}
