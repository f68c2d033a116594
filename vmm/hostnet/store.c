/* vmm/hostnet/store.c: the notes of a network namespace: /run/tapvm/net-COOKIE. The folder is the
 * lock: a file that is replaced at once cannot be one, and the folder goes with its last file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/hostnet/hostnet_priv.h"

static const char FOLDER[] = "/run/tapvm";
static const char FRESH[] = "fresh"; /* the next file, until it is whole */
enum { FILE_BYTES = NOTES_MAX * NOTE_BYTES };

struct err store_cookie(uint64_t *ret_cookie)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(*ret_cookie);
	int got = fd < 0 ? -1 : getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &length);
	int why = errno;

	if (fd >= 0)
		(void)close(fd);
	return got != 0 ? err_make(ERR_SETUP, why,
				   "ask which network namespace this is (needs Linux 5.14)")
			: err_none();
}

/* ---- the folder, locked ---- */

static struct err cannot(const char *what)
{
	return err_make(ERR_SETUP, errno, "%s %s%s", what, FOLDER,
			errno == EACCES || errno == EPERM ? " (run as root)" : "");
}

/* The lock counts only if the folder is still the one of that name when we have it. */
static bool is_there(int dir)
{
	struct stat ours, there;

	return fstat(dir, &ours) == 0 && stat(FOLDER, &there) == 0 && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

static bool lock(int dir)
{
	int done;

	do {
		done = flock(dir, LOCK_EX);
	} while (done != 0 && errno == EINTR);
	return done == 0;
}

/* Closed to others: whoever opens it can hold the lock. *ret_dir: -1 if there is none and make does
 * not ask for one. */
static struct err folder_lock(bool make, int *ret_dir)
{
	for (;;) {
		int dir;

		if (make && mkdir(FOLDER, 0700) != 0 && errno != EEXIST)
			return cannot("make");
		dir = open(FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0 && errno == ENOENT) {
			*ret_dir = -1;
			if (!make)
				return err_none();
			continue;
		}
		if (dir < 0 || !lock(dir)) {
			struct err e = cannot("lock");

			if (dir >= 0)
				(void)close(dir);
			return e;
		}
		if (is_there(dir)) {
			*ret_dir = dir;
			return err_none();
		}
		(void)close(dir);
	}
}

/* ---- the file ---- */

static void name_print(uint64_t cookie, char ret_name[static STORE_NAME])
{
	(void)snprintf(ret_name, STORE_NAME, "net-%" PRIu64, cookie);
}

static struct err load(struct store *s, bool *ret_there)
{
	int fd = openat(s->dir, s->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text = malloc(FILE_BYTES + 1);
	ssize_t got = fd < 0 || text == NULL ? 0 : read(fd, text, FILE_BYTES);
	struct err e = err_none();

	*ret_there = fd >= 0;
	if (text == NULL)
		e = err_make(ERR_SETUP, ENOMEM, "read %s/%s", FOLDER, s->name);
	else if ((fd < 0 && errno != ENOENT) || got < 0)
		e = err_make(ERR_SETUP, errno, "read %s/%s", FOLDER, s->name);
	if (!err_is(e)) {
		text[got] = '\0';
		e = notes_parse(text, s->notes);
		if (err_is(e))
			e = err_within(e,
				       "%s/%s, which says what to take back; look at it, then "
				       "remove it",
				       FOLDER, s->name);
	}
	if (fd >= 0)
		(void)close(fd);
	free(text);
	return e;
}

struct err store_open(struct store *s, uint64_t cookie, bool make, bool *ret_there)
{
	struct err e;

	*s = (struct store){ .dir = -1 };
	*ret_there = false;
	e = folder_lock(make, &s->dir);
	if (err_is(e) || s->dir < 0)
		return e;
	name_print(cookie, s->name);
	s->notes = calloc(1, sizeof(*s->notes));
	e = s->notes == NULL ? err_make(ERR_SETUP, ENOMEM, "read %s/%s", FOLDER, s->name)
			     : load(s, ret_there);
	if (err_is(e) || (!*ret_there && !make))
		store_close(s);
	*ret_there = *ret_there || make;
	return e;
}

static struct err write_fresh(const struct store *s, const char *text)
{
	int fd = openat(s->dir, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	size_t length = strlen(text);
	ssize_t put = fd < 0 ? -1 : write(fd, text, length);
	int why = put >= 0 && (size_t)put < length ? ENOSPC : errno;

	if (fd >= 0)
		(void)close(fd);
	return put != (ssize_t)length ? err_make(ERR_SETUP, why, "write %s/%s", FOLDER, FRESH)
				      : err_none();
}

struct err store_save(struct store *s)
{
	char *text;
	struct err e;

	if (s->notes->count == 0) {
		if (unlinkat(s->dir, s->name, 0) != 0 && errno != ENOENT)
			return err_make(ERR_SETUP, errno, "remove %s/%s", FOLDER, s->name);
		return err_none();
	}
	text = malloc(FILE_BYTES + 1);
	if (text == NULL)
		return err_make(ERR_SETUP, ENOMEM, "write %s/%s", FOLDER, s->name);
	notes_print(s->notes, text, FILE_BYTES + 1);
	e = write_fresh(s, text);
	free(text);
	if (!err_is(e) && renameat(s->dir, FRESH, s->dir, s->name) != 0)
		e = err_make(ERR_SETUP, errno, "write %s/%s", FOLDER, s->name);
	return e;
}

/* The folder goes if it is empty. */
void store_close(struct store *s)
{
	if (s->dir >= 0) {
		(void)unlinkat(s->dir, FRESH, 0);
		(void)rmdir(FOLDER);
		(void)close(s->dir);
	}
	free(s->notes);
	*s = (struct store){ .dir = -1 };
}

/* ---- the files of other namespaces ---- */

struct err store_list(uint64_t ret_cookies[static STORES_MAX], unsigned *ret_count)
{
	DIR *folder = opendir(FOLDER);
	const struct dirent *d;

	*ret_count = 0;
	if (folder == NULL)
		return errno == ENOENT ? err_none() : cannot("look into");
	while (*ret_count < STORES_MAX && (d = readdir(folder)) != NULL)
		if (sscanf(d->d_name, "net-%" SCNu64, &ret_cookies[*ret_count]) == 1)
			(*ret_count)++;
	(void)closedir(folder);
	return err_none();
}
