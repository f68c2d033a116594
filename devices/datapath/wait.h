/* devices/datapath/wait.h: waiting for events to the nanosecond, where the kernel can. */
#ifndef TAPVM_DATAPATH_WAIT_H
#define TAPVM_DATAPATH_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define WAIT_FOREVER UINT64_MAX

struct event_set {
	int epoll_fd;
	bool coarse; /* milliseconds alone: Linux before 5.11, emulators of it, old filters */
};

/* As epoll_pwait2; never returns before wait_ns are over because it counts in larger units. */
int wait_events(struct event_set *set, struct epoll_event *ret_events, int max, uint64_t wait_ns);

#endif
