/* PEM texts: in memory, and never asking anybody on a terminal. */
#include "_tls.h"

int
give_passphrase(char *into, int room, int writing, void *arg)
{
    Passphrase *phrase = arg;
    (void)writing;
    phrase->asked = 1;
    if (phrase->data == NULL || phrase->size > room)
        return -1;
    memcpy(into, phrase->data, (size_t)phrase->size);
    return (int)phrase->size;
}

BIO *
memory_of(Py_buffer *text)
{
    if (text->len > MOST_BYTES) {
        PyErr_SetString(PyExc_ValueError, "too large");
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(text->buf, (int)text->len);
    if (bio == NULL)
        refused("no memory");
    return bio;
}
