/* guest/checks/serve.c: words, steps, and what the guest does while it waits. */
#include <stdarg.h>

#include "guest/checks/check.h"

enum { BATCH = 64, ARP_ROUNDS = 2000 };

/* ---- words ---- */

static void put(char *to, uint32_t size, uint32_t *used, char c)
{
	if (*used < size - 1)
		to[(*used)++] = c;
	to[*used] = '\0';
}

static void put_number(char *to, uint32_t size, uint32_t *used, uint32_t v, uint32_t base)
{
	char digits[12];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v > 0);
	while (n > 0)
		put(to, size, used, digits[--n]);
}

static void format_to(char *to, uint32_t size, uint32_t *used, const char *format, va_list args)
{
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			put(to, size, used, *format);
			continue;
		}
		format++;
		if (*format == 'u')
			put_number(to, size, used, va_arg(args, uint32_t), 10);
		else if (*format == 'x')
			put_number(to, size, used, va_arg(args, uint32_t), 16);
		else
			for (const char *s = va_arg(args, const char *); *s != '\0'; s++)
				put(to, size, used, *s);
	}
}

void say(struct guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(g->detail, sizeof(g->detail), &g->detail_len, format, args);
	va_end(args);
}

enum verdict fail(struct guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(g->detail, sizeof(g->detail), &g->detail_len, format, args);
	va_end(args);
	return VERDICT_FAIL;
}

enum verdict skip(struct guest *g, const char *why)
{
	say(g, "%s", why);
	return VERDICT_SKIP;
}

enum verdict not_asked(struct guest *g, const char *why)
{
	say(g, "%s", why);
	return VERDICT_NOT_ASKED;
}

/* ---- serving ---- */

static bool ours(const struct guest *g, const struct packet *p)
{
	const struct address *us = p->v6 ? &g->host6.from : &g->host4.from;

	for (unsigned i = 0; i < (p->v6 ? 16u : 4u); i++)
		if (p->to_ip[i] != us->bytes[i])
			return false;
	return true;
}

static void send_plain(struct guest *g, uint32_t len)
{
	static const struct hdr plain;

	(void)nic_send(&g->nic, &plain, g->reply, len, false);
}

static void copy_mac(uint8_t *to, const uint8_t *from)
{
	for (unsigned i = 0; i < 6; i++)
		to[i] = from[i];
}

static void answer_arp(struct guest *g, const struct packet *p)
{
	uint32_t len = put_arp_request(g->reply, &g->host4);
	uint8_t *arp = g->reply + ETH;

	copy_mac(g->reply, p->from_mac);
	arp[7] = 2;
	copy_mac(arp + 18, p->from_mac);
	for (unsigned i = 0; i < 4; i++)
		arp[24 + i] = p->from_ip[i];
	send_plain(g, len);
}

/* The same packet with the addresses exchanged: the sum changes only by the type. */
static void answer_echo(struct guest *g, const struct packet *p, const uint8_t *frame, uint32_t len)
{
	struct flow back = p->v6 ? g->host6 : g->host4;
	uint8_t *icmp;

	copy_mac(back.to_mac, frame + 6);
	__builtin_memcpy(back.to.bytes, p->from_ip, p->v6 ? 16 : 4);
	__builtin_memcpy(g->reply, frame, len);
	(void)put_echo_request(g->reply, &back, p->sequence, p->payload_len);
	icmp = g->reply + (p->l4 - frame);
	icmp[4] = p->l4[4]; /* the asker's identifier */
	icmp[5] = p->l4[5];
	icmp[0] = p->v6 ? 129 : 0;
	put_be16(icmp + 2, 0);
	put_be16(icmp + 2, (uint16_t)~sum_of(p->v6 ? pseudo_sum(&back, PROTO_ICMP6, p->l4_len) : 0,
					     icmp, p->l4_len));
	send_plain(g, len);
}

/* Neighbour advertisement, solicited, with our link-layer address (RFC 4861, 4.4). */
static void answer_neighbour(struct guest *g, const struct packet *p, const uint8_t *frame)
{
	struct flow back = g->host6;
	uint32_t at;
	uint8_t *na;

	copy_mac(back.to_mac, frame + 6);
	__builtin_memcpy(back.to.bytes, p->from_ip, 16);
	at = put_ip(g->reply, &back, PROTO_ICMP6, 32);
	na = g->reply + at;
	for (unsigned i = 0; i < 32; i++)
		na[i] = 0;
	na[0] = 136;
	na[4] = 0x60; /* solicited, override */
	__builtin_memcpy(na + 8, g->host6.from.bytes, 16);
	na[24] = 2;
	na[25] = 1;
	copy_mac(na + 26, g->nic.mac);
	put_be16(na + 2, (uint16_t)~sum_of(pseudo_sum(&back, PROTO_ICMP6, 32), na, 32));
	send_plain(g, at + 32);
}

static void on_frame(struct guest *g, const struct hdr *h, const uint8_t *frame, uint32_t len)
{
	struct packet p = take_apart(frame, len);

	if (p.arp_request && ours(g, &p))
		answer_arp(g, &p);
	else if (p.neighbour_solicitation &&
		 __builtin_memcmp(p.l4 + 8, g->host6.from.bytes, 16) == 0)
		answer_neighbour(g, &p, frame);
	else if (p.echo_request && ours(g, &p) && p.sum_right)
		answer_echo(g, &p, frame, len);
	else if (g->on_frame != NULL)
		g->on_frame(g, g->on_frame_self, h, frame, len);
}

