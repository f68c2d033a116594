/* vmm/hostnet/sweep.c: taking back: what one user changed, or what all that are gone left. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/hostnet/hostnet_priv.h"

/* Fields 3 and 22 of /proc/PID/stat; the second, the name, ends with the last ')'. False: there is
 * no such process, or its parent has not asked yet how it ended. */
static bool started(int pid, unsigned long long *ret)
{
	char path[32], line[512], state = 'X';
	const char *at;
	FILE *f;
	bool read;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	read = fgets(line, sizeof(line), f) != NULL;
	(void)fclose(f);
	at = read ? strrchr(line, ')') : NULL;
	return at != NULL &&
	       sscanf(at + 1,
		      " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		      "%llu",
		      &state, ret) == 2 &&
	       state != 'Z' && state != 'X';
}

struct user user_self(const char *tap)
{
	struct user u = { .pid = getpid() };

	(void)started(u.pid, &u.started);
	(void)snprintf(u.tap, sizeof(u.tap), "%s", tap);
	return u;
}

bool user_is_gone(const struct user *u)
{
	unsigned long long now;

	return !started(u->pid, &now) || now != u->started;
}

static bool is_user(const struct user *a, const struct user *b)
{
	return a->pid == b->pid && a->started == b->started && strcmp(a->tap, b->tap) == 0;
}

/* A note that others have too is only taken off the list. */
static struct err take_back(struct store *s, unsigned index, FILE *out)
{
	const struct user user = s->notes->list[index].user;
	const struct change change = s->notes->list[index].change;

	if (!notes_shared(s->notes, index)) {
		bool was;
		struct err e = change_undo(&change, &was);

		if (err_is(e))
			return err_within(e,
					  "what process %d changed does not go back (mend that, or "
					  "take its line out of /run/tapvm/%s)",
					  user.pid, s->name);
		if (was && out != NULL)
			change_say_undone(&change, out);
	}
	notes_remove(s->notes, index);
	return err_none();
}

struct err store_sweep(struct store *s, const struct user *user, FILE *out)
{
	struct err first = err_none();

	for (unsigned i = s->notes->count; i-- > 0;) {
		const struct user *its = &s->notes->list[i].user;
		struct err e;

		if (user != NULL ? !is_user(its, user) : !user_is_gone(its))
			continue;
		e = take_back(s, i, out);
		if (err_is(e) && !err_is(first))
			first = e;
	}
	return first;
}

struct err sweep_here(const struct user *user, FILE *out)
{
	struct store s;
	bool there = false;
	uint64_t cookie = 0;
	struct err e = store_cookie(&cookie), gone, saved;

	if (!err_is(e))
		e = store_open(&s, cookie, false, &there);
	if (err_is(e) || !there)
		return e;
	if (user != NULL)
		e = store_sweep(&s, user, out);
	gone = store_sweep(&s, NULL, out);
	saved = store_save(&s);
	store_close(&s);
	if (!err_is(e))
		e = gone;
	return err_is(e) ? e : saved;
}
