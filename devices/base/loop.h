/* devices/base/loop.h: the control loop, an epoll set with a function for each descriptor.
 * Threads: all calls on the loop's own thread, but for loop_add and loop_remove (any thread).
 * A function may remove its own descriptor or any other; a removed one is not called any more,
 * not even for an event of the same turn. Only a call that another thread's loop_remove finds under
 * way goes on behind it. */
#ifndef TAPVM_BASE_LOOP_H
#define TAPVM_BASE_LOOP_H

#include <stdint.h>

#include "devices/base/err.h"

struct loop;
typedef void (*loop_fn)(void *self, uint32_t epoll_events);

struct err loop_create(struct loop **ret_loop) MUST_USE;
void loop_destroy(struct loop *loop);
struct err loop_add(struct loop *loop, int fd, uint32_t epoll_events, loop_fn fn,
		    void *self) MUST_USE;
void loop_remove(struct loop *loop, int fd);
/* Waits up to timeout_ms (-1: for ever) and calls what is due. EINTR returns as if nothing was. */
struct err loop_once(struct loop *loop, int timeout_ms) MUST_USE;

#endif
