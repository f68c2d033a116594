/* devices/base/signaller.h: signals to eventfds that somebody else shares.
 *
 * Whoever shares an eventfd can fill it and clear its O_NONBLOCK at any time: a write would wait
 * for him. The kernel's own signal never waits, and the completion of an asynchronous read gives
 * one (IOCB_FLAG_RESFD), at about twice the cost of a write. Where the kernel has no such reads, a
 * write follows a look whether it would wait; who is quick enough in between holds the thread up.
 * Source: Linux fs/aio.c, fs/eventfd.c; io_submit(2). */
#ifndef TAPVM_BASE_SIGNALLER_H
#define TAPVM_BASE_SIGNALLER_H

#include "devices/base/err.h"

struct signaller;

struct err signaller_create(struct signaller **ret_signaller) MUST_USE;
void signaller_destroy(struct signaller *s); /* takes NULL */
/* Adds one, or leaves a full one full; what is no eventfd is left alone, but by a write. Any
 * thread. */
void signaller_signal(struct signaller *s, int fd);

#endif
