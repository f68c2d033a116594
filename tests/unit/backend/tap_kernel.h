/* tests/unit/backend/tap_kernel.h: a TAP backend on a scripted kernel: what each read and write
 * is answered. */
#ifndef TAPVM_TESTS_TAP_KERNEL_H
#define TAPVM_TESTS_TAP_KERNEL_H

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "devices/backend/tap.h"
#include "devices/base/uapi_compat.h"
#include "devices/frame/vnet_hdr.h"

enum { FD = 300, FRAMES = 6, LEN = 60, CALLS = 64, LONGEST = FRAME_MAX + VNET_HDR_MAX };

/* What the kernel answers to the nth read or write: err, or result; beyond the script as if all
 * were well. */
struct answer {
	int err;
	ssize_t result;
};

static struct {
	struct answer answer[CALLS];
	unsigned calls, writevs;
	int fd[CALLS];
	size_t len[CALLS];
	uint8_t bytes[LONGEST]; /* of the last write */
	unsigned long request;
	intptr_t value; /* of the last ioctl: the value, or what it points at */
	int ioctl_err, closed[CALLS];
	unsigned close_count;
} kernel;

static uint8_t slots[FRAMES][SLOT_BYTES];
static struct batch batch;
static struct backend *be;
static struct {
	unsigned lines;
	char last[256];
	uint64_t now_ns;
} seen;

static ssize_t answer_to(int fd, size_t len, ssize_t well)
{
	const struct answer *a = &kernel.answer[kernel.calls];

	ck_assert_uint_lt(kernel.calls + 1, CALLS);
	kernel.fd[kernel.calls] = fd;
	kernel.len[kernel.calls] = len;
	kernel.calls++;
	errno = a->err;
	return a->err != 0 ? -1 : a->result != 0 ? a->result : well;
}

static ssize_t fake_write(int fd, const void *bytes, size_t len)
{
	memcpy(kernel.bytes, bytes, len);
	return answer_to(fd, len, (ssize_t)len);
}

static ssize_t fake_writev(int fd, const struct iovec *iov, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		memcpy(kernel.bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	kernel.writevs++;
	return answer_to(fd, len, (ssize_t)len);
}

/* A frame of LEN bytes behind a header whose bytes count up. */
static ssize_t fake_read(int fd, void *bytes, size_t len)
{
	uint8_t *to = bytes;

	for (unsigned i = 0; i < VNET_HDR_BYTES + LEN; i++)
		to[i] = (uint8_t)(i + 1);
	return answer_to(fd, len, VNET_HDR_BYTES + LEN);
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	ck_assert(fd == FD || request == TUNSETQUEUE);
	kernel.request = request;
	kernel.value = request == TUNSETCARRIER || request == TUNSETVNETHDRSZ ? *(const int *)arg
									      : (intptr_t)arg;
	errno = kernel.ioctl_err;
	return kernel.ioctl_err != 0 ? -1 : 0;
}

static int fake_close(int fd)
{
	kernel.closed[kernel.close_count++] = fd;
	return 0;
}

static const struct sys fake_sys = { .read = fake_read,
				     .write = fake_write,
				     .writev = fake_writev,
				     .ioctl = fake_ioctl,
				     .close = fake_close };

static void on_line(void *self, const char *text)
{
	(void)self;
	seen.lines++;
	(void)snprintf(seen.last, sizeof(seen.last), "%s", text);
}

static uint64_t now_ns(void *self)
{
	(void)self;
	return seen.now_ns;
}

static const struct clock test_clock = { .now_ns = now_ns };
static const int fds[] = { FD, FD + 1, FD + 2 };

static struct backend_tap_config config(void)
{
	return (struct backend_tap_config){ .fds = fds,
					    .fd_count = 3,
					    .hdr_bytes = VNET_HDR_BYTES,
					    .offloads = { true, true, true, true, true, false,
							  false },
					    .carrier = true,
					    .sys = &fake_sys,
					    .log = { .line = on_line, .clock = &test_clock },
					    .name = "t0" };
}

static inline void setup(void)
{
	struct backend_tap_config c = config();

	memset(&kernel, 0, sizeof(kernel));
	memset(&seen, 0, sizeof(seen));
	seen.now_ns = 1;
	ck_assert(!err_is(backend_tap_create(&c, &be)));
}

static void teardown(void) { be->ops->destroy(be); }

/* FRAMES open frames; the bytes of each are its number. */
static void fill(void)
{
	batch.count = FRAMES;
	for (unsigned i = 0; i < FRAMES; i++) {
		batch.frame[i] = (struct frame){ .bytes = slots[i] + VNET_HDR_MAX,
						 .local = LEN,
						 .len = LEN };
		memset(slots[i], (int)(0x40 + i), sizeof(slots[i]));
	}
}

static void assert_fate(unsigned i, enum fate fate, enum drop_reason why)
{
	const struct frame *f = &batch.frame[i];

	ck_assert_msg(f->fate == fate && f->why == why, "frame %u: fate %d (%s), want %d (%s)", i,
		      f->fate, drop_name(f->why), fate, drop_name(why));
}

static inline struct backend_counters counters(unsigned queue)
{
	struct backend_counters c;

	be->ops->counters(be, queue, &c);
	return c;
}

#endif
