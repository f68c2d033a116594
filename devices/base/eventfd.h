/* devices/base/eventfd.h: the one thing that is done to eventfds of our own from everywhere. */
#ifndef TAPVM_BASE_EVENTFD_H
#define TAPVM_BASE_EVENTFD_H

#include <stdint.h>
#include <unistd.h>

/* An eventfd takes one more until it has counted to 2^64 - 2: the write neither waits nor fails. Of
 * one that somebody else shares that does not hold: signaller.h. Any thread. */
static inline void eventfd_poke(int fd)
{
	const uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));

	(void)written;
}

#endif
