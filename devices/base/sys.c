/* devices/base/sys.c: the system calls as the host has them. */
#include "devices/base/sys.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int host_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static int host_ioctl(int fd, unsigned long request, void *arg) { return ioctl(fd, request, arg); }
static int host_bpf(int command, union bpf_attr *attr, unsigned size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

const struct sys sys_host = {
	.open = host_open,
	.close = close,
	.ioctl = host_ioctl,
	.read = read,
	.write = write,
	.writev = writev,
	.preadv = preadv,
	.pwritev = pwritev,
	.fdatasync = fdatasync,
	.getrandom = getrandom,
	.mknod = mknod,
	.mkdir = mkdir,
	.chmod = chmod,
	.bpf = host_bpf,
};
