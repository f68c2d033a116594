/* vmm/keeper/files.c: files that the machine gets as memory or as descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

static struct err image_map(int fd, const char *kind, const char *path, const char *give,
			    struct image_file *ret_file)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) != 0)
		return err_make(ERR_SETUP, errno, "%s %s", kind, path);
	if (!S_ISREG(st.st_mode))
		return err_make(ERR_SETUP, 0, "%s %s: %s; give %s", kind, path,
				S_ISDIR(st.st_mode) ? "is a directory" : "is no regular file",
				give);
	if (st.st_size == 0)
		return err_make(ERR_SETUP, 0, "%s %s: is empty; give %s", kind, path, give);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_make(ERR_SETUP, errno, "map %s %s", kind, path);
	*ret_file =
		(struct image_file){ .bytes = at, .size = (uint64_t)st.st_size, .mapped = true };
	return err_none();
}

/* kind, and give, what it is to be: words for messages. */
static struct err image_open(const char *kind, const char *path, const char *give,
			     struct image_file *ret_file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct err e;

	if (fd < 0)
		return err_make(ERR_SETUP, errno, "open %s %s", kind, path);
	e = image_map(fd, kind, path, give, ret_file);
	(void)close(fd);
	return e;
}

struct err images_open(const struct keeper_options *o, struct machine_config *config,
		       struct image_file *ret_kernel, struct image_file *ret_initrd)
{
	struct err e = err_none();

	*ret_kernel = (struct image_file){ .bytes = o->image, .size = o->image_bytes };
	if (o->kernel != NULL)
		e = image_open("kernel", o->kernel, "a vmlinux or a bzImage (vmlinuz)", ret_kernel);
	if (!err_is(e) && o->initrd != NULL)
		e = image_open("initrd", o->initrd, "an archive for the kernel", ret_initrd);
	config->kernel = ret_kernel->bytes;
	config->kernel_bytes = ret_kernel->size;
	config->kernel_name = o->kernel != NULL ? o->kernel : o->image_name;
	config->initrd = ret_initrd->bytes;
	config->initrd_bytes = ret_initrd->size;
	config->initrd_name = o->initrd;
	return e;
}

void image_close(struct image_file *file)
{
	if (file->mapped) {
		union {
			const void *given;
			void *back;
		} at = { .given = file->bytes };

		(void)munmap(at.back, (size_t)file->size);
	}
	*file = (struct image_file){ .mapped = false };
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
