/* vmm/hostnet/hostnet.c: the changes of one NIC from end to end. Read hostnet_open first: what is
 * noted comes before what is made; what was made is taken back in the other order. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "vmm/hostnet/hostnet_priv.h"

struct hostnet {
	int netns;        /* where all of it is */
	int server;       /* a process; -1: none */
	bool noted;       /* there are notes of ours */
	struct user user; /* in whose name */
};

/* ---- what a plan asks of this host ---- */

struct asked {
	const struct notes *notes; /* NULL: not known */
	bool dry;                  /* the TAP may be yet to be made, and we may be anybody */
};

/* Of an interface that is yet to be made: what "default" has is what it will have. */
static bool default_read(const char *path, char ret_value[static SYSCTL_VALUE])
{
	char family[8], name[32], whole[64];

	if (sscanf(path, "net/%7[^/]/conf/%*[^/]/%31s", family, name) != 2)
		return false;
	(void)snprintf(whole, sizeof(whole), "net/%s/conf/default/%s", family, name);
	return sysctl_read(whole, ret_value);
}

static bool ask_value(void *self, const struct change *c, char ret_value[static SYSCTL_VALUE])
{
	const struct asked *a = self;
	const struct change *noted = a->notes == NULL ? NULL : notes_find(a->notes, c);

	if (noted == NULL)
		return sysctl_read(c->what, ret_value) ||
		       (a->dry && default_read(c->what, ret_value));
	(void)snprintf(ret_value, SYSCTL_VALUE, "%s", noted->with);
	return true;
}

static struct err ask_uplink(void *self, int family, char ret_name[static IFNAMSIZ])
{
	struct link *link;
	struct err e = link_open(&link);

	(void)self;
	if (err_is(e))
		return e;
	e = link_default_route(link, family, ret_name);
	link_close(link);
	return e;
}

/* Index 0: there is none of that name. */
static struct link_info interface(const char *name)
{
	struct link_info info = { .index = 0 };
	struct link *link;

	if (err_is(link_open(&link)))
		return info;
	if (err_is(link_get(link, name, &info)))
		info = (struct link_info){ .index = 0 };
	link_close(link);
	return info;
}

/* Of Open vSwitch, which tells root alone, others take it on trust in a dry run. */
static struct err ask_bridge(void *self, const char *tap, const char *name,
			     enum change_kind *ret_kind, bool *ret_is_port)
{
	const struct link_info bridge = interface(name), port = interface(tap);
	const struct asked *a = self;

	*ret_is_port = false;
	*ret_kind = strcmp(bridge.kind, "bridge") == 0 ? CHANGE_BRIDGE : CHANGE_OVS;
	if (*ret_kind == CHANGE_OVS)
		return a->dry && geteuid() != 0
			       ? err_none()
			       : ovs_check(name, bridge.index != 0, tap, ret_is_port);
	*ret_is_port = port.master == bridge.index;
	if (port.master == 0 || *ret_is_port)
		return err_none();
	return err_make(ERR_SETUP, 0,
			"bridge=%s: %s is a port of another bridge; leave bridge= out, or take it "
			"out of that: ip link set %s nomaster",
			name, tap, tap);
}

static struct err make_plan(const struct hostnet_nic *nic, const struct notes *notes, bool dry,
			    struct plan *ret)
{
	struct asked asked = { .notes = notes, .dry = dry };
	const struct plan_host host = {
		.self = &asked, .value = ask_value, .uplink = ask_uplink, .bridge = ask_bridge
	};

	return hostnet_plan(nic, &host, ret);
}

/* ---- making ---- */

static struct err note_and_make(struct hostnet *h, struct store *s, const struct plan *plan)
{
	struct err e = err_none();

	for (unsigned i = 0; i < plan->count && !err_is(e); i++)
		e = change_possible(&plan->change[i]);
	for (unsigned i = 0; i < plan->count && !err_is(e); i++)
		e = notes_add(s->notes, &h->user, &plan->change[i]);
	if (!err_is(e))
		e = store_save(s);
	h->noted = !err_is(e) && plan->count > 0;
	for (unsigned i = 0; i < plan->count && !err_is(e); i++)
		e = change_make(&plan->change[i], plan->rules);
	return e;
}

static bool wishes(const struct hostnet_wish *w) { return w->dhcp || w->nat || w->bridge != NULL; }

static struct err make_changes(struct hostnet *h, const struct hostnet_nic *nic, struct plan *plan)
{
	struct store s;
	bool there;
	uint64_t cookie = 0;
	struct err e = sweep_here(NULL, NULL);

	if (!err_is(e))
		e = store_cookie(&cookie);
	if (!err_is(e))
		e = store_open(&s, cookie, true, &there);
	if (err_is(e))
		return e;
	e = make_plan(nic, s.notes, false, plan);
	if (!err_is(e))
		e = note_and_make(h, &s, plan);
	store_close(&s);
	return e;
}

