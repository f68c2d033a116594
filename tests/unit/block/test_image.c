/* The bytes of a disk: whatever is read is what was written last, the image itself is written or is
 * not, and what the host does half-way or not at all is told. */
#include <stdlib.h>

#include "devices/block/image.h"
#include "tests/driver/suite.h"
#include "tests/unit/block/host.h"

enum { CLUSTER = 4096, BYTES = 9 * CLUSTER + 512, SECTORS = BYTES / 512, SLICES = 9 };

static struct image *image;
static int fd, beside_fd;
static uint8_t original[BYTES], model[BYTES], buffer[BYTES];

/* _i: 0 written to, 1 copy on write. */
static void make(bool beside)
{
	host_reset();
	fd = host_file(original, BYTES);
	beside_fd = beside ? host_empty_file() : -1;
	memcpy(model, original, BYTES);
	ck_assert(!err_is(image_create(
		&(struct image_config){
			.fd = fd, .beside_fd = beside_fd, .bytes = BYTES, .sys = &host_sys },
		&image)));
}

static void end(void)
{
	image_destroy(image);
	(void)close(fd);
	if (beside_fd >= 0)
		(void)close(beside_fd);
}

/* Slices of odd sizes over buffer: len bytes in all. */
static int scatter(struct iovec iov[static SLICES], size_t len)
{
	size_t at = 0;
	int count = 0;

	while (at < len) {
		size_t part = count == SLICES - 1 ? len - at : (size_t)(rand() % 1500);

		if (part > len - at)
			part = len - at;
		iov[count++] = (struct iovec){ buffer + at, part };
		at += part;
	}
	return count;
}

static int move(bool write, size_t offset, size_t len)
{
	struct iovec iov[SLICES];
	struct slices_at at = { iov, scatter(iov, len), 0 };
	int why =
		write ? image_write(image, offset, &at, len) : image_read(image, offset, &at, len);

	ck_assert_msg(why != 0 || slices_cut(&at, 1, &(struct iovec){ 0 }, 1) == 0,
		      "not all of the slices was used");
	return why;
}

static void fill(size_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buffer[i] = (uint8_t)rand();
	memcpy(model + offset, buffer, len);
}

static void assert_reads_as_model(void)
{
	memset(buffer, 0xee, BYTES);
	ck_assert_int_eq(move(false, 0, BYTES), 0);
	ck_assert(memcmp(buffer, model, BYTES) == 0);
}

static void some_range(size_t *ret_offset, size_t *ret_len)
{
	size_t first = (size_t)rand() % SECTORS, sectors = (size_t)rand() % 20;

	if (sectors > SECTORS - first)
		sectors = SECTORS - first;
	*ret_offset = first * 512;
	*ret_len = sectors * 512;
}

/* A host that transfers all, or 700 bytes a call, and is interrupted now and then. */
START_TEST(what_was_written_is_read)
{
	make(_i % 2 == 1);
	atomic_store(&host.most, _i / 2 == 1 ? 700 : 0);
	for (unsigned i = 0; i < 500; i++) {
		size_t offset, len;

		some_range(&offset, &len);
		atomic_store(&host.breaks, (unsigned)rand() % 2);
		if (rand() % 2 == 0) {
			fill(offset, len);
			ck_assert_int_eq(move(true, offset, len), 0);
		} else {
			ck_assert_int_eq(move(false, offset, len), 0);
			ck_assert_msg(memcmp(buffer, model + offset, len) == 0,
				      "%zu bytes at %zu differ", len, offset);
		}
	}
	assert_reads_as_model();
	host_assert_file(fd, _i % 2 == 1 ? original : model, BYTES);
	end();
}
END_TEST

