/* The block device (virtio 1.4, 5.2): its configuration, each request as a driver should make it
 * and as it should not, on both ring layouts, on a disk that is written, read-only, or a snapshot.
 */
#include "tests/driver/suite.h"
#include "tests/unit/block/disk.h"

static const struct {
	enum disk_kind kind;
	uint64_t features;
} disks[] = {
	{ DISK_WRITTEN, FEATURES_SPLIT },   { DISK_WRITTEN, UINT64_MAX },
	{ DISK_READ_ONLY, FEATURES_SPLIT }, { DISK_READ_ONLY, UINT64_MAX },
	{ DISK_SNAPSHOT, FEATURES_SPLIT },  { DISK_SNAPSHOT, UINT64_MAX },
};

static void up(int row)
{
	disk_make(disks[row].kind);
	single_up(&s, disks[row].features, SIZE);
}

START_TEST(what_it_is)
{
	static const uint8_t config[] = { SECTORS, 0, 0, 0, 0, 0, 0, 0, /* capacity */
					  0,       0, 0, 0,             /* size_max */
					  254,     0, 0, 0,             /* seg_max */
					  0,       0, 0, 0,             /* geometry */
					  0,       2, 0, 0,             /* blk_size */
					  3,       0, 8, 0, 0, 0, 0, 0, /* topology */
					  0,       0, 0, 0, 0, 0, 0, 0 };

	up(_i);
	ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_DEVICE_ID), 2);
	ck_assert_uint_eq(s.accepted >> VIRTIO_BLK_F_RO & 1, disks[_i].kind == DISK_READ_ONLY);
	ck_assert_uint_eq(s.accepted & 0xffff & ~BIT(VIRTIO_BLK_F_RO),
			  BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
				  BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_FLUSH));
	for (uint32_t at = 0; at < sizeof(config); at += 4)
		ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_CONFIG + at),
				  config[at] | (uint32_t)config[at + 1] << 8 |
					  (uint32_t)config[at + 2] << 16);
	single_write(&s, VIRTIO_MMIO_QUEUE_SEL, 1);
	ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	disk_end();
}
END_TEST

