/* vmm/keeper/unix_socket.h: a stream socket with a name in the file system. */
#ifndef TAPVM_KEEPER_UNIX_SOCKET_H
#define TAPVM_KEEPER_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "devices/base/err.h"

struct unix_socket {
	int fd;           /* listens, and does not wait; -1: not open */
	const char *path; /* lent */
	dev_t device;     /* of its file, which is removed if it is still ours */
	ino_t inode;
	bool made;
};

/* Is the path too long? option: which of ours names it. */
struct err unix_socket_check(const char *option, const char *path) MUST_USE;
/* What somebody who was killed has left there goes; a program that listens, or another kind of
 * file, is an error. The file has its mode from the first moment on. What is opened is the caller's
 * to close, also where it fails. */
struct err unix_socket_listen(struct unix_socket *s, const char *option, const char *path,
			      unsigned mode) MUST_USE;
/* A connection that does not wait; -1 and errno. */
int unix_socket_connect(const char *path);
void unix_socket_close(struct unix_socket *s); /* takes what was never opened */

#endif
