/* vmm/hostnet/plan.c: from a NIC's wishes to the changes of the host, in their order. What it must
 * know of the host it asks by struct plan_host; it changes nothing. */
#include <arpa/inet.h>
#include <string.h>

#include "vmm/hostnet/hostnet_priv.h"

static struct change *add(struct plan *p, enum change_kind kind, const char *what, const char *with)
{
	struct change *c = &p->change[p->count++];

	*c = (struct change){ .kind = kind };
	(void)snprintf(c->what, sizeof(c->what), "%s", what);
	(void)snprintf(c->with, sizeof(c->with), "%s", with);
	return c;
}

/* Names of interfaces may hold nearly anything; those that nft, dnsmasq and ovs-vsctl take as such
 * may not. */
static struct err plain_name(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-.";

	if (name[0] != '-' && name[0] != '.' && name[strspn(name, plain)] == '\0')
		return err_none();
	return err_make(ERR_USAGE, 0,
			"interface name '%s': with dhcp, nat or bridge it is made of letters, "
			"digits, '_', '-' and '.', and begins with none of the last two",
			name);
}

/* dnsmasq takes "vm*" for every interface whose name begins so. */
struct err hostnet_names(const struct hostnet_nic *nic)
{
	const struct hostnet_wish *w = &nic->wish;
	struct err e = err_none();

	if (w->bridge != NULL || w->nat || w->dhcp)
		e = plain_name(nic->tap);
	if (!err_is(e) && w->bridge != NULL)
		e = plain_name(w->bridge);
	return e;
}

/* ---- forwarding ---- */

/* *ret_there: this kernel has it; *ret_was: it was on before, and stays as it is. */
static void sysctl(struct plan *p, const struct plan_host *host, const char *family,
		   const char *interface, const char *name, bool *ret_there, bool *ret_was)
{
	struct change c = { .kind = CHANGE_SYSCTL };
	char value[SYSCTL_VALUE];

	(void)snprintf(c.what, sizeof(c.what), "net/%s/conf/%s/%s", family, interface, name);
	*ret_there = host->value(host->self, &c, value);
	*ret_was = *ret_there && strcmp(value, "1") == 0;
	if (*ret_there && !*ret_was)
		add(p, CHANGE_SYSCTL, c.what, value);
}

/* IPv4 forwards what comes in by an interface that forwards. */
static struct err forward_v4(struct plan *p, const struct plan_host *host, const char *tap,
			     bool *ret_opened)
{
	bool there, was;

	sysctl(p, host, "ipv4", tap, "forwarding", &there, &was);
	sysctl(p, host, "ipv4", p->uplink[0], "forwarding", &there, &was);
	*ret_opened = !was;
	return err_none();
}

/* IPv6 forwards as a whole (conf/all), or, since Linux 6.17, what comes in by an interface that is
 * forced to. The TAP's own "forwarding" makes it a router to its guest; the uplink's would make the
 * host deaf to its routers. */
static struct err forward_v6(struct plan *p, const struct plan_host *host, const char *tap,
			     bool *ret_opened)
{
	const struct change all = { .kind = CHANGE_SYSCTL, .what = "net/ipv6/conf/all/forwarding" };
	char value[SYSCTL_VALUE];
	bool there, was;

	sysctl(p, host, "ipv6", tap, "forwarding", &there, &was);
	*ret_opened = false;
	if (host->value(host->self, &all, value) && strcmp(value, "1") == 0)
		return err_none();
	sysctl(p, host, "ipv6", tap, "force_forwarding", &there, &was);
	if (there)
		sysctl(p, host, "ipv6", p->uplink[1], "force_forwarding", &there, &was);
	*ret_opened = !was;
	return there ? err_none()
		     : err_make(ERR_SETUP, 0,
				"nat: for one interface alone IPv6 is forwarded since Linux 6.17; "
				"here 'sysctl -w net.ipv6.conf.all.forwarding=1' as root, for all, "
				"or leave out the IPv6 address");
}

/* ---- masquerading ---- */

/* Each interface that has the protocol at all has this. */
static struct err uplink_check(const struct plan_host *host, const char *uplink, int family)
{
	struct change c = { .kind = CHANGE_SYSCTL };
	char value[SYSCTL_VALUE];

