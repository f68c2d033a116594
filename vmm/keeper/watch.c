/* vmm/keeper/watch.c: the host's link state of one TAP. A device is known by its index: names
 * change. */
#include <net/if.h>
#include <string.h>

#include "vmm/keeper/keeper_priv.h"

struct err watch_open(struct nic_watch *w, const char *name)
{
	struct link_info info;
	struct err e;

	*w = (struct nic_watch){ .up = true, .told = true };
	(void)strncpy(w->name, name, sizeof(w->name) - 1);
	/* The watch first: what changes after the question is heard. */
	e = link_watch_open(&w->watch);
	if (!err_is(e))
		e = link_open(&w->link);
	if (!err_is(e))
		e = link_get(w->link, name, &info);
	if (err_is(e)) {
		watch_close(w);
		return e;
	}
	w->index = info.index;
	w->mtu = info.mtu;
	w->up = (info.flags & IFF_UP) != 0;
	w->told = w->up;
	return err_none();
}

void watch_close(struct nic_watch *w)
{
	if (w->watch != NULL)
		link_watch_close(w->watch);
	if (w->link != NULL)
		link_close(w->link);
	w->watch = NULL;
	w->link = NULL;
}

void watch_read(struct nic_watch *w)
{
	struct link_event event;
	bool lost = false;
	bool ever_lost = false;

	while (link_watch_next(w->watch, &event, &lost)) {
		ever_lost = ever_lost || lost;
		if (event.index != w->index)
			continue;
		w->up = event.up && !event.deleted;
		if (!event.deleted)
			memcpy(w->name, event.name, sizeof(w->name));
	}
	if (ever_lost || lost) {
		struct link_info info;
		struct err e = link_get(w->link, w->name, &info);

		w->up = !err_is(e) && info.index == w->index && (info.flags & IFF_UP) != 0;
	}
}
