/* vmm/hostnet/clean.c: taking back what users that are gone left, wherever it is: in our namespace,
 * in those that are bound to a file, and in those of any process. */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "vmm/hostnet/hostnet_priv.h"

enum { SEEN_MAX = 1024 };
struct walk {
	FILE *out;
	uint64_t cookie[STORES_MAX]; /* of which there are files; 0: it was found */
	unsigned cookies;
	ino_t seen[SEEN_MAX]; /* namespaces; what finds no room is looked at again */
	unsigned seen_count;
	struct err first; /* what went wrong first */
};

static void keep_first(struct walk *w, struct err e)
{
	if (err_is(e) && !err_is(w->first))
		w->first = e;
}

/* In a namespace: if there is a file of it, it is swept. */
static void sweep_one(struct walk *w)
{
	uint64_t cookie = 0;
	struct err e = store_cookie(&cookie);

	for (unsigned i = 0; i < w->cookies && !err_is(e); i++) {
		if (w->cookie[i] != cookie)
			continue;
		w->cookie[i] = 0;
		e = sweep_here(NULL, w->out);
	}
	keep_first(w, e);
}

static bool is_new(struct walk *w, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	for (unsigned i = 0; i < w->seen_count; i++)
		if (w->seen[i] == st.st_ino)
			return false;
	if (w->seen_count < SEEN_MAX)
		w->seen[w->seen_count++] = st.st_ino;
	return true;
}

/* One that cannot be opened went while we looked. */
static void visit(struct walk *w, const char *path)
{
	int fd;

	if (!is_new(w, path) || err_is(netns_open(path, &fd)))
		return;
	if (!err_is(netns_enter(fd)))
		sweep_one(w);
	(void)close(fd);
}

/* As by `ip netns`, or anywhere else. */
static void visit_bound(struct walk *w)
{
	FILE *mounts = fopen("/proc/thread-self/mountinfo", "re");
	char line[2 * PATH_MAX], path[PATH_MAX];

	while (mounts != NULL && fgets(line, sizeof(line), mounts) != NULL)
		if (sscanf(line, "%*s %*s %*s net:%*s %4095s", path) == 1)
			visit(w, path);
	if (mounts != NULL)
		(void)fclose(mounts);
}

static void visit_processes(struct walk *w)
{
	DIR *dir = opendir("/proc");
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		char path[300];

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/ns/net", d->d_name);
		visit(w, path);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* A namespace that is nowhere to be found took everything with it; but a user's descriptor may
 * still hold it. */
static struct err forget(uint64_t cookie, FILE *out)
{
	struct store s;
	bool there, all_gone = true;
	struct err e = store_open(&s, cookie, false, &there);

	if (err_is(e) || !there)
		return e;
	for (unsigned i = 0; i < s.notes->count; i++)
		all_gone = all_gone && user_is_gone(&s.notes->list[i].user);
	if (all_gone) {
		s.notes->count = 0;
		e = store_save(&s);
		(void)fprintf(out, "removed the notes of network namespace %llu, which is gone\n",
			      (unsigned long long)cookie);
	}
	store_close(&s);
	return e;
}

struct err hostnet_clean(FILE *out)
{
	static const char ours[] = "/proc/thread-self/ns/net";
	struct walk w = { .out = out, .first = err_none() };
	int home = -1;
	struct err e = store_list(w.cookie, &w.cookies);

	if (err_is(e) || w.cookies == 0)
		return e;
	e = netns_current(&home);
	if (err_is(e))
		return e;
	visit(&w, ours);
	visit_bound(&w);
	visit_processes(&w);
	keep_first(&w, netns_enter(home));
	(void)close(home);
	for (unsigned i = 0; i < w.cookies && !err_is(w.first); i++)
		if (w.cookie[i] != 0)
			keep_first(&w, forget(w.cookie[i], out));
	return w.first;
}
