/* vmm/keeper/dry_run.c: what a run would do to the host for its NICs, in its order, a line each. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/tap/netns.h"
#include "vmm/keeper/keeper_priv.h"

static void say(FILE *out, const char *prefix, const char *format, ...) PRINTF_LIKE(3, 4);

/* A name may hold nearly anything. */
static void say(FILE *out, const char *prefix, const char *format, ...)
{
	char line[PATH_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	err_one_line(line);
	(void)fprintf(out, "%s%s\n", prefix, line);
}

/* What the kernel names is not known yet. */
static const char *tap_name(const struct nic_options *o)
{
	return o->tap_name == NULL || strchr(o->tap_name, '%') != NULL ? "TAP" : o->tap_name;
}

static void say_namespace(const struct nic_options *o, const char *prefix, FILE *out)
{
	if (o->netns == NULL)
		return;
	if (strcmp(o->netns, "private") == 0)
		say(out, prefix, "make a network namespace for this run, and enter it");
	else
		say(out, prefix, "enter network namespace %s", o->netns);
}

static void say_tap(const struct nic_options *o, const char *prefix, FILE *out)
{
	const char *name = tap_name(o);
	const char *kind = tap_kind_name(o->kind);

	if (o->fd >= 0) {
		say(out, prefix, "use the %s of descriptor %d as it is", kind, o->fd);
		return;
	}
	if (strcmp(name, "TAP") == 0)
		say(out, prefix, "make a %s that the kernel names%s%s, here TAP", kind,
		    o->tap_name == NULL ? "" : " by ", o->tap_name == NULL ? "" : o->tap_name);
	else
		say(out, prefix, "make %s %s, or attach to it if it is there", kind, name);
	if (o->owner >= 0)
		say(out, prefix, "let user %lld attach to %s", (long long)o->owner, name);
	else if (o->persist)
		say(out, prefix, "let user %u attach to %s, if it is made", getuid(), name);
	if (o->group >= 0)
		say(out, prefix, "let group %lld attach to %s", (long long)o->group, name);
	if (o->persist)
		say(out, prefix, "let %s stay at the end", name);
	if (o->kind == TAP_KIND_TAP && o->has_host_mac)
		say(out, prefix, "give %s the MAC of host-mac", name);
	if (o->mtu != 0)
		say(out, prefix, "give %s the MTU %u", name, o->mtu);
	say(out, prefix, "take %s up", name);
	for (unsigned i = 0; i < o->address_count; i++) {
		char text[64];

		ip_prefix_print(&o->address[i], text, sizeof(text));
		say(out, prefix, "give %s the address %s", name, text);
	}
}

/* Told from inside the NIC's namespace, where we may enter it; else its default route is not known.
 */
static struct err say_rest(const struct nic_options *o, struct hostnet_nic *host,
			   const char *prefix, FILE *out)
{
	bool elsewhere = o->netns != NULL && strcmp(o->netns, "private") != 0;
	int home = -1, there = -1;
	struct err e = elsewhere ? netns_open(o->netns, &there) : err_none(), back = err_none();

	if (err_is(e) && e.sys_errno != EACCES)
		return e;
	if (there >= 0 && !err_is(netns_current(&home)) && !err_is(netns_enter(there))) {
		e = hostnet_dry_run(host, prefix, out);
		back = netns_enter(home);
	} else {
		if (elsewhere && host->wish.uplink == NULL)
			host->wish.uplink = "UPLINK";
		e = hostnet_dry_run(host, prefix, out);
	}
	if (there >= 0)
		(void)close(there);
	if (home >= 0)
		(void)close(home);
	return err_is(e) ? e : back;
}

struct err keeper_dry_run(const struct keeper_options *options, FILE *out)
{
	for (unsigned i = 0; i < options->nic_count; i++) {
		const struct nic_options *o = &options->nic[i];
		struct hostnet_nic host;
		char prefix[20];
		uint8_t mac[6];
		struct err e;

		(void)snprintf(prefix, sizeof(prefix), "net %u: ", i);
		if (o->has_mac)
			memcpy(mac, o->mac, sizeof(mac));
		else
			tap_mac(tap_name(o), i, mac);
		host = net_hostnet(o, tap_name(o), mac);
		say_namespace(o, prefix, out);
		say_tap(o, prefix, out);
		e = say_rest(o, &host, prefix, out);
		if (err_is(e))
			return err_within(e, "net %u", i);
	}
	return err_none();
}
