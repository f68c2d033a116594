/* tests/unit/vmm/test_disk_stats.c: what --stats says of disks. */
#include "tests/driver/suite.h"
#include "tests/unit/block/disk.h"
#include "vmm/machine/parts.h"

static struct ram ram;
static char text[4096];

static const char *stats(unsigned disks)
{
	struct running running = { .ram = &ram, .disk = &blk, .disk_count = disks };

	stats_text(&running, text, sizeof(text));
	return text;
}

/* Interrupts are as many as the driver wished. */
START_TEST(a_disk_has_its_counters)
{
	static const char *const want[] = {
		"\nblock.count=1\n",
		"\nblock.0.rd.reqs=2\nblock.0.rd.bytes=1536\n",
		"\nblock.0.wr.reqs=1\nblock.0.wr.bytes=512\n",
		"\nblock.0.fl.reqs=1\nblock.0.errors=1\n",
		"\nblock.0.kicks=",
		"\nblock.0.interrupts=",
		"\nblock.0.fault.access=1\n",
	};
	uint8_t bytes[512] = { 0 };

	disk_make(DISK_WRITTEN);
	single_up(&s, FEATURES_SPLIT, SIZE);
	ck_assert_uint_eq(disk_read(0, 512, NULL), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_read(3, 1024, NULL), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_write(3, bytes, 512), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_flush(), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(disk_read(SECTORS, 512, NULL), VIRTIO_BLK_S_IOERR);
	single_write(&s, 0x0f8, 1); /* a reserved register */
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		ck_assert_msg(strstr(stats(1), want[i]) != NULL, "no %s in %s", want[i], text);
	disk_end();
}
END_TEST

START_TEST(without_disks_none_is_named) { ck_assert_ptr_null(strstr(stats(0), "block")); }
END_TEST

int main(void)
{
	Suite *suite = suite_create("disk_stats");
	TCase *tc = tcase_create("disk_stats");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_disk_has_its_counters);
	tcase_add_test(tc, without_disks_none_is_named);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