unsigned serve(struct guest *g, bool may_wait)
{
	struct hdr h;
	unsigned count = 0;
	uint32_t len;

	while (count < BATCH && (len = nic_receive(&g->nic, &h)) > 0) {
		g->came_on = 0;
		on_frame(g, &h, g->nic.frame, len);
		count++;
	}
	while (g->nic.second && count < BATCH && (len = nic_second_receive(&g->nic, &h)) > 0) {
		g->came_on = 1;
		on_frame(g, &h, g->nic.frame, len);
		count++;
	}
	nic_reclaim(&g->nic);
	if (count == 0 && may_wait)
		nic_wait(&g->nic, &g->nic.rx, g->nic.rx_after);
	return count;
}

void wait_a_while(struct guest *g)
{
	g->seam->wait(g->seam->self, g->seam->interrupts(g->seam->self));
}

/* ---- steps ---- */

static void print_step(struct guest *g, const char *format, va_list args)
{
	char line[160];
	uint32_t used = 0;

	format_to(line, sizeof(line), &used, format, args);
	g->seam->print(g->seam->self, line);
}

void step_begin(struct guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_step(g, format, args);
	va_end(args);
}

bool step_done(struct guest *g, bool *ret_ok)
{
	if (!g->seam->answer(g->seam->self, g->answer, sizeof(g->answer)))
		return false;
	*ret_ok = g->answer[0] == 'o' && g->answer[1] == 'k';
	return true;
}

static bool await_step(struct guest *g, bool live)
{
	bool ok;

	while (!step_done(g, &ok)) {
		if (live)
			(void)serve(g, true);
		else
			wait_a_while(g);
	}
	return ok;
}

bool step(struct guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_step(g, format, args);
	va_end(args);
	/* Buffers are posted: the NIC is up. */
	return await_step(g, g->nic.rx.free_count < g->nic.rx.size);
}

bool step_apart(struct guest *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_step(g, format, args);
	va_end(args);
	return await_step(g, false);
}

/* ---- bringing up ---- */

uint64_t known_features(void)
{
	static const uint8_t bits[] = { F_CSUM,       F_GUEST_CSUM,    F_CTRL_GUEST_OFFLOADS,
					F_MTU,        F_MAC,           F_GUEST_TSO4,
					F_GUEST_TSO6, F_HOST_TSO4,     F_HOST_TSO6,
					F_MRG_RXBUF,  F_STATUS,        F_CTRL_VQ,
					F_CTRL_RX,    F_CTRL_MAC_ADDR, F_INDIRECT,
					F_EVENT_IDX,  F_VERSION_1,     F_GUEST_USO4,
					F_GUEST_USO6, F_HOST_USO,      F_PACKED,
					F_RING_RESET };
	uint64_t all = 0;

	for (unsigned i = 0; i < sizeof(bits); i++)
		all |= UINT64_C(1) << bits[i];
	return all;
}

uint64_t wanted_features(const struct guest *g, uint64_t without)
{
	if (!g->packed)
		without |= UINT64_C(1) << F_PACKED;
	return known_features() & g->nic.offered & ~without;
}

static void on_arp_reply(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
			 uint32_t len)
{
	struct packet p = take_apart(frame, len);

	(void)self, (void)h;
	if (!p.arp_reply || __builtin_memcmp(p.from_ip, g->host4.to.bytes, 4) != 0)
		return;
	copy_mac(g->host4.to_mac, p.from_mac);
	copy_mac(g->host6.to_mac, p.from_mac);
	copy_mac(g->judge4.to_mac, p.from_mac);
	copy_mac(g->judge6.to_mac, p.from_mac);
	g->know_host = true;
}

/* Up with these features; what we say comes from the NIC's address. */
static bool start(struct guest *g, uint64_t without)
{
	struct flow *const flows[] = { &g->host4, &g->host6, &g->judge4, &g->judge6 };

	(void)nic_negotiate(&g->nic, 0);
	if (!nic_start(&g->nic, wanted_features(g, without)))
		return false;
	for (unsigned i = 0; i < 4; i++)
		copy_mac(flows[i]->from_mac, g->nic.mac);
	return true;
}

bool announce(struct guest *g)
{
	struct flow us;

	if (!start(g, 0))
		return false;
	us = g->host4;
	us.to = us.from;
	send_plain(g, put_arp_request(g->reply, &us));
	return true;
}

bool offers(const struct guest *g, uint64_t features)
{
	return (g->nic.offered & features) == features;
}

const char *up_with(struct guest *g, uint64_t features, bool second)
{
	if (!nic_negotiate(&g->nic, wanted_features(g, 0) | features))
		return "FEATURES_OK did not stick";
	if (!nic_queues(&g->nic) || (second && !nic_second(&g->nic)))
		return "the queues could not be set up";
	nic_go(&g->nic);
	if (second)
		nic_second_go(&g->nic);
	return step(g, "@carrier on") ? NULL : g->answer;
}

void ask_host(struct guest *g) { send_plain(g, put_arp_request(g->reply, &g->host4)); }

bool bring_up(struct guest *g, uint64_t without)
{
	if (!start(g, without) || !step(g, "@carrier on"))
		return false;
	g->know_host = false;
	g->on_frame = on_arp_reply;
	ask_host(g);
	for (unsigned i = 0; i < ARP_ROUNDS && !g->know_host; i++)
		(void)serve(g, true);
	g->on_frame = NULL;
	return g->know_host;
}
