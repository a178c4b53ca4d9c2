/* A clock for counting instructions (callgrind.py loads it into the program): each reading is 0.1 ms after the one
 * before, so that what happens once in a millisecond, a second or ten seconds happens after the same number of requests
 * on every machine, however slow valgrind makes it there. Clocks of CPU time stay as they are.
 *
 * Short waits last longer, too: a program that waits a millisecond for an answer gets it, however late it comes. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STEP 100000L /* ns */
#define SECOND 1000000000L
#define SHORT 10 /* ms */
#define LONGER 100 /* times */

int
clock_gettime(clockid_t which, struct timespec *at)
{
    static struct timespec first[2];
    static long readings;
    int real = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
    if (!real && which != CLOCK_MONOTONIC && which != CLOCK_MONOTONIC_COARSE && which != CLOCK_BOOTTIME)
        return (int)syscall(SYS_clock_gettime, which, at);
    if (!first[real].tv_sec)
        syscall(SYS_clock_gettime, real ? CLOCK_REALTIME : CLOCK_MONOTONIC, &first[real]);
    long past = first[real].tv_nsec + ++readings * STEP;
    at->tv_sec = first[real].tv_sec + past / SECOND;
    at->tv_nsec = past % SECOND;
    return 0;
}

int
epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    if (timeout > 0 && timeout <= SHORT)
        timeout *= LONGER;
    return (int)syscall(SYS_epoll_pwait, epoll, events, most, timeout, NULL, 0);
}
