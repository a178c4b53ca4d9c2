/* What OpenSSL has parsed of certificates, as Python's values: names, dates, strings. Errors of OpenSSL do not stay. */
#include "_tls.h"
#include <strings.h>

PyObject *
octets(const ASN1_STRING *value)
{
    if (value == NULL)
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
}

/* A short name, or else the numbers. */
PyObject *
object_name(const ASN1_OBJECT *object)
{
    char numbers[OID];
    int nid = object == NULL ? NID_undef : OBJ_obj2nid(object);
    const char *name = nid == NID_undef ? NULL : OBJ_nid2sn(nid);
    if (name != NULL)
        return PyBytes_FromString(name);
    int size = object == NULL ? 0 : OBJ_obj2txt(numbers, sizeof numbers, object, 1);
    ERR_clear_error();
    return PyBytes_FromStringAndSize(numbers, size < 0 ? 0 : size < OID ? size : OID - 1);
}

/* Encoded by OpenSSL into `data`, which is freed. NULL: an exception is set. */
PyObject *
encoded(unsigned char *data, int size)
{
    if (size <= 0)
        return refused("it cannot be encoded");
    PyObject *found = PyBytes_FromStringAndSize((const char *)data, size);
    OPENSSL_free(data);
    return found;
}

/* What was printed, or NULL with an exception. Frees `bio`, and takes NULL. */
PyObject *
printed(BIO *bio, int good)
{
    char *data = NULL;
    long size = bio == NULL || !good ? -1 : BIO_get_mem_data(bio, &data);
    PyObject *found = size < 0 ? refused("it cannot be printed") : PyBytes_FromStringAndSize(data, size);
    BIO_free(bio);
    ERR_clear_error();
    return found;
}

PyObject *
time_text(const ASN1_TIME *time)
{
    if (time == NULL)
        Py_RETURN_NONE;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && !ASN1_TIME_print(bio, time)) { /* it has written that the value is bad */
        BIO_free(bio);
        ERR_clear_error();
        Py_RETURN_NONE;
    }
    return printed(bio, 1);
}

/* Of the epoch; None: it is no date. */
PyObject *
time_seconds(const ASN1_TIME *time)
{
    struct tm begin = {.tm_year = 70, .tm_mday = 1}, then;
    int days, seconds;
    if (time == NULL || !ASN1_TIME_to_tm(time, &then) || !OPENSSL_gmtime_diff(&days, &seconds, &begin, &then)) {
        ERR_clear_error();
        Py_RETURN_NONE;
    }
    return PyLong_FromLongLong((long long)days * 86400 + seconds);
}

PyObject *
name_entries(const X509_NAME *name)
{
    int count = X509_NAME_entry_count(name); /* takes NULL */
    PyObject *all = PyTuple_New(count < 0 ? 0 : count);
    for (int i = 0; all != NULL && i < count; i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        PyObject *one = Py_BuildValue("(NN)", object_name(X509_NAME_ENTRY_get_object(entry)),
                                      octets(X509_NAME_ENTRY_get_data(entry)));
        if (one == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, i, one);
    }
    return all;
}

/* The size that a value has in a name; -1: it holds a NUL with more behind it, which might pass for another value. */
static int
readable(const ASN1_STRING *value)
{
    const unsigned char *data = ASN1_STRING_get0_data(value);
    int size = ASN1_STRING_length(value);
    const unsigned char *nul = size > 0 ? memchr(data, 0, (size_t)size) : NULL;
    if (nul == NULL)
        return size;
    for (const unsigned char *at = nul; at < data + size; at++)
        if (*at != 0)
            return -1;
    return (int)(nul - data) + 1;
}

/* The n-th value of a kind, from the beginning (1) or the end (-1); None: there is none, or it is not readable. */
PyObject *
name_value(const X509_NAME *name, const char *kind, int nth)
{
    int count = X509_NAME_entry_count(name), step = nth < 0 ? -1 : 1;
    for (int i = nth < 0 ? count - 1 : 0; i >= 0 && i < count; i += step) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        PyObject *known = object_name(X509_NAME_ENTRY_get_object(entry));
        if (known == NULL)
            return NULL;
        int same = strcasecmp(PyBytes_AS_STRING(known), kind) == 0;
        Py_DECREF(known);
        if (!same || (nth -= step) != 0)
            continue;
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
        int size = readable(value);
        if (size < 0)
            break;
        return PyBytes_FromStringAndSize((const char *)ASN1_STRING_get0_data(value), size);
    }
    Py_RETURN_NONE;
}

/* "/C=DE/CN=...", values as they are; None: one of them is not readable. */
PyObject *
name_line(const X509_NAME *name)
{
    int count = X509_NAME_entry_count(name), good = 1;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return refused("no memory");
    for (int i = 0; good && i < count; i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
        PyObject *known = object_name(X509_NAME_ENTRY_get_object(entry));
        if (known == NULL) {
            BIO_free(bio);
            return NULL;
        }
        int size = readable(value);
        if (size < 0) {
            Py_DECREF(known);
            BIO_free(bio);
            Py_RETURN_NONE;
        }
        good = BIO_printf(bio, "/%s=", PyBytes_AS_STRING(known)) > 0
               && (size == 0 || BIO_write(bio, ASN1_STRING_get0_data(value), size) == size);
        Py_DECREF(known);
    }
    return printed(bio, good);
}

PyObject *
name_rfc2253(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return printed(bio, bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0);
}

int
append(PyObject *list, PyObject *one)
{
    int done = one == NULL ? -1 : PyList_Append(list, one);
    Py_XDECREF(one);
    return done;
}

/* A list, or NULL, as a tuple. */
PyObject *
frozen(PyObject *list)
{
    PyObject *tuple = list == NULL ? NULL : PyList_AsTuple(list);
    Py_XDECREF(list);
    ERR_clear_error();
    return tuple;
}

/* The bytes of the only argument; NULL: an exception is set. */
const unsigned char *
only_bytes(PyObject *args, PyObject *words, Py_ssize_t *size)
{
    const char *data;
    if (words != NULL && PyDict_GET_SIZE(words)) {
        PyErr_SetString(PyExc_TypeError, "it takes no names");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "y#", &data, size))
        return NULL;
    if (*size > MOST_BYTES) {
        PyErr_SetString(PyExc_ValueError, "too large");
        return NULL;
    }
    ERR_clear_error();
    return (const unsigned char *)data;
}
