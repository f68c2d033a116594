/* Images of disks as the keeper opens them: what is none is told in words, what is shared and what
 * is not goes by locks, and a snapshot's file has no name. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/keeper_machine.h"

static char folder[] = "/tmp/tapvm-disks-XXXXXX", image[64];

static unsigned files_in(const char *path)
{
	DIR *d = opendir(path);
	unsigned count = 0;

	while (d != NULL && readdir(d) != NULL)
		count++;
	if (d != NULL)
		(void)closedir(d);
	return count - 2; /* ".", ".." */
}

/* Around all tests, each of which is a process of its own. */
static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(image, sizeof(image), "%s/root.img", folder);
	ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
}

static void remove_folder(void)
{
	if (unlink(image) != 0)
		(void)rmdir(image);
	ck_assert_msg(rmdir(folder) == 0, "something is left in %s", folder);
}

static void make_image(void)
{
	if (unlink(image) != 0)
		(void)rmdir(image);
	ck_assert_int_eq(close(creat(image, 0600)), 0);
	ck_assert_int_eq(truncate(image, 8192), 0);
}

enum { RO = 1, SNAPSHOT = 2 };
static struct keeper_options options(unsigned count, const int *how)
{
	struct keeper_options o = { .disk_count = count };

	for (unsigned i = 0; i < count; i++)
		o.disk[i] = (struct disk_options){ .path = image,
						   .read_only = how[i] == RO,
						   .snapshot = how[i] == SNAPSHOT };
	return o;
}

static struct err open_how(int how, struct machine_config *config)
{
	struct keeper_options o = options(1, &how);

	*config = (struct machine_config){ .disk_count = 0 };
	return disks_open(&o, config);
}

