/* tests/unit/block/host.h: files of the tests of disks, and a host in front of them that transfers
 * less than it is asked, is interrupted, fails, or waits. */
#ifndef TAPVM_TESTS_BLOCK_HOST_H
#define TAPVM_TESTS_BLOCK_HOST_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/base/sys.h"

static struct {
	atomic_uint most;   /* bytes a call transfers, 0: all */
	atomic_uint breaks; /* calls that a signal interrupts */
	atomic_int why;     /* what fails, from the call on that `fails` counts down to */
	atomic_uint fails;
	atomic_uint calls, syncs;
	/* Calls wait at the gate while it is shut. */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool shut;
	unsigned waiting;
} host = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static inline void host_reset(void)
{
	atomic_store(&host.most, 0);
	atomic_store(&host.breaks, 0);
	atomic_store(&host.why, 0);
	atomic_store(&host.calls, 0);
	atomic_store(&host.syncs, 0);
}

static inline void host_fail(unsigned calls_on, int why)
{
	atomic_store(&host.fails, atomic_load(&host.calls) + calls_on);
	atomic_store(&host.why, why);
}

static inline void host_shut(bool shut)
{
	(void)pthread_mutex_lock(&host.mutex);
	host.shut = shut;
	(void)pthread_cond_broadcast(&host.changed);
	(void)pthread_mutex_unlock(&host.mutex);
}

static inline void host_await_waiting(void)
{
	(void)pthread_mutex_lock(&host.mutex);
	while (host.waiting == 0)
		(void)pthread_cond_wait(&host.changed, &host.mutex);
	(void)pthread_mutex_unlock(&host.mutex);
}

static inline void host_gate(void)
{
	(void)pthread_mutex_lock(&host.mutex);
	host.waiting++;
	(void)pthread_cond_broadcast(&host.changed);
	while (host.shut)
		(void)pthread_cond_wait(&host.changed, &host.mutex);
	host.waiting--;
	(void)pthread_mutex_unlock(&host.mutex);
}

/* false: errno says why. */
static inline bool host_call(void)
{
	unsigned number = atomic_fetch_add(&host.calls, 1);

	host_gate();
	errno = atomic_load(&host.why);
	if (errno != 0 && number >= atomic_load(&host.fails))
		return false;
	if (atomic_load(&host.breaks) == 0)
		return true;
	atomic_fetch_sub(&host.breaks, 1);
	errno = EINTR;
	return false;
}

/* The first slice, cut to what a call transfers; or all of them. */
static inline int host_cut(const struct iovec *iov, int count, struct iovec *ret_first)
{
	unsigned most = atomic_load(&host.most);

	*ret_first = iov[0];
	if (most == 0)
		return count;
	if (ret_first->iov_len > most)
		ret_first->iov_len = most;
	return 1;
}

static inline ssize_t host_preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec first;
	int cut = host_cut(iov, count, &first);

	if (!host_call())
		return -1;
	return cut < count || first.iov_len < iov[0].iov_len ? preadv(fd, &first, 1, offset)
							     : preadv(fd, iov, count, offset);
}

static inline ssize_t host_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec first;
	int cut = host_cut(iov, count, &first);

	if (!host_call())
		return -1;
	return cut < count || first.iov_len < iov[0].iov_len ? pwritev(fd, &first, 1, offset)
							     : pwritev(fd, iov, count, offset);
}

static inline int host_fdatasync(int fd)
{
	if (!host_call())
		return -1;
	atomic_fetch_add(&host.syncs, 1);
	return fdatasync(fd);
}

static const struct sys host_sys = {
	.preadv = host_preadv,
	.pwritev = host_pwritev,
	.fdatasync = host_fdatasync,
};

/* A file of so many bytes, each unlike its neighbours, and a copy of them. */
static inline int host_file(uint8_t *ret_bytes, size_t len)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < len; i++)
		ret_bytes[i] = (uint8_t)(i * 7 + i / 512 * 13 + i / 4096 * 31);
	ck_assert_int_eq(write(fd, ret_bytes, len), (ssize_t)len);
	return fd;
}

static inline int host_empty_file(void)
{
	int fd = memfd_create("beside", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void host_assert_file(int fd, const uint8_t *bytes, size_t len)
{
	uint8_t have[512];

	for (size_t at = 0; at < len; at += sizeof(have)) {
		ck_assert_int_eq(pread(fd, have, sizeof(have), (off_t)at), (ssize_t)sizeof(have));
		ck_assert_msg(memcmp(have, bytes + at, sizeof(have)) == 0,
			      "the file differs in the 512 bytes at %zu", at);
	}
}

#endif
