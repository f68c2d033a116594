/* devices/base/signaller.c: see the header. */
#include "devices/base/signaller.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COMPLETIONS = 64 };

struct signaller {
	aio_context_t context; /* 0: there are no such reads */
	int empty_fd;          /* a file of no bytes: a read of it is complete at once */
};

struct err signaller_create(struct signaller **ret_signaller)
{
	struct signaller *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_make(ERR_SETUP, ENOMEM, "make a signaller");
	s->empty_fd = memfd_create("empty", MFD_CLOEXEC);
	if (s->empty_fd < 0 || syscall(SYS_io_setup, COMPLETIONS, &s->context) < 0)
		s->context = 0;
	*ret_signaller = s;
	return err_none();
}

void signaller_destroy(struct signaller *s)
{
	if (s == NULL)
		return;
	if (s->context != 0)
		(void)syscall(SYS_io_destroy, s->context);
	if (s->empty_fd >= 0)
		(void)close(s->empty_fd);
	free(s);
}

static void write_unless_full(int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;
	ssize_t written = 0;

	if (poll(&look, 1, 0) == 1 && (look.revents & POLLOUT) != 0)
		written = write(fd, &one, sizeof(one));
	(void)written;
}

static void forget_completions(const struct signaller *s)
{
	struct io_event events[COMPLETIONS];
	struct timespec now = { 0 };

	(void)syscall(SYS_io_getevents, s->context, 0, COMPLETIONS, events, &now);
}

void signaller_signal(struct signaller *s, int fd)
{
	struct iocb read = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)s->empty_fd,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *all = &read;

	if (s->context == 0) {
		write_unless_full(fd);
		return;
	}
	while (syscall(SYS_io_submit, s->context, 1, &all) < 0 && errno == EAGAIN)
		forget_completions(s);
}
