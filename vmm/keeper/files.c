/* vmm/keeper/files.c: files that the machine gets as memory or as descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

static struct err kernel_map(int fd, const char *path, struct kernel_file *ret_file)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) != 0)
		return err_make(ERR_SETUP, errno, "kernel %s", path);
	if (!S_ISREG(st.st_mode))
		return err_make(ERR_SETUP, 0,
				"kernel %s: %s; give a vmlinux (an ELF with a PVH entry)", path,
				S_ISDIR(st.st_mode) ? "is a directory" : "is no regular file");
	if (st.st_size == 0)
		return err_make(ERR_SETUP, 0,
				"kernel %s: is empty; give a vmlinux (an ELF with a PVH entry)",
				path);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_make(ERR_SETUP, errno, "map kernel %s", path);
	*ret_file =
		(struct kernel_file){ .bytes = at, .size = (uint64_t)st.st_size, .mapped = true };
	return err_none();
}

struct err kernel_open(const char *path, struct kernel_file *ret_file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct err e;

	if (fd < 0)
		return err_make(ERR_SETUP, errno, "open kernel %s", path);
	e = kernel_map(fd, path, ret_file);
	(void)close(fd);
	return e;
}

void kernel_close(struct kernel_file *file)
{
	if (file->mapped) {
		union {
			const void *given;
			void *back;
		} at = { .given = file->bytes };

		(void)munmap(at.back, (size_t)file->size);
	}
	*file = (struct kernel_file){ .mapped = false };
}

struct err output_open(const char *option, const char *path, int *ret_fd)
{
	/* Without O_NONBLOCK a FIFO that has no reader would hold us here for ever. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

	if (fd < 0 && errno == ENXIO)
		return err_make(ERR_SETUP, 0,
				"%s %s: nobody reads this FIFO; start its reader first", option,
				path);
	if (fd < 0)
		return err_make(ERR_SETUP, errno, "%s: open %s for writing", option, path);
	*ret_fd = fd;
	return err_none();
}

struct err serial_file_open(const char *path, int *ret_fd)
{
	struct err e = output_open("--serial", path, ret_fd);

	if (!err_is(e))
		(void)fcntl(*ret_fd, F_SETFL, fcntl(*ret_fd, F_GETFL) & ~O_NONBLOCK);
	return e;
}

struct err memory_check(uint64_t bytes)
{
	struct sysinfo host;
	uint64_t total;

	if (sysinfo(&host) != 0)
		return err_make(ERR_SETUP, errno, "ask for the host's memory");
	total = (uint64_t)host.totalram * host.mem_unit;
	if (bytes > total)
		return err_make(
			ERR_SETUP, 0,
			"--memory: %llu MiB is more than this host has (%llu MiB); ask for less",
			(unsigned long long)(bytes >> 20), (unsigned long long)(total >> 20));
	return err_none();
}
