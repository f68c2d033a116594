/* vmm/hostnet/rules.c: the table of a NIC, as nft reads it: what the guest sends by its TAP goes to
 * the uplink with the uplink's address, and comes back; nothing else is forwarded from or to the
 * TAP. Pure. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/hostnet/hostnet_priv.h"

struct text {
	char *at;
	size_t size, used;
};

static void add(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int added;

	va_start(args, format);
	added = vsnprintf(t->used < t->size ? t->at + t->used : NULL,
			  t->used < t->size ? t->size - t->used : 0, format, args);
	va_end(args);
	t->used += added > 0 ? (size_t)added : 0;
}

static const char *protocol(const struct rules_leg *leg)
{
	return leg->address->family == AF_INET ? "ip" : "ip6";
}

/* "192.168.77.0/24": the prefix without the host's bits. */
static void network_print(const struct ip_prefix *p, char *ret_text, unsigned size)
{
	struct ip_prefix n = *p;
	uint8_t *bytes = n.family == AF_INET ? (uint8_t *)&n.addr.v4 : n.addr.v6.s6_addr;
	unsigned count = n.family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < count; i++) {
		unsigned kept = n.prefix_len > 8 * i ? n.prefix_len - 8 * i : 0;

		if (kept < 8)
			bytes[i] &= (uint8_t)(0xff00u >> kept);
	}
	ip_prefix_print(&n, ret_text, size);
}

static void forward(struct text *t, const char *tap, const struct rules_leg *leg)
{
	char network[64];

	network_print(leg->address, network, sizeof(network));
	add(t, "\t\tiifname \"%s\" oifname \"%s\" %s saddr %s accept\n", tap, leg->uplink,
	    protocol(leg), network);
	add(t,
	    "\t\tiifname \"%s\" oifname \"%s\" %s daddr %s ct state established,related accept\n",
	    leg->uplink, tap, protocol(leg), network);
}

/* That the uplink forwards is for answers to guests alone: what it brings anew goes nowhere, as
 * before. */
static void guard(struct text *t, const struct rules_leg *leg)
{
	add(t, "\t\tiifname \"%s\" meta nfproto %s ct state new,invalid,untracked drop\n",
	    leg->uplink, leg->address->family == AF_INET ? "ipv4" : "ipv6");
}

static void masquerade(struct text *t, const struct rules_leg *leg)
{
	char network[64];

	network_print(leg->address, network, sizeof(network));
	add(t, "\t\toifname \"%s\" %s saddr %s masquerade\n", leg->uplink, protocol(leg), network);
}

static bool first_of_family(const struct rules_leg *legs, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (legs[i].address->family == legs[index].address->family)
			return false;
	return true;
}

void rules_table_name(const char *tap, char *ret_text, size_t size)
{
	(void)snprintf(ret_text, size, "tapvm-%s", tap);
}

/* A table of that name which a dead one left goes in the same step as the new one comes. */
struct err rules_print(const char *tap, const struct rules_leg *legs, unsigned count,
		       char *ret_text, size_t size)
{
	struct text t = { .at = ret_text, .size = size };
	char table[32];

	rules_table_name(tap, table, sizeof(table));
	add(&t, "table inet %s\ndelete table inet %s\ntable inet %s {\n", table, table, table);
	add(&t,
	    "\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n");
	for (unsigned i = 0; i < count; i++)
		forward(&t, tap, &legs[i]);
	add(&t, "\t\tiifname \"%s\" drop\n\t\toifname \"%s\" drop\n", tap, tap);
	for (unsigned i = 0; i < count; i++)
		if (legs[i].opened && first_of_family(legs, i))
			guard(&t, &legs[i]);
	add(&t, "\t}\n\tchain postrouting {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
	for (unsigned i = 0; i < count; i++)
		masquerade(&t, &legs[i]);
	add(&t, "\t}\n}\n");
	if (t.used >= size)
		return err_make(ERR_USAGE, 0, "nat=on: too many addresses for one table");
	return err_none();
}
