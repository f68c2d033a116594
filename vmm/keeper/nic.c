/* vmm/keeper/nic.c: one NIC's TAP in the calling thread's namespace: opened, then what the options
 * say of it set by netlink. An inherited descriptor is taken as it is. */
#include <linux/if_tun.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/keeper/keeper_priv.h"

enum {
	MTU_MIN = 68,
	QUEUE_SIZE_DEFAULT = 256,
	ADDRESS_TEXT = 64,
	ADDRESSES_SHOWN = 8,
	ADDRESSES_LISTED = 64,
};

struct line {
	char *text;
	unsigned size, used;
};

static void line_add(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);

static void line_add(struct line *line, const char *format, ...)
{
	va_list args;
	int added;

	if (line->used >= line->size)
		return;
	va_start(args, format);
	added = vsnprintf(line->text + line->used, line->size - line->used, format, args);
	va_end(args);
	if (added > 0)
		line->used += (unsigned)added;
}

static void line_add_mac(struct line *line, const uint8_t mac[static 6])
{
	line_add(line, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

void keeper_addresses(struct link *link, const char *name, char *ret_text, unsigned size)
{
	struct line line = { .text = ret_text, .size = size };
	struct ip_prefix list[ADDRESSES_SHOWN];
	unsigned count = 0;
	struct err e = link_addresses(link, name, list, ADDRESSES_SHOWN, &count);

	ret_text[0] = '\0';
	for (unsigned i = 0; i < count && !err_is(e); i++) {
		char address[ADDRESS_TEXT];

		ip_prefix_print(&list[i], address, sizeof(address));
		line_add(&line, "%s%s", i == 0 ? ", " : " ", address);
	}
}

/* "net 0: TAP vm0 made, 10.0.0.1/24 fd00::1/64, MTU 1500, guest 02:..." */
static void describe(const struct nic_options *o, unsigned index, const struct machine_nic *nic,
		     const char *addresses, char *ret_line, unsigned size)
{
	struct line line = { .text = ret_line, .size = size };

	line_add(&line, "net %u: %s %s %s", index, tap_kind_name(nic->tap.kind), nic->tap.name,
		 nic->tap.inherited ? "inherited"
		 : nic->tap.made    ? "made"
				    : "attached");
	if (nic->tap.inherited)
		line_add(&line, " as fd %d", nic->tap.fd[0]);
	line_add(&line, "%s", addresses);
	if (nic->mtu != 0)
		line_add(&line, ", MTU %u", nic->mtu);
	if (nic->tap.queues > 1)
		line_add(&line, ", %u queue pairs", nic->tap.queues);
	line_add(&line, ", guest ");
	line_add_mac(&line, nic->mac);
	if (nic->tap.kind == TAP_KIND_TUN) {
		line_add(&line, ", its neighbour ");
		line_add_mac(&line, nic->host_mac);
	}
	if (nic->tap.made && o->persist)
		line_add(&line, ", stays (remove it: ip link del %s)", nic->tap.name);
	if (o->capture != NULL)
		line_add(&line, ", captured to %s", o->capture);
	err_one_line(ret_line); /* a name may hold nearly anything */
}

static bool is_listed(const struct ip_prefix *list, unsigned count, const struct ip_prefix *p)
{
	size_t bytes = p->family == AF_INET ? sizeof(p->addr.v4) : sizeof(p->addr.v6);

	for (unsigned i = 0; i < count; i++)
		if (list[i].family == p->family && list[i].prefix_len == p->prefix_len &&
		    memcmp(&list[i].addr, &p->addr, bytes) == 0)
			return true;
	return false;
}

static struct err add_addresses(struct link *link, const struct nic_options *o, const char *name)
{
	struct ip_prefix there[ADDRESSES_LISTED];
	unsigned count = 0;
	struct err e = link_addresses(link, name, there, ADDRESSES_LISTED, &count);

	for (unsigned i = 0; i < o->address_count && !err_is(e); i++)
		if (!is_listed(there, count, &o->address[i]))
			e = link_add_address(link, name, &o->address[i]);
	return e;
}

/* What is as it should be is not set: an ordinary user may attach to a TAP of his own, not change
 * it. */
static struct err set_by_netlink(struct link *link, const struct nic_options *o, const char *name)
{
	struct link_info info;
	struct err e = link_get(link, name, &info);

	if (!err_is(e) && o->kind == TAP_KIND_TAP && o->has_host_mac &&
	    memcmp(info.mac, o->host_mac, sizeof(info.mac)) != 0)
		e = link_set_mac(link, name, o->host_mac);
	if (!err_is(e) && o->mtu != 0 && o->mtu != info.mtu)
		e = link_set_mtu(link, name, o->mtu);
	if (!err_is(e) && (info.flags & IFF_UP) == 0)
		e = link_set_up(link, name, true);
	if (!err_is(e) && o->address_count > 0)
		e = add_addresses(link, o, name);
	return e;
}

uint16_t keeper_mtu(unsigned mtu)
{
	return mtu >= MTU_MIN && mtu <= UINT16_MAX ? (uint16_t)mtu : 0;
}

static struct err set_up(const struct nic_options *o, struct machine_nic *nic,
			 char ret_addresses[static KEEPER_ADDRESSES])
{
	struct link_info info = { .mtu = 0 };
	struct link *link;
	struct err e = link_open(&link);

	if (err_is(e))
		return e;
	e = set_by_netlink(link, o, nic->tap.name);
	if (!err_is(e))
		e = link_get(link, nic->tap.name, &info);
	if (!err_is(e))
		keeper_addresses(link, nic->tap.name, ret_addresses, KEEPER_ADDRESSES);
	link_close(link);
	if (err_is(e))
		return e;
	if (memcmp(o->kind == TAP_KIND_TUN ? nic->host_mac : info.mac, nic->mac,
		   sizeof(nic->mac)) == 0)
		return err_make(ERR_USAGE, 0,
				"mac= is the address of %s %s itself; the guest needs another",
				tap_kind_name(nic->tap.kind), nic->tap.name);
	nic->link_up = (info.flags & IFF_UP) != 0;
	nic->mtu = keeper_mtu(info.mtu);
	return err_none();
}

/* A persistent TAP that we made for a run that never was goes again. */
static void undo(const struct nic_options *o, struct tap *tap)
{
	if (tap->made && o->persist)
		(void)sys_host.ioctl(tap->fd[0], TUNSETPERSIST, NULL);
	tap_close(&sys_host, tap);
}

struct err keeper_nic(const struct nic_options *o, unsigned index, struct machine_nic *ret_nic,
		      char *ret_line, unsigned line_size)
{
	const struct tap_request request = {
		.kind = o->kind,
		.name = o->tap_name,
		.fd = o->fd,
		.queues = o->queues != 0 ? o->queues : 1,
		.persist = o->persist,
		.owner = o->owner,
		.group = o->group,
	};
	struct machine_nic nic = {
		.link_up = true,
		.queue_size = QUEUE_SIZE_DEFAULT,
		.switches = o->switches,
		.capture_fd = -1,
		.speed = o->speed,
		.rate = o->rate,
		.bus = o->bus,
		.vhost = o->vhost,
	};
	char addresses[KEEPER_ADDRESSES] = "";
	struct err e = tap_open(&sys_host, &request, &nic.tap);

	if (err_is(e))
		return err_within(e, "net %u", index);
	if (o->queue_size != 0)
		nic.queue_size = (uint16_t)o->queue_size;
	if (o->has_mac)
		memcpy(nic.mac, o->mac, sizeof(nic.mac));
	else
		tap_mac(nic.tap.name, index, nic.mac);
	/* A TUN has none; the guest needs one to send to. */
	if (o->has_host_mac)
		memcpy(nic.host_mac, o->host_mac, sizeof(nic.host_mac));
	else
		tap_mac(nic.tap.name, NICS_MAX + index, nic.host_mac);
	if (o->fd < 0)
		e = set_up(o, &nic, addresses);
	if (!err_is(e))
		e = vhost_open(&sys_host, o, &nic);
	/* Last: what cannot run leaves the file of an earlier run as it is. */
	if (!err_is(e) && o->capture != NULL)
		e = output_open("capture", o->capture, &nic.capture_fd);
	if (err_is(e)) {
		vhost_close(&sys_host, &nic);
		undo(o, &nic.tap);
		return err_within(e, "net %u", index);
	}
	describe(o, index, &nic, addresses, ret_line, line_size);
	*ret_nic = nic;
	return err_none();
}
