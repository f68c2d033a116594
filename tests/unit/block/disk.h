/* tests/unit/block/disk.h: a block device over a file, and the driver's requests; what the programs
 * that test it share. */
#ifndef TAPVM_TESTS_DISK_H
#define TAPVM_TESTS_DISK_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "devices/block/blk.h"
#include "tests/driver/single.h"
#include "tests/unit/block/host.h"

enum {
	SECTORS = 64,
	DISK_BYTES = SECTORS * 512,
	SIZE = 16,
	HEADER = 16,
	BLANK = 0xee,
	NO_STATUS = 0xee,
};
enum disk_kind { DISK_WRITTEN, DISK_READ_ONLY, DISK_SNAPSHOT };
#define BIT(n) (UINT64_C(1) << (n))
/* All that is offered but packed rings; all. */
#define FEATURES_SPLIT (UINT64_MAX & ~BIT(VIRTIO_F_RING_PACKED))
static const uint64_t layouts[] = { FEATURES_SPLIT, UINT64_MAX };

static struct single s;
static struct blk *blk;
static int disk_fd, beside_fd;
static uint8_t original[DISK_BYTES];

static inline void disk_make(enum disk_kind kind)
{
	struct blk_config c = { .name = "disk0", .read_only = kind == DISK_READ_ONLY };

	host_reset();
	single_init(&s);
	disk_fd = host_file(original, DISK_BYTES);
	beside_fd = kind == DISK_SNAPSHOT ? host_empty_file() : -1;
	c.image = (struct image_config){
		.fd = disk_fd, .beside_fd = beside_fd, .bytes = DISK_BYTES, .sys = &host_sys
	};
	c.mem = s.memory.mem;
	c.loop = s.loop;
	c.log = single_log(&s);
	ck_assert(!err_is(blk_create(&c, &blk)));
	single_plug(&s, blk_device(blk));
}

static inline void disk_end(void)
{
	single_unplug(&s);
	blk_destroy(blk);
	single_fini(&s);
	(void)close(disk_fd);
	if (beside_fd >= 0)
		(void)close(beside_fd);
}

/* A request in guest memory: header, `out` bytes from the driver, `in` bytes of BLANK for the
 * device, the last of which is the status. */
struct ask {
	uint32_t type;
	uint64_t sector;
	const void *bytes;
	uint32_t out, in;
};

static inline uint64_t disk_write_ask(const struct ask *a)
{
	uint64_t at = driver_alloc(&s.memory, HEADER + a->out + a->in, 16);
	const uint32_t type[2] = { htole32(a->type), 0 };
	const uint64_t sector = htole64(a->sector);

	memcpy(driver_at(&s.memory, at), type, sizeof(type));
	memcpy(driver_at(&s.memory, at + 8), &sector, sizeof(sector));
	if (a->out > 0)
		memcpy(driver_at(&s.memory, at + HEADER), a->bytes, a->out);
	memset(driver_at(&s.memory, at + HEADER + a->out), BLANK, a->in);
	return at;
}

/* As Linux lays it out: header, data, status. Returns where the header is. */
static inline uint64_t disk_post(const struct ask *a)
{
	uint64_t at = disk_write_ask(a), in = at + HEADER + a->out;
	const struct driver_buffer parts[] = {
		{ at, HEADER, false },
		{ at + HEADER, a->out, false },
		{ in, a->in - 1, true },
		{ in + a->in - 1, 1, true },
	};

	(void)driver_post_chain(&s.queue, parts, ARRAY_LEN(parts));
	return at;
}

static inline uint8_t disk_status(uint64_t at, const struct ask *a)
{
	return *(uint8_t *)driver_at(&s.memory, at + HEADER + a->out + a->in - 1);
}

static inline const uint8_t *disk_data(uint64_t at, const struct ask *a)
{
	return driver_at(&s.memory, at + HEADER + a->out);
}

/* Asks and waits: the status. Where the data is goes to *ret_data, if that is not NULL. */
static inline uint8_t disk_ask(const struct ask *a, const uint8_t **ret_data)
{
	uint64_t at = disk_post(a);

	ck_assert_uint_eq(single_finish(&s).len, a->in);
	if (ret_data != NULL)
		*ret_data = disk_data(at, a);
	return disk_status(at, a);
}

static inline uint8_t disk_read(uint64_t sector, uint32_t len, const uint8_t **ret_data)
{
	return disk_ask(&(struct ask){ VIRTIO_BLK_T_IN, sector, NULL, 0, len + 1 }, ret_data);
}

static inline uint8_t disk_write(uint64_t sector, const void *bytes, uint32_t len)
{
	return disk_ask(&(struct ask){ VIRTIO_BLK_T_OUT, sector, bytes, len, 1 }, NULL);
}

static inline uint8_t disk_flush(void)
{
	return disk_ask(&(struct ask){ VIRTIO_BLK_T_FLUSH, 0, NULL, 0, 1 }, NULL);
}

static inline struct blk_stats disk_stats(void)
{
	struct blk_stats stats;

	blk_stats(blk, &stats);
	return stats;
}

#endif