	(void)snprintf(c.what, sizeof(c.what), "net/%s/conf/%s/forwarding",
		       family == AF_INET ? "ipv4" : "ipv6", uplink);
	if (host->value(host->self, &c, value))
		return err_none();
	return err_make(ERR_SETUP, 0,
			"nat: there is no interface %s here that carries %s; name another, as in "
			"nat=eth0",
			uplink, family == AF_INET ? "IPv4" : "IPv6");
}

static struct err find_uplink(struct plan *p, const struct plan_host *host,
			      const struct hostnet_nic *nic, int family)
{
	char *uplink = p->uplink[family == AF_INET6];
	struct err e = err_none();

	if (uplink[0] != '\0')
		return e;
	if (nic->wish.uplink != NULL)
		(void)snprintf(uplink, IFNAMSIZ, "%s", nic->wish.uplink);
	else
		e = host->uplink(host->self, family, uplink);
	if (!err_is(e) && uplink[0] == '\0')
		e = err_make(ERR_SETUP, 0,
			     "nat=on: there is no default route of %s; name the interface to go "
			     "out by, as in nat=eth0",
			     family == AF_INET ? "IPv4" : "IPv6");
	if (!err_is(e) && strcmp(uplink, nic->tap) == 0)
		e = err_make(ERR_USAGE, 0, "nat=%s: that is the TAP itself; name another", uplink);
	if (!err_is(e))
		e = plain_name(uplink);
	return err_is(e) ? e : uplink_check(host, uplink, family);
}

static struct err plan_nat(struct plan *p, const struct plan_host *host,
			   const struct hostnet_nic *nic)
{
	static struct err (*const forward[2])(struct plan * p, const struct plan_host *host,
					      const char *tap,
					      bool *ret_opened) = { forward_v4, forward_v6 };
	struct rules_leg legs[HOSTNET_ADDRESSES_MAX];
	bool known[2] = { false, false }, opened[2] = { false, false };
	char table[64];
	struct err e = err_none();

	for (unsigned i = 0; i < nic->address_count && !err_is(e); i++) {
		int family = nic->address[i].family;
		unsigned v = family == AF_INET6;

		e = find_uplink(p, host, nic, family);
		if (!err_is(e) && !known[v])
			e = forward[v](p, host, nic->tap, &opened[v]);
		known[v] = true;
		legs[i] = (struct rules_leg){ .address = &nic->address[i],
					      .uplink = p->uplink[v],
					      .opened = opened[v] };
	}
	if (err_is(e))
		return e;
	rules_table_name(nic->tap, table, sizeof(table));
	add(p, CHANGE_TABLE, table, "-");
	return rules_print(nic->tap, legs, nic->address_count, p->rules, sizeof(p->rules));
}

/* ---- all of it ---- */

/* The table before what it guards: forwarding opens last. */
static void table_first(struct plan *p)
{
	struct change table = p->change[p->count - 1];

	memmove(&p->change[1], &p->change[0], (p->count - 1) * sizeof(p->change[0]));
	p->change[0] = table;
}

static struct err plan_bridge(struct plan *p, const struct plan_host *host,
			      const struct hostnet_nic *nic)
{
	const char *bridge = nic->wish.bridge;
	enum change_kind kind;
	bool is_port = false;
	struct err e;

	if (strcmp(bridge, nic->tap) == 0)
		return err_make(ERR_USAGE, 0, "bridge=%s: that is the TAP itself; name another",
				bridge);
	e = host->bridge(host->self, nic->tap, bridge, &kind, &is_port);
	/* What somebody else made a port stays one. */
	if (!err_is(e) && !is_port)
		add(p, kind, nic->tap, bridge);
	return e;
}

struct err hostnet_plan(const struct hostnet_nic *nic, const struct plan_host *host,
			struct plan *ret)
{
	const struct hostnet_wish *w = &nic->wish;
	struct err e = hostnet_names(nic);

	*ret = (struct plan){ .count = 0 };
	if (!err_is(e) && w->bridge != NULL)
		e = plan_bridge(ret, host, nic);
	if (!err_is(e) && w->nat) {
		e = plan_nat(ret, host, nic);
		if (!err_is(e))
			table_first(ret);
	}
	return e;
}