START_TEST(sectors_are_read)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} rows[] = {
		{ 0, 512 },        { 7, 1024 }, { SECTORS - 1, 512 },
		{ 0, DISK_BYTES }, { 5, 0 },    { SECTORS, 0 },
	};
	const uint8_t *data;

	up(_i);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_uint_eq(disk_read(rows[i].sector, rows[i].len, &data), VIRTIO_BLK_S_OK);
		ck_assert(memcmp(data, original + rows[i].sector * 512, rows[i].len) == 0);
	}
	ck_assert_uint_eq(disk_stats().reads, ARRAY_LEN(rows));
	ck_assert_uint_eq(disk_stats().read_bytes, 512 + 1024 + 512 + DISK_BYTES);
	ck_assert_uint_eq(single_read(&s, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	disk_end();
}
END_TEST

START_TEST(sectors_are_written)
{
	bool refused = disks[_i].kind == DISK_READ_ONLY;
	uint8_t bytes[1024], model[DISK_BYTES];
	const uint8_t *data;

	up(_i);
	memset(bytes, 0x5a, sizeof(bytes));
	memcpy(model, original, sizeof(model));
	if (!refused)
		memcpy(model + 9 * 512, bytes, sizeof(bytes));
	ck_assert_uint_eq(disk_write(9, bytes, sizeof(bytes)),
			  refused ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_flush(), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_read(0, DISK_BYTES, &data), VIRTIO_BLK_S_OK);
	ck_assert(memcmp(data, model, DISK_BYTES) == 0);
	host_assert_file(disk_fd, disks[_i].kind == DISK_WRITTEN ? model : original, DISK_BYTES);
	ck_assert_uint_eq(disk_stats().writes, refused ? 0 : 1);
	ck_assert_uint_eq(disk_stats().errors, refused ? 1 : 0);
	disk_end();
}
END_TEST

/* 5.2.6.2: what a driver is told is written outlives the host's power after a FLUSH, or at once for
 * one that has none. */
START_TEST(when_a_write_is_stable)
{
	bool has_flush = _i == 1;
	uint8_t bytes[512] = { 1 };

	disk_make(DISK_WRITTEN);
	single_up(&s, has_flush ? BIT(VIRTIO_BLK_F_FLUSH) : 0, SIZE);
	ck_assert_uint_eq(disk_write(1, bytes, sizeof(bytes)), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(atomic_load(&host.syncs), has_flush ? 0 : 1);
	ck_assert_uint_eq(disk_flush(), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(atomic_load(&host.syncs), has_flush ? 1 : 2);
	host_fail(has_flush ? 0 : 1, EIO);
	ck_assert_uint_eq(has_flush ? disk_flush() : disk_write(1, bytes, sizeof(bytes)),
			  VIRTIO_BLK_S_IOERR);
	disk_end();
}
END_TEST

/* There is nothing to make stable, and file systems that are only read know no fdatasync. */
START_TEST(a_disk_that_is_only_read_flushes_nothing)
{
	disk_make(DISK_READ_ONLY);
	single_up(&s, layouts[_i], SIZE);
	host_fail(0, EINVAL);
	ck_assert_uint_eq(disk_flush(), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_stats().flushes, 1);
	ck_assert_uint_eq(single_log_lines(&s), 0);
	disk_end();
}
END_TEST

START_TEST(its_id)
{
	const struct ask a = { VIRTIO_BLK_T_GET_ID, 0, NULL, 0, 21 };
	static const char want[20] = "disk0";
	const uint8_t *data;

	up(_i);
	ck_assert_uint_eq(disk_ask(&a, &data), VIRTIO_BLK_S_OK);
	ck_assert(memcmp(data, want, sizeof(want)) == 0);
	disk_end();
}
END_TEST

/* ---- requests that will not do: an answer each, and the disk is as it was ---- */

static const uint8_t nonsense[2048] = { 0xff, 0xff };
static const struct {
	const char *says;
	struct ask ask;
	uint8_t want;
} wrong[] = {
	/* clang-format off */
	{ "a read past the end", { VIRTIO_BLK_T_IN, SECTORS, NULL, 0, 513 }, VIRTIO_BLK_S_IOERR },
	{ "a read over the end", { VIRTIO_BLK_T_IN, SECTORS - 1, NULL, 0, 1025 }, VIRTIO_BLK_S_IOERR },
	{ "a read of nothing past the end", { VIRTIO_BLK_T_IN, SECTORS + 1, NULL, 0, 1 }, VIRTIO_BLK_S_IOERR },
	{ "a read at the last sector of all", { VIRTIO_BLK_T_IN, UINT64_MAX, NULL, 0, 513 }, VIRTIO_BLK_S_IOERR },
	{ "a read whose bytes wrap to the first", { VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, NULL, 0, 513 }, VIRTIO_BLK_S_IOERR },
	{ "a read of half a sector", { VIRTIO_BLK_T_IN, 0, NULL, 0, 257 }, VIRTIO_BLK_S_IOERR },
	{ "a read of a sector and a byte", { VIRTIO_BLK_T_IN, 0, NULL, 0, 514 }, VIRTIO_BLK_S_IOERR },
	{ "a read with data", { VIRTIO_BLK_T_IN, 0, nonsense, 512, 513 }, VIRTIO_BLK_S_IOERR },
	{ "a write past the end", { VIRTIO_BLK_T_OUT, SECTORS, nonsense, 512, 1 }, VIRTIO_BLK_S_IOERR },
	{ "a write over the end", { VIRTIO_BLK_T_OUT, SECTORS - 1, nonsense, 1024, 1 }, VIRTIO_BLK_S_IOERR },
	{ "a write whose sectors wrap", { VIRTIO_BLK_T_OUT, UINT64_MAX, nonsense, 1024, 1 }, VIRTIO_BLK_S_IOERR },
	{ "a write whose bytes wrap", { VIRTIO_BLK_T_OUT, UINT64_MAX / 512 + 1, nonsense, 512, 1 }, VIRTIO_BLK_S_IOERR },
	{ "a write of half a sector", { VIRTIO_BLK_T_OUT, 0, nonsense, 256, 1 }, VIRTIO_BLK_S_IOERR },
	{ "a write with room for an answer", { VIRTIO_BLK_T_OUT, 0, nonsense, 512, 513 }, VIRTIO_BLK_S_IOERR },
	{ "an ID of 19 bytes", { VIRTIO_BLK_T_GET_ID, 0, NULL, 0, 20 }, VIRTIO_BLK_S_IOERR },
	{ "an ID of 21 bytes", { VIRTIO_BLK_T_GET_ID, 0, NULL, 0, 22 }, VIRTIO_BLK_S_IOERR },
	{ "an ID with data", { VIRTIO_BLK_T_GET_ID, 0, nonsense, 1, 21 }, VIRTIO_BLK_S_IOERR },
	{ "a SCSI command", { 2, 0, nonsense, 16, 17 }, VIRTIO_BLK_S_UNSUPP },
	{ "a lifetime", { 10, 0, NULL, 0, 7 }, VIRTIO_BLK_S_UNSUPP },
	{ "a discard, which is not offered", { VIRTIO_BLK_T_DISCARD, 0, nonsense, 16, 1 }, VIRTIO_BLK_S_UNSUPP },
	{ "zeroes, which are not offered", { VIRTIO_BLK_T_WRITE_ZEROES, 0, nonsense, 16, 1 }, VIRTIO_BLK_S_UNSUPP },
	{ "a secure erase", { 14, 0, nonsense, 16, 1 }, VIRTIO_BLK_S_UNSUPP },
	{ "a zone report", { 16, 0, NULL, 0, 65 }, VIRTIO_BLK_S_UNSUPP },
	{ "the highest type", { UINT32_MAX, 0, nonsense, 512, 513 }, VIRTIO_BLK_S_UNSUPP },
	{ "a write with a barrier of old", { 0x80000001, 0, nonsense, 512, 1 }, VIRTIO_BLK_S_UNSUPP },
	/* clang-format on */
};

/* What is in front of the status is no older than the request. */
static void assert_cleared(const char *says, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		ck_assert_msg(data[i] == 0, "%s: byte %u is %#x", says, i, data[i]);
}

START_TEST(requests_that_will_not_do)
{
	const uint8_t *data;
	uint8_t got;

	up(_i);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		got = disk_ask(&wrong[i].ask, &data);
		ck_assert_msg(got == wrong[i].want, "%s: status %u", wrong[i].says, got);
		assert_cleared(wrong[i].says, data, wrong[i].ask.in - 1);
	}
	ck_assert_uint_eq(disk_stats().errors, ARRAY_LEN(wrong));
	ck_assert_uint_eq(single_log_lines(&s), 0);
	ck_assert_uint_eq(disk_read(0, DISK_BYTES, &data), VIRTIO_BLK_S_OK);
	ck_assert(memcmp(data, original, DISK_BYTES) == 0);
	host_assert_file(disk_fd, original, DISK_BYTES);
	disk_end();
}
END_TEST

/* The header of an OUT with nothing behind it, cut short: an error, whatever is missing. */
START_TEST(a_short_header)
{
	const struct ask a = { VIRTIO_BLK_T_OUT, 0, NULL, 0, 8 };

	up(_i);
	for (uint32_t len = 0; len < HEADER; len++) {
		uint64_t at = disk_write_ask(&a);

		(void)driver_post_chain(
			&s.queue,
			(struct driver_buffer[]){ { at, len, false }, { at + HEADER, a.in, true } },
			2);
		ck_assert_uint_eq(single_finish(&s).len, a.in);
		ck_assert_uint_eq(disk_status(at, &a), VIRTIO_BLK_S_IOERR);
		assert_cleared("a short header", disk_data(at, &a), a.in - 1);
	}
	disk_end();
}
END_TEST

/* A request in descriptors of `piece` bytes: no border means anything. */
START_TEST(any_layout_is_taken)
{
	static const uint32_t pieces[] = { 1, 3, 15, 17, 100, 512, 529, 4096 };
	uint8_t bytes[512];
	struct driver_buffer parts[HEADER + sizeof(bytes) + 1];

	disk_make(DISK_WRITTEN);
	for (unsigned i = 0; i < 2 * ARRAY_LEN(pieces); i++) {
		bool write = i % 2 == 0;
		struct ask a = { write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, 3, bytes,
				 write ? sizeof(bytes) : 0, write ? 1 : sizeof(bytes) + 1 };
		uint32_t piece = pieces[i / 2], all = HEADER + a.out + a.in;
		unsigned count = 0;
		uint64_t at, table;

		if (write)
			memset(bytes, (int)i, sizeof(bytes));
		single_up(&s, layouts[0], SIZE);
		at = disk_write_ask(&a);
		for (uint32_t done = 0; done < all;) {
			uint32_t border = done < HEADER + a.out ? HEADER + a.out : all;
			uint32_t len = border - done < piece ? border - done : piece;

			parts[count++] =
				(struct driver_buffer){ at + done, len, done >= HEADER + a.out };
			done += len;
		}
		table = driver_alloc(&s.memory, 16u * count, 16);
		for (unsigned d = 0; d < count; d++)
			driver_desc_at(&s.memory, table, (uint16_t)d, parts[d].addr, parts[d].len,
				       (uint16_t)((parts[d].writable ? D_WRITE : 0) |
						  (d + 1 < count ? D_NEXT : 0)),
				       (uint16_t)(d + 1));
		driver_desc(&s.queue, 0, table, 16 * count, D_INDIRECT, 0);
		driver_offer(&s.queue, 0);
		driver_show(&s.queue);
		ck_assert_uint_eq(single_finish(&s).len, a.in);
		ck_assert_uint_eq(disk_status(at, &a), VIRTIO_BLK_S_OK);
		if (!write)
			ck_assert_msg(memcmp(disk_data(at, &a), bytes, sizeof(bytes)) == 0,
				      "in pieces of %u", piece);
	}
	disk_end();
}
END_TEST

/* ---- chains that break the queue ---- */

START_TEST(chains_that_break_the_queue)
{
	static const struct {
		const char *says;
		unsigned count;
		struct driver_buffer parts[3];
	} rows[] = {
		{ "no room for the status", 1, { { 0x100000, HEADER, false } } },
		{ "a status of no bytes",
		  2,
		  { { 0x100000, HEADER, false }, { 0x101000, 0, true } } },
		{ "a writable part in front",
		  2,
		  { { 0x101000, 513, true }, { 0x100000, HEADER, false } } },
		{ "data outside memory",
		  3,
		  { { 0x100000, HEADER, false },
		    { UINT64_MAX - 100, 512, true },
		    { 0x101000, 1, true } } },
	};

	up(_i);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const uint8_t *data;

		memset(driver_at(&s.memory, 0x100000), 0, HEADER);
		memset(driver_at(&s.memory, 0x101000), BLANK, 513);
		(void)driver_post_chain(&s.queue, rows[i].parts, rows[i].count);
		single_kick(&s);
		single_await_broken(&s);
		ck_assert_msg(driver_used_index(&s.queue) == 0, "%s: it was used", rows[i].says);
		ck_assert_msg(*(uint8_t *)driver_at(&s.memory, 0x101000) == BLANK, "%s: written",
			      rows[i].says);
		/* A reset mends it. */
		single_up(&s, disks[_i].features, SIZE);
		ck_assert_uint_eq(disk_read(0, 512, &data), VIRTIO_BLK_S_OK);
		ck_assert(memcmp(data, original, 512) == 0);
		single_up(&s, disks[_i].features, SIZE);
	}
	ck_assert_uint_ge(single_log_lines(&s), 1);
	disk_end();
}
END_TEST

/* ---- a host that fails ---- */

START_TEST(a_host_that_fails)
{
	const uint8_t *data;
	uint8_t bytes[1024] = { 7 };

	disk_make(DISK_WRITTEN);
	single_up(&s, layouts[_i], SIZE);
	host_fail(0, EIO);
	ck_assert_uint_eq(disk_read(2, 1024, &data), VIRTIO_BLK_S_IOERR);
	assert_cleared("a read that failed", data, 1024);
	ck_assert_str_eq(s.last_log, "disk0: read 1024 bytes at 1024: Input/output error: the "
				     "guest gets an error");
	ck_assert_uint_eq(disk_write(2, bytes, 1024), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(disk_flush(), VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(disk_stats().errors, 3);
	atomic_store(&host.why, 0);
	atomic_store(&host.most, 100);
	atomic_store(&host.breaks, 3);
	ck_assert_uint_eq(disk_write(2, bytes, 1024), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_read(2, 1024, &data), VIRTIO_BLK_S_OK);
	ck_assert(memcmp(data, bytes, 1024) == 0);
	disk_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("blk");
	TCase *tc = tcase_create("blk");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_it_is, 0, ARRAY_LEN(disks));
	tcase_add_loop_test(tc, sectors_are_read, 0, ARRAY_LEN(disks));
	tcase_add_loop_test(tc, sectors_are_written, 0, ARRAY_LEN(disks));
	tcase_add_loop_test(tc, when_a_write_is_stable, 0, 2);
	tcase_add_loop_test(tc, a_disk_that_is_only_read_flushes_nothing, 0, ARRAY_LEN(layouts));
	tcase_add_loop_test(tc, its_id, 0, ARRAY_LEN(disks));
	tcase_add_loop_test(tc, requests_that_will_not_do, 0, ARRAY_LEN(disks));
	tcase_add_loop_test(tc, a_short_header, 0, ARRAY_LEN(disks));
	tcase_add_test(tc, any_layout_is_taken);
	tcase_add_loop_test(tc, chains_that_break_the_queue, 0, ARRAY_LEN(disks));
	tcase_add_loop_test(tc, a_host_that_fails, 0, ARRAY_LEN(layouts));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