/* One sector in the middle, over a border, the last of all. */
START_TEST(a_part_of_a_cluster)
{
	static const struct {
		size_t offset, len;
	} rows[] = { { 512, 512 },         { CLUSTER - 512, 1024 },
		     { CLUSTER, CLUSTER }, { CLUSTER + 512, 2 * CLUSTER },
		     { BYTES - 512, 512 }, { BYTES - 1024, 1024 },
		     { 0, BYTES } };

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		make(true);
		fill(rows[i].offset, rows[i].len);
		ck_assert_int_eq(move(true, rows[i].offset, rows[i].len), 0);
		assert_reads_as_model();
		host_assert_file(fd, original, BYTES);
		end();
	}
}
END_TEST

/* Nothing that is not there already has to be read. */
START_TEST(whole_clusters_are_not_copied)
{
	make(true);
	fill(CLUSTER, 2 * CLUSTER);
	ck_assert_int_eq(move(true, CLUSTER, 2 * CLUSTER), 0);
	ck_assert_uint_eq(atomic_load(&host.calls), 1);
	fill(CLUSTER + 512, 512);
	ck_assert_int_eq(move(true, CLUSTER + 512, 512), 0);
	ck_assert_uint_eq(atomic_load(&host.calls), 2);
	assert_reads_as_model();
	end();
}
END_TEST

/* Whichever call fails: the disk reads as before, and as written once it works. */
START_TEST(a_write_beside_that_fails)
{
	for (unsigned nth = 0; nth < 5; nth++) {
		make(true);
		memset(buffer, 0xaa, 3 * CLUSTER);
		host_fail(nth, ENOSPC);
		ck_assert_int_eq(move(true, 512, 3 * CLUSTER), ENOSPC);
		atomic_store(&host.why, 0);
		assert_reads_as_model();
		fill(512, 3 * CLUSTER);
		ck_assert_int_eq(move(true, 512, 3 * CLUSTER), 0);
		assert_reads_as_model();
		host_assert_file(fd, original, BYTES);
		end();
	}
}
END_TEST

START_TEST(errors_are_told)
{
	make(_i == 1);
	host_fail(0, EIO);
	ck_assert_int_eq(move(false, 0, 512), EIO);
	ck_assert_int_eq(move(true, 0, 512), EIO);
	ck_assert_int_eq(image_flush(image), _i == 1 ? 0 : EIO);
	atomic_store(&host.why, 0);
	/* Somebody cuts the file short. */
	ck_assert_int_eq(ftruncate(fd, BYTES - 1024), 0);
	ck_assert_int_eq(move(false, BYTES - 2048, 2048), EIO);
	ck_assert_int_eq(move(false, 0, CLUSTER), 0);
	end();
}
END_TEST

/* The host drops what it could not write, and says so once: the next flush would be told that all
 * is well. A signal is no failure. */
START_TEST(a_flush_that_failed_fails_from_then_on)
{
	make(false);
	atomic_store(&host.breaks, 2);
	ck_assert_int_eq(image_flush(image), 0);
	host_fail(0, EIO);
	ck_assert_int_eq(image_flush(image), EIO);
	atomic_store(&host.why, 0);
	ck_assert_int_eq(image_flush(image), EIO);
	fill(0, 512);
	ck_assert_int_eq(move(true, 0, 512), 0);
	ck_assert_int_eq(image_flush(image), EIO);
	assert_reads_as_model();
	end();
}
END_TEST

START_TEST(a_flush_reaches_the_image_alone)
{
	make(_i == 1);
	ck_assert_int_eq(image_flush(image), 0);
	ck_assert_uint_eq(atomic_load(&host.syncs), _i == 1 ? 0 : 1);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("image");
	TCase *tc = tcase_create("image");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_was_written_is_read, 0, 4);
	tcase_add_test(tc, a_part_of_a_cluster);
	tcase_add_test(tc, whole_clusters_are_not_copied);
	tcase_add_test(tc, a_write_beside_that_fails);
	tcase_add_loop_test(tc, errors_are_told, 0, 2);
	tcase_add_test(tc, a_flush_that_failed_fails_from_then_on);
	tcase_add_loop_test(tc, a_flush_reaches_the_image_alone, 0, 2);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