START_TEST(a_disk_is_opened)
{
	struct machine_config c;
	struct stat st;

	ck_assert(!err_is(open_how(_i, &c)));
	ck_assert_uint_eq(c.disk_count, 1);
	ck_assert_uint_eq(c.disk[0].bytes, 8192);
	ck_assert_uint_eq(c.disk[0].read_only, _i == RO);
	ck_assert_int_eq(fcntl(c.disk[0].fd, F_GETFL) & O_ACCMODE, _i == 0 ? O_RDWR : O_RDONLY);
	ck_assert_int_eq(fcntl(c.disk[0].fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(c.disk[0].beside_fd >= 0, _i == SNAPSHOT);
	if (_i == SNAPSHOT) {
		ck_assert_int_eq(fstat(c.disk[0].beside_fd, &st), 0);
		ck_assert(st.st_nlink == 0 && st.st_size == 0);
		ck_assert_int_eq(pwrite(c.disk[0].beside_fd, "x", 1, 8191), 1);
	}
	ck_assert_uint_eq(files_in(folder), 1);
	disks_close(&c);
	ck_assert_uint_eq(c.disk_count, 0);
}
END_TEST

/* Which two may have the same image. */
START_TEST(who_shares_an_image)
{
	static const bool shared[3][3] = { { false, false, false },
					   { false, true, true },
					   { false, true, true } };
	struct machine_config first, second;

	for (int a = 0; a < 3; a++) {
		for (int b = 0; b < 3; b++) {
			struct err e;

			ck_assert(!err_is(open_how(a, &first)));
			e = open_how(b, &second);
			ck_assert_msg(err_is(e) != shared[a][b], "%d beside %d: \"%s\"", b, a,
				      e.text);
			ck_assert_msg(shared[a][b] || (strstr(e.text, image) != NULL &&
						       strstr(e.text, "in use by another") &&
						       strstr(e.text, "snapshot") != NULL),
				      "\"%s\"", e.text);
			disks_close(&second);
			disks_close(&first);
		}
	}
}
END_TEST

/* One that is written is had once in one machine, too; the first is still the caller's to close. */
START_TEST(an_image_twice)
{
	const int how[] = { 0, 0 };
	struct keeper_options o = options(2, how);
	struct machine_config c = { .disk_count = 0 };
	struct err e = disks_open(&o, &c);

	ck_assert_msg(strstr(e.text, "another --disk") != NULL, "\"%s\"", e.text);
	ck_assert_uint_eq(c.disk_count, 1);
	disks_close(&c);
	ck_assert(!err_is(open_how(0, &c)));
	disks_close(&c);
}
END_TEST

/* The machine's process has the lock as well: it is there until that is gone, however it ended. */
START_TEST(the_lock_ends_with_the_machine)
{
	struct machine_config c;
	pid_t machine;

	ck_assert(!err_is(open_how(0, &c)));
	machine = fork();
	if (machine == 0)
		for (;;)
			(void)pause();
	disks_close(&c);
	ck_assert(err_is(open_how(SNAPSHOT, &c)));
	ck_assert_int_eq(kill(machine, SIGKILL), 0);
	ck_assert_int_eq(waitpid(machine, NULL, 0), machine);
	ck_assert(!err_is(open_how(SNAPSHOT, &c)));
	disks_close(&c);
}
END_TEST

/* ---- what is no disk ---- */

static void remove_it(void) { ck_assert_int_eq(unlink(image), 0); }
static void be_a_folder(void)
{
	remove_it();
	ck_assert_int_eq(mkdir(image, 0700), 0);
}
static void be_a_fifo(void)
{
	remove_it();
	ck_assert_int_eq(mkfifo(image, 0600), 0);
}
static void be_a_device(void)
{
	remove_it();
	ck_assert_int_eq(symlink("/dev/null", image), 0);
}
static void be_empty(void) { ck_assert_int_eq(truncate(image, 0), 0); }
static void be_odd(void) { ck_assert_int_eq(truncate(image, 8193), 0); }
static void be_short(void) { ck_assert_int_eq(truncate(image, 3), 0); }
static void be_qcow2(void)
{
	int fd = open(image, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(write(fd, "QFI\xfb", 4), 4);
	ck_assert_int_eq(close(fd), 0);
}

static const struct {
	const char *says;
	void (*make)(void);
	const char *written,
		*read; /* words of the error, as a disk that is written, or only read */
} bad[] = {
	{ "missing", remove_it, "No such file", "No such file" },
	{ "a folder", be_a_folder, "Is a directory", "is a directory; give a raw image" },
	{ "a FIFO", be_a_fifo, "neither a file nor", "neither a file nor" },
	{ "a character device", be_a_device, "neither a file nor", "neither a file nor" },
	{ "empty", be_empty, "is empty", "truncate -s 1G" },
	{ "of odd size", be_odd, "8193 bytes are no multiple of 512", "truncate -s %512" },
	{ "shorter than a magic", be_short, "3 bytes are no multiple", "3 bytes are no multiple" },
	{ "a qcow2 image", be_qcow2, "convert -O raw", "convert -O raw" },
};

START_TEST(what_is_no_disk)
{
	bad[_i].make();
	for (int how = 0; how < 3; how++) {
		const char *want = how == 0 ? bad[_i].written : bad[_i].read;
		struct machine_config c;
		struct err e = open_how(how, &c);

		ck_assert_msg(e.kind == ERR_SETUP && strstr(e.text, want) != NULL &&
				      strstr(e.text, image) != NULL,
			      "%s, %d: got \"%s\"", bad[_i].says, how, e.text);
		ck_assert_uint_eq(c.disk_count, 0);
	}
}
END_TEST

/* A file that may be read alone. */
START_TEST(not_to_be_written)
{
	struct machine_config c;
	struct err e;

	ck_assert_int_eq(chmod(image, 0444), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	e = open_how(0, &c);
	ck_assert_msg(strstr(e.text, "without ,ro or ,snapshot: Permission denied") != NULL,
		      "got \"%s\"", e.text);
	ck_assert(!err_is(open_how(SNAPSHOT, &c)));
	disks_close(&c);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(no_place_for_what_is_written)
{
	struct machine_config c;
	struct err e;

	ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
	e = open_how(SNAPSHOT, &c);
	ck_assert_msg(strstr(e.text, "/nonexistent (TMPDIR") != NULL, "got \"%s\"", e.text);
	ck_assert_uint_eq(c.disk_count, 0);
	/* Nothing holds the lock. */
	ck_assert(!err_is(open_how(0, &c)));
	disks_close(&c);
	ck_assert_int_eq(setenv("TMPDIR", "", 1), 0);
	ck_assert(!err_is(open_how(SNAPSHOT, &c)));
	disks_close(&c);
}
END_TEST

/* The machine gets the image and the file beside it, and a run is not begun without them. */
START_TEST(a_run_with_a_disk)
{
	const int how = SNAPSHOT;
	struct keeper_options o = options_for("descriptors");
	struct machine_config c;
	struct keeper_end end;
	struct err e;

	o.disk[0] = options(1, &how).disk[0];
	o.disk_count = 1;
	e = keeper_run(&o, &end);
	ck_assert_msg(!err_is(e) && strcmp(end.text, "5") == 0, "got \"%s\", \"%s\"", e.text,
		      end.text);
	/* Nobody has it any more. */
	ck_assert(!err_is(open_how(0, &c)));
	disks_close(&c);
	be_empty();
	e = keeper_run(&o, &end);
	ck_assert_msg(strstr(e.text, "is empty") != NULL, "got \"%s\"", e.text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disks");
	TCase *tc = tcase_create("disks");

	tcase_set_timeout(tc, 20);
	tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
	tcase_add_checked_fixture(tc, make_image, NULL);
	tcase_add_loop_test(tc, a_disk_is_opened, 0, 3);
	tcase_add_test(tc, who_shares_an_image);
	tcase_add_test(tc, an_image_twice);
	tcase_add_test(tc, the_lock_ends_with_the_machine);
	tcase_add_loop_test(tc, what_is_no_disk, 0, ARRAY_LEN(bad));
	tcase_add_test(tc, not_to_be_written);
	tcase_add_test(tc, no_place_for_what_is_written);
	tcase_add_test(tc, a_run_with_a_disk);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
