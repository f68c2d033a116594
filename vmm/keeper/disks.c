/* vmm/keeper/disks.c: the images of disks, locked as long as a machine has them, and the files for
 * what is written to snapshots. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/keeper/keeper_priv.h"

enum { SECTOR_BYTES = 512 };

static bool is_shared(const struct disk_options *o) { return o->read_only || o->snapshot; }

static struct err image_judge(const char *path, int fd, uint64_t *ret_bytes)
{
	char first[4] = "";
	struct stat st;
	off_t size;

	if (fstat(fd, &st) != 0)
		return err_make(ERR_SETUP, errno, "disk %s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_make(
			ERR_SETUP, 0, "disk %s: is %s; give a raw image or a block device", path,
			S_ISDIR(st.st_mode) ? "a directory" : "neither a file nor a block device");
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return err_make(ERR_SETUP, errno, "disk %s: ask for its size", path);
	if (size == 0)
		return err_make(ERR_SETUP, 0,
				"disk %s: is empty; give it a size, as truncate -s 1G does", path);
	if (pread(fd, first, sizeof(first), 0) < 0)
		return err_make(ERR_SETUP, errno, "disk %s: read it", path);
	if (memcmp(first, "QFI\xfb", sizeof(first)) == 0)
		return err_make(ERR_SETUP, 0,
				"disk %s: is a qcow2 image; make a raw one of it with qemu-img "
				"convert -O raw",
				path);
	if (size % SECTOR_BYTES != 0)
		return err_make(ERR_SETUP, 0,
				"disk %s: its %lld bytes are no multiple of %d; truncate -s %%%d "
				"makes it longer",
				path, (long long)size, SECTOR_BYTES, SECTOR_BYTES);
	*ret_bytes = (uint64_t)size;
	return err_none();
}

/* The lock goes with the description, which the machine shares: whoever of us is killed, it is
 * there as long as somebody has the disk, and no longer. */
static struct err image_lock(const struct disk_options *o, int fd)
{
	if (flock(fd, (is_shared(o) ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
		return err_none();
	if (errno != EWOULDBLOCK)
		return err_make(ERR_SETUP, errno, "disk %s: lock it", o->path);
	return err_make(ERR_SETUP, 0,
			"disk %s: is in use by another machine, or by another --disk; it can be "
			"shared by those that say snapshot or ro",
			o->path);
}

static struct err beside_open(const char *path, int *ret_fd)
{
	const char *folder = getenv("TMPDIR");
	char name[PATH_MAX];

	if (folder == NULL || *folder == '\0')
		folder = "/var/tmp";
	(void)snprintf(name, sizeof(name), "%s/tapvm-XXXXXX", folder);
	*ret_fd = mkostemp(name, O_CLOEXEC);
	if (*ret_fd < 0)
		return err_make(ERR_SETUP, errno,
				"disk %s: make a file for what is written, in %s (TMPDIR names "
				"another folder)",
				path, folder);
	(void)unlink(name);
	return err_none();
}

static struct err disk_open(const struct disk_options *o, struct machine_disk *ret_disk)
{
	/* Without O_NONBLOCK a FIFO would hold us here for ever. */
	int fd = open(o->path,
		      (is_shared(o) ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct machine_disk disk = { .fd = fd, .beside_fd = -1, .read_only = o->read_only };
	struct err e;

	if (fd < 0)
		return err_make(ERR_SETUP, errno, "open disk %s%s", o->path,
				is_shared(o) || (errno != EACCES && errno != EROFS)
					? ""
					: " for writing, without ,ro or ,snapshot");
	e = image_judge(o->path, fd, &disk.bytes);
	if (!err_is(e))
		e = image_lock(o, fd);
	if (!err_is(e) && o->snapshot)
		e = beside_open(o->path, &disk.beside_fd);
	if (err_is(e))
		(void)close(fd);
	else
		*ret_disk = disk;
	return e;
}

struct err disks_open(const struct keeper_options *o, struct machine_config *config)
{
	struct err e = err_none();

	while (config->disk_count < o->disk_count && !err_is(e)) {
		e = disk_open(&o->disk[config->disk_count], &config->disk[config->disk_count]);
		config->disk_count += !err_is(e);
	}
	return e;
}

void disks_close(struct machine_config *config)
{
	for (unsigned i = 0; i < config->disk_count; i++) {
		(void)close(config->disk[i].fd);
		if (config->disk[i].beside_fd >= 0)
			(void)close(config->disk[i].beside_fd);
	}
	config->disk_count = 0;
}
