/* vmm/hostnet/dhcp.c: dnsmasq for the guest of one TAP: its address for its MAC alone, the TAP as
 * its router and its name server, which asks those that the host asks. It reads no configuration,
 * writes no file, and ends with us. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/hostnet/hostnet_priv.h"

struct words {
	struct dhcp_words *to;
	unsigned count;
	size_t used;
};

static void add(struct words *w, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct words *w, const char *format, ...)
{
	char *at = w->to->text + w->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(at, sizeof(w->to->text) - w->used, format, args);
	va_end(args);
	w->to->argv[w->count++] = at;
	w->used += (size_t)length + 1;
}

static void add_guest(struct words *w, const struct hostnet_nic *nic)
{
	const uint8_t *m = nic->mac;
	struct in_addr guest;
	struct ip_prefix tap;
	char address[INET_ADDRSTRLEN];

	if (!hostnet_guest(nic, &guest, &tap))
		return;
	(void)inet_ntop(AF_INET, &guest, address, sizeof(address));
	add(w, "--dhcp-range=%s,static,infinite", address);
	add(w, "--dhcp-host=%02x:%02x:%02x:%02x:%02x:%02x,%s,infinite", m[0], m[1], m[2], m[3],
	    m[4], m[5], address);
}

/* By router advertisements the guest makes its IPv6 addresses itself; that takes 64 bits. */
static void add_v6(struct words *w, const struct hostnet_nic *nic)
{
	bool some = false;

	for (unsigned i = 0; i < nic->address_count; i++) {
		char address[INET6_ADDRSTRLEN];
		struct ip_prefix p = nic->address[i];

		if (p.family != AF_INET6 || p.prefix_len != 64)
			continue;
		memset(&p.addr.v6.s6_addr[8], 0, 8);
		(void)inet_ntop(AF_INET6, &p.addr.v6, address, sizeof(address));
		add(w, "--dhcp-range=%s,ra-only,64", address);
		some = true;
	}
	if (some)
		add(w, "--enable-ra");
}

void dhcp_print(const struct hostnet_nic *nic, struct dhcp_words *ret)
{
	static const char *const always[] = {
		"--keep-in-foreground",
		"--log-facility=-",
		"--user=root", /* it stays who it is */
		"--group=",    /* in a user namespace it would else try to change it */
		"--conf-file=/dev/null",
		"--no-hosts",
		"--pid-file=",
		"--leasefile-ro",
		"--bind-interfaces",
		"--except-interface=lo",
		"--dhcp-authoritative",
		"--dhcp-broadcast",
		"--no-ping",
	};
	struct words w = { .to = ret };

	add(&w, "%s", hostnet_programs[HOSTNET_DNSMASQ].name);
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		add(&w, "%s", always[i]);
	add(&w, "--interface=%s", nic->tap);
	add_guest(&w, nic);
	add_v6(&w, nic);
	ret->argv[w.count] = NULL;
}

struct err dhcp_start(const struct hostnet_nic *nic, int *ret_pid)
{
	struct dhcp_words words;
	const struct program p = { .which = HOSTNET_DNSMASQ, .argv = words.argv };
	struct err e;

	dhcp_print(nic, &words);
	e = program_start(&p, ": started", ret_pid);
	if (err_is(e) && strstr(e.text, strerrordesc_np(EADDRINUSE)) != NULL)
		return err_make(e.kind, 0,
				"%s; end who serves there (ss -lunp), or give another ip=", e.text);
	return e;
}
