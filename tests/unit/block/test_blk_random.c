/* Chains by chance, from a seed that is the same each time: whatever a driver posts, the device
 * lives, a queue is used up or broken, the disk holds what good writes put there and nothing else,
 * and not a byte is written that the chain did not lend. */
#include <stdlib.h>

#include "tests/driver/suite.h"
#include "tests/unit/block/disk.h"

enum { CHAINS = 3000, DATA = 0x100000, PARTS = 6, DATA_BYTES = PARTS * 4096 + 1 };

static uint8_t model[DISK_BYTES], before[DATA_BYTES];
static bool lent[DATA_BYTES]; /* writable */

static uint64_t pick(uint64_t n) { return (uint64_t)rand() % n; }

static uint32_t some_length(void)
{
	static const uint32_t usual[] = { 0, 1, 15, 16, 17, 20, 511, 512, 513, 1024, 4096 };

	return pick(4) == 0 ? (uint32_t)pick(3000) : usual[pick(ARRAY_LEN(usual))];
}

/* A request as it should be, or up to PARTS buffers side by side, the readable ones first more
 * often than not. */
static unsigned some_parts(struct driver_buffer parts[static PARTS])
{
	unsigned count = 1 + (unsigned)pick(PARTS), border = (unsigned)pick(count + 1);
	uint64_t at = DATA;

	if (pick(3) == 0) {
		uint32_t len = 512 * (uint32_t)pick(5) + (pick(8) == 0 ? (uint32_t)pick(512) : 0);

		parts[0] = (struct driver_buffer){ at, HEADER, false };
		parts[1] = (struct driver_buffer){ at + HEADER, len, pick(2) == 0 };
		parts[2] = (struct driver_buffer){ at + HEADER + len, 1, true };
		return 3;
	}
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct driver_buffer){ at, some_length(), i >= border };
		if (pick(60) == 0)
			parts[i].writable = !parts[i].writable;
		at += parts[i].len;
		if (pick(100) == 0)
			parts[i].addr = UINT64_MAX - pick(5000);
	}
	return count;
}

static void some_header(void)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN,     VIRTIO_BLK_T_IN,  VIRTIO_BLK_T_OUT,
					  VIRTIO_BLK_T_OUT,    VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
					  VIRTIO_BLK_T_GET_ID, UINT32_MAX };
	uint32_t type = htole32(types[pick(ARRAY_LEN(types))]);
	uint64_t sector = htole64(pick(8) == 0 ? UINT64_MAX - pick(70) : pick(SECTORS + 4));
	uint8_t *data = driver_at(&s.memory, DATA);

	memset(data, rand() & 0xff, DATA_BYTES);
	memcpy(data, &type, sizeof(type));
	memcpy(data + 8, &sector, sizeof(sector));
	memcpy(before, data, DATA_BYTES);
}

/* What a right device makes of it. The readable bytes lie at DATA, the writable ones behind. */
static void apply_to_model(uint64_t readable, uint64_t writable)
{
	uint32_t type;
	uint64_t sector, len = readable - HEADER;

	memcpy(&type, before, sizeof(type));
	memcpy(&sector, before + 8, sizeof(sector));
	sector = le64toh(sector);
	if (readable < HEADER || le32toh(type) != VIRTIO_BLK_T_OUT || writable != 1 ||
	    len % 512 != 0 || sector > SECTORS || len / 512 > SECTORS - sector)
		return;
	memcpy(model + sector * 512, before + HEADER, len);
}

static void assert_only_lent_bytes_changed(unsigned chain)
{
	const uint8_t *data = driver_at(&s.memory, DATA);

	uint32_t at = 0;

	while (at < DATA_BYTES && (lent[at] || data[at] == before[at]))
		at++;
	ck_assert_msg(at == DATA_BYTES, "chain %u: byte %u was written", chain, at);
}

/* true: a chain that a device can take. */
static bool note_parts(const struct driver_buffer *parts, unsigned count, uint64_t *ret_readable,
		       uint64_t *ret_writable)
{
	bool good = true;

	*ret_readable = *ret_writable = 0;
	memset(lent, 0, sizeof(lent));
	for (unsigned i = 0; i < count; i++) {
		bool outside = parts[i].len > 0 && parts[i].addr > UINT32_MAX;

		good = good && !outside && (i == 0 || parts[i].writable || !parts[i - 1].writable);
		*(parts[i].writable ? ret_writable : ret_readable) += parts[i].len;
		for (uint32_t b = 0; b < parts[i].len && !outside; b++)
			lent[parts[i].addr - DATA + b] = parts[i].writable;
	}
	return good && *ret_writable > 0;
}

START_TEST(any_chains)
{
	const uint8_t *data;

	srand(20260101);
	disk_make(_i < 2 ? DISK_WRITTEN : DISK_SNAPSHOT);
	memcpy(model, original, DISK_BYTES);
	single_up(&s, layouts[_i % 2], SIZE);
	for (unsigned i = 0; i < CHAINS; i++) {
		struct driver_buffer parts[PARTS];
		unsigned count = some_parts(parts);
		uint64_t readable, writable;

		some_header();
		if (note_parts(parts, count, &readable, &writable)) {
			apply_to_model(readable, writable);
			(void)driver_post_chain(&s.queue, parts, count);
			ck_assert_uint_eq(single_finish(&s).len, writable);
		} else {
			(void)driver_post_chain(&s.queue, parts, count);
			single_kick(&s);
			single_await_broken(&s);
		}
		assert_only_lent_bytes_changed(i);
		if ((single_read(&s, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
			single_up(&s, layouts[_i % 2], SIZE);
	}
	s.memory.next = DATA;
	ck_assert_uint_eq(disk_read(0, DISK_BYTES, &data), VIRTIO_BLK_S_OK);
	ck_assert(memcmp(data, model, DISK_BYTES) == 0);
	ck_assert_msg(memcmp(model, original, DISK_BYTES) != 0, "nothing was ever written");
	host_assert_file(disk_fd, _i < 2 ? model : original, DISK_BYTES);
	disk_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("blk_random");
	TCase *tc = tcase_create("blk_random");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, any_chains, 0, 4);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