static void describe(const struct hostnet_nic *nic, const struct plan *p, char *ret_text,
		     unsigned size)
{
	bool differ = p->uplink[1][0] != '\0' && strcmp(p->uplink[0], p->uplink[1]) != 0;
	struct in_addr guest;
	struct ip_prefix tap;
	char dhcp[64] = "", nat[80] = "", bridge[48] = "", address[INET_ADDRSTRLEN];

	if (nic->wish.dhcp && hostnet_guest(nic, &guest, &tap))
		(void)snprintf(dhcp, sizeof(dhcp), ", guest gets %s by DHCP",
			       inet_ntop(AF_INET, &guest, address, sizeof(address)));
	if (nic->wish.nat)
		(void)snprintf(nat, sizeof(nat), ", masqueraded by %s%s%s", p->uplink[0],
			       p->uplink[0][0] == '\0' || !differ ? "" : " ",
			       differ ? p->uplink[1] : "");
	if (nic->wish.bridge != NULL)
		(void)snprintf(bridge, sizeof(bridge), ", port of bridge %s", nic->wish.bridge);
	(void)snprintf(ret_text, size, "%s%s%s", dhcp, nat, bridge);
}

struct err hostnet_open(const struct hostnet_nic *nic, struct hostnet **ret, char *ret_text,
			unsigned size)
{
	static const struct program server = { .which = HOSTNET_DNSMASQ };
	struct hostnet *h;
	struct plan plan = { .count = 0 };
	struct err e;

	ret_text[0] = '\0';
	if (!wishes(&nic->wish)) {
		/* What others left is no reason against a NIC that has nothing to do with it. */
		e = sweep_here(NULL, NULL);
		return err_none();
	}
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return err_make(ERR_SETUP, ENOMEM, "note what is changed");
	*h = (struct hostnet){ .netns = -1, .server = -1, .user = user_self(nic->tap) };
	e = hostnet_names(nic);
	if (!err_is(e))
		e = netns_current(&h->netns);
	if (!err_is(e) && nic->wish.dhcp)
		e = program_possible(&server);
	if (!err_is(e) && (nic->wish.nat || nic->wish.bridge != NULL))
		e = make_changes(h, nic, &plan);
	if (!err_is(e) && nic->wish.dhcp)
		e = dhcp_start(nic, &h->server);
	if (err_is(e)) {
		hostnet_close(h);
		return e;
	}
	describe(nic, &plan, ret_text, size);
	*ret = h;
	return err_none();
}

/* ---- taking back ---- */

static struct err take_back(const struct hostnet *h)
{
	struct err e, home;
	int back = -1;

	e = netns_current(&back);
	if (!err_is(e))
		e = netns_enter(h->netns);
	if (!err_is(e)) {
		e = sweep_here(&h->user, NULL);
		home = netns_enter(back);
		e = err_is(e) ? e : home;
	}
	if (back >= 0)
		(void)close(back);
	return e;
}

void hostnet_close(struct hostnet *h)
{
	struct err e = err_none();

	if (h == NULL)
		return;
	if (h->server >= 0)
		program_end(h->server);
	if (h->noted)
		e = take_back(h);
	(void)e; /* what did not go back is still noted, for the next who comes */
	if (h->netns >= 0)
		(void)close(h->netns);
	free(h);
}

/* ---- a dry run ---- */

/* By what other runs have noted, as far as that is ours to read. */
static struct err plan_dry(const struct hostnet_nic *nic, uint64_t cookie, struct plan *ret)
{
	struct store s;
	bool there;
	struct err e = store_open(&s, cookie, false, &there);

	if (err_is(e) && geteuid() == 0)
		return e;
	e = make_plan(nic, s.notes, true, ret);
	store_close(&s);
	return e;
}

struct err hostnet_dry_run(const struct hostnet_nic *nic, const char *prefix, FILE *out)
{
	struct plan plan = { .count = 0 };
	uint64_t cookie = 0;
	struct err e = hostnet_names(nic);

	if (!err_is(e) && (nic->wish.nat || nic->wish.bridge != NULL)) {
		e = store_cookie(&cookie);
		if (!err_is(e))
			e = plan_dry(nic, cookie, &plan);
	}
	if (err_is(e))
		return e;
	if (plan.count > 0)
		(void)fprintf(out,
			      "%snote in /run/tapvm/net-%llu what follows, and take it back at "
			      "the end\n",
			      prefix, (unsigned long long)cookie);
	for (unsigned i = 0; i < plan.count; i++)
		change_say(&plan.change[i], plan.rules, prefix, out);
	if (nic->wish.dhcp) {
		struct dhcp_words words;

		dhcp_print(nic, &words);
		(void)fprintf(out, "%sstart", prefix);
		for (unsigned i = 0; words.argv[i] != NULL; i++)
			(void)fprintf(out, " %s", words.argv[i]);
		(void)fprintf(out, "\n");
	}
	return err_none();
}
