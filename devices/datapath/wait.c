/* devices/datapath/wait.c: epoll_pwait2, and what stands in for it. */
#include "devices/datapath/wait.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

enum { NS_A_SECOND = 1000 * 1000 * 1000, NS_A_MS = 1000 * 1000 };

static int milliseconds(uint64_t wait_ns)
{
	uint64_t ms = wait_ns / NS_A_MS + (wait_ns % NS_A_MS != 0);

	if (wait_ns == WAIT_FOREVER)
		return -1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

int wait_events(struct event_set *set, struct epoll_event *ret_events, int max, uint64_t wait_ns)
{
	const struct timespec wait = { .tv_sec = (time_t)(wait_ns / NS_A_SECOND),
				       .tv_nsec = (long)(wait_ns % NS_A_SECOND) };

	if (!set->coarse) {
		int count = epoll_pwait2(set->epoll_fd, ret_events, max,
					 wait_ns == WAIT_FOREVER ? NULL : &wait, NULL);

		if (count >= 0 || (errno != ENOSYS && errno != EPERM))
			return count;
		set->coarse = true;
	}
	return epoll_wait(set->epoll_fd, ret_events, max, milliseconds(wait_ns));
}
