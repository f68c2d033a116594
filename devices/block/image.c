/* devices/block/image.c: a raw image, and copy on write beside it.
 * The file beside has every byte at the same offset as the image, and holes where nothing was
 * written; a bit a cluster says where. */
#include "devices/block/image.h"

#include <errno.h>
#include <stdlib.h>

enum {
	CLUSTER = 4096, /* what a guest's file system writes at once */
	SLICES_A_CALL = 64,
	BITS = 8,
};

struct image {
	struct image_config config;
	int lost;                 /* why what was written may be gone */
	uint8_t *beside;          /* a bit a cluster: it is in the other file, as a whole */
	uint8_t cluster[CLUSTER]; /* one on its way there */
};

struct err image_create(const struct image_config *config, struct image **ret_image)
{
	struct image *m = calloc(1, sizeof(*m));

	if (m != NULL) {
		m->config = *config;
		if (config->beside_fd >= 0)
			m->beside = calloc(config->bytes / CLUSTER / BITS + 1, 1);
	}
	if (m == NULL || (config->beside_fd >= 0 && m->beside == NULL)) {
		image_destroy(m);
		return err_make(ERR_SETUP, ENOMEM, "make a disk of %llu bytes",
				(unsigned long long)config->bytes);
	}
	*ret_image = m;
	return err_none();
}

void image_destroy(struct image *m)
{
	if (m == NULL)
		return;
	free(m->beside);
	free(m);
}

/* One run of bytes of one file. A file that ends before it was cut short under us. */
static int transfer(struct image *m, bool write, int fd, uint64_t offset, struct slices_at *at,
		    uint64_t len)
{
	const struct sys *sys = m->config.sys;

	while (len > 0) {
		struct iovec iov[SLICES_A_CALL];
		int count = slices_cut(at, len, iov, SLICES_A_CALL);
		ssize_t done = write ? sys->pwritev(fd, iov, count, (off_t)offset)
				     : sys->preadv(fd, iov, count, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : EIO;
		slices_skip(at, (uint64_t)done);
		offset += (uint64_t)done;
		len -= (uint64_t)done;
	}
	return 0;
}

/* ---- copy on write ---- */

static bool is_beside(const struct image *m, uint64_t cluster)
{
	return m->beside != NULL && (m->beside[cluster / BITS] >> cluster % BITS & 1) != 0;
}

static void set_beside(struct image *m, uint64_t cluster)
{
	m->beside[cluster / BITS] |= (uint8_t)(1u << cluster % BITS);
}

static uint64_t cluster_end(const struct image *m, uint64_t cluster)
{
	uint64_t end = (cluster + 1) * CLUSTER;

	return end < m->config.bytes ? end : m->config.bytes;
}

/* Bytes from offset on that lie in the same file. */
static uint64_t run_length(const struct image *m, uint64_t offset, uint64_t len)
{
	uint64_t cluster = offset / CLUSTER;
	bool beside = is_beside(m, cluster);
	uint64_t end = cluster_end(m, cluster);

	if (m->beside == NULL)
		return len;
	while (end - offset < len && is_beside(m, end / CLUSTER) == beside)
		end = cluster_end(m, end / CLUSTER);
	return end - offset < len ? end - offset : len;
}

/* Copies a cluster that is to be written in part. */
static int bring_beside(struct image *m, uint64_t cluster)
{
	uint64_t offset = cluster * CLUSTER, len = cluster_end(m, cluster) - offset;
	struct iovec iov = { m->cluster, len };
	int why;

	if (is_beside(m, cluster))
		return 0;
	why = transfer(m, false, m->config.fd, offset, &(struct slices_at){ &iov, 1, 0 }, len);
	if (why == 0)
		why = transfer(m, true, m->config.beside_fd, offset,
			       &(struct slices_at){ &iov, 1, 0 }, len);
	if (why == 0)
		set_beside(m, cluster);
	return why;
}

/* A cluster counts as written when all of it is: one that fails half-way is what it was. */
static int write_beside(struct image *m, uint64_t offset, struct slices_at *at, uint64_t len)
{
	uint64_t end = offset + len, first = offset / CLUSTER, last = (end - 1) / CLUSTER;
	int why = offset % CLUSTER != 0 ? bring_beside(m, first) : 0;

	if (why == 0 && end != cluster_end(m, last))
		why = bring_beside(m, last);
	if (why == 0)
		why = transfer(m, true, m->config.beside_fd, offset, at, len);
	for (uint64_t cluster = first; cluster <= last && why == 0; cluster++)
		set_beside(m, cluster);
	return why;
}

/* ---- the disk ---- */

int image_read(struct image *m, uint64_t offset, struct slices_at *at, uint64_t len)
{
	int why = 0;

	while (len > 0 && why == 0) {
		uint64_t run = run_length(m, offset, len);
		int fd = is_beside(m, offset / CLUSTER) ? m->config.beside_fd : m->config.fd;

		why = transfer(m, false, fd, offset, at, run);
		offset += run;
		len -= run;
	}
	return why;
}

int image_write(struct image *m, uint64_t offset, struct slices_at *at, uint64_t len)
{
	if (len == 0)
		return 0;
	return m->beside != NULL ? write_beside(m, offset, at, len)
				 : transfer(m, true, m->config.fd, offset, at, len);
}

/* Linux tells of pages that it could not write once, and takes them for written from then on. */
int image_flush(struct image *m)
{
	int done = 0;

	if (m->beside != NULL || m->lost != 0)
		return m->lost;
	do {
		done = m->config.sys->fdatasync(m->config.fd);
	} while (done < 0 && errno == EINTR);
	m->lost = done < 0 ? errno : 0;
	return m->lost;
}
