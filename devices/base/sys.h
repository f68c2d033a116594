/* devices/base/sys.h: the seam for system calls, so that tests can answer as any kernel would.
 * Every call behaves as the one of the same name: -1 and errno on failure. */
#ifndef TAPVM_BASE_SYS_H
#define TAPVM_BASE_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

union bpf_attr;

struct sys {
	int (*open)(const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	/* Arguments that the kernel takes by value (TUNSETPERSIST) are cast into arg. */
	int (*ioctl)(int fd, unsigned long request, void *arg);
	ssize_t (*read)(int fd, void *bytes, size_t len);
	ssize_t (*write)(int fd, const void *bytes, size_t len);
	ssize_t (*writev)(int fd, const struct iovec *iov, int iov_count);
	ssize_t (*preadv)(int fd, const struct iovec *iov, int iov_count, off_t offset);
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int iov_count, off_t offset);
	int (*fdatasync)(int fd);
	ssize_t (*getrandom)(void *bytes, size_t len, unsigned flags);
	int (*mknod)(const char *path, mode_t mode, dev_t device);
	int (*mkdir)(const char *path, mode_t mode);
	int (*chmod)(const char *path, mode_t mode);
	int (*bpf)(int command, union bpf_attr *attr, unsigned size);
};

extern const struct sys sys_host;

#endif
