/* devices/block/request.c: one request (virtio 1.4, 5.2.6): its header is read once, judged, done,
 * and answered. */
#include <linux/virtio_blk.h>
#include <string.h>

#include "devices/block/blk_priv.h"
#include "devices/mem/range.h"

struct request {
	const struct chain *chain;
	uint64_t sector;
	uint64_t out, in; /* bytes of data from the driver, room for bytes to it */
	uint64_t filled;  /* of that room */
};

static void complain(struct blk *b, const char *what, uint64_t at, uint64_t len, int why)
{
	struct err e = err_make(ERR_SETUP, why, "%s: %s %llu bytes at %llu", b->config.name, what,
				(unsigned long long)len, (unsigned long long)at);

	log_limited(&b->config.log, &b->log_limit, "%s: the guest gets an error", e.text);
}

/* Whole sectors of the disk, and nothing else in the chain. */
static bool in_disk(const struct blk *b, const struct request *r, uint64_t bytes)
{
	return bytes % SECTOR_BYTES == 0 && range_inside(0, b->config.image.bytes / SECTOR_BYTES,
							 r->sector, bytes / SECTOR_BYTES);
}

static uint8_t read_sectors(struct blk *b, struct request *r)
{
	struct slices_at at = { r->chain->writable, r->chain->writable_count, 0 };
	int why;

	if (r->out != 0 || !in_disk(b, r, r->in))
		return VIRTIO_BLK_S_IOERR;
	why = image_read(b->image, r->sector * SECTOR_BYTES, &at, r->in);
	if (why != 0) {
		complain(b, "read", r->sector * SECTOR_BYTES, r->in, why);
		return VIRTIO_BLK_S_IOERR;
	}
	r->filled = r->in;
	count(&b->count.reads, 1);
	count(&b->count.read_bytes, r->in);
	return VIRTIO_BLK_S_OK;
}

/* Of a disk that is only read nothing waits, and its file system may know no fdatasync. */
static uint8_t flush(struct blk *b)
{
	int why = b->config.read_only ? 0 : image_flush(b->image);

	if (why != 0) {
		complain(b, "flush", 0, b->config.image.bytes, why);
		return VIRTIO_BLK_S_IOERR;
	}
	count(&b->count.flushes, 1);
	return VIRTIO_BLK_S_OK;
}

static uint8_t write_sectors(struct blk *b, const struct request *r)
{
	struct slices_at at = { r->chain->readable, r->chain->readable_count, 0 };
	int why;

	if (b->config.read_only || r->in != 0 || !in_disk(b, r, r->out))
		return VIRTIO_BLK_S_IOERR;
	slices_skip(&at, sizeof(struct wire_blk_header));
	why = image_write(b->image, r->sector * SECTOR_BYTES, &at, r->out);
	if (why != 0) {
		complain(b, "write", r->sector * SECTOR_BYTES, r->out, why);
		return VIRTIO_BLK_S_IOERR;
	}
	count(&b->count.writes, 1);
	count(&b->count.written_bytes, r->out);
	return b->write_through ? flush(b) : VIRTIO_BLK_S_OK;
}

static uint8_t get_id(const struct blk *b, struct request *r)
{
	char id[ID_BYTES] = { 0 };

	if (r->out != 0 || r->in != ID_BYTES)
		return VIRTIO_BLK_S_IOERR;
	memcpy(id, b->config.name, strnlen(b->config.name, sizeof(id)));
	(void)slices_write(r->chain->writable, r->chain->writable_count, 0, id, sizeof(id));
	r->filled = sizeof(id);
	return VIRTIO_BLK_S_OK;
}

static uint8_t run(struct blk *b, struct request *r)
{
	struct wire_blk_header header;

	if (!slices_read(r->chain->readable, r->chain->readable_count, 0, &header, sizeof(header)))
		return VIRTIO_BLK_S_IOERR;
	r->out = r->chain->readable_bytes - sizeof(header);
	r->sector = le64_get(header.sector);
	switch (le32_get(header.type)) {
	case VIRTIO_BLK_T_IN: return read_sectors(b, r);
	case VIRTIO_BLK_T_OUT: return write_sectors(b, r);
	case VIRTIO_BLK_T_FLUSH: return flush(b);
	case VIRTIO_BLK_T_GET_ID: return get_id(b, r);
	default: return VIRTIO_BLK_S_UNSUPP;
	}
}

/* A used length counts from the first writable byte on, so what stands in front of the status is
 * never left as it was. */
static void zero(const struct chain *chain, uint64_t from, uint64_t to)
{
	struct slices_at at = { chain->writable, chain->writable_count, 0 };
	struct iovec part;

	slices_skip(&at, from);
	while (slices_cut(&at, to - from, &part, 1) > 0) {
		memset(part.iov_base, 0, part.iov_len);
		slices_skip(&at, part.iov_len);
		from += part.iov_len;
	}
}

uint32_t request_run(struct blk *b, const struct chain *chain)
{
	struct request r = { .chain = chain, .in = chain->writable_bytes - 1 };
	uint8_t status = run(b, &r);

	if (status != VIRTIO_BLK_S_OK)
		count(&b->count.errors, 1);
	zero(chain, r.filled, r.in);
	(void)slices_write(chain->writable, chain->writable_count, r.in, &status, sizeof(status));
	return (uint32_t)chain->writable_bytes;
}
