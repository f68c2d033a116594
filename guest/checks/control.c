/* guest/checks/control.c: the control queue, the link, and reset. */
#include "guest/checks/check.h"

enum {
	CLASS_RX = 0,
	RX_PROMISC = 0,
	CLASS_MAC = 1,
	MAC_TABLE_SET = 0,
	MAC_ADDR_SET = 1,
	CLASS_OFFLOADS = 5,
	CLASS_UNKNOWN = 77,
	ACK_OK = 0,
	ACK_ERR = 1,
	QUEUES = 3,
	OLD_BUFFERS = 32, /* of RX_BUFFER bytes, which a frame of 64,000 needs */
	RAW_FRAMES = 5,
	RAW_SIZE = 200,
	ROUNDS = 1000,
	LINK_ROUNDS = 4000,
	ECHO_PORT = 7000,
	OUR_PORT = 7013,
	BURST = 200,
};
#define MAC_ONE "02:54:41:50:00:02"
#define MAC_TWO "02:54:41:50:00:03"
#define MAC_OTHER "02:99:99:99:99:99"
#define MAC_ALL "ff:ff:ff:ff:ff:ff"
static const uint8_t mac_one[6] = { 2, 0x54, 0x41, 0x50, 0, 2 },
		     mac_two[6] = { 2, 0x54, 0x41, 0x50, 0, 3 };
static const uint8_t mac_other[6] = { 2, 0x99, 0x99, 0x99, 0x99, 0x99 },
		     mac_all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- commands that must be refused ---- */

static enum verdict ctrl_refused(struct guest *g)
{
	/* One thing is wrong with each, so that it is refused for that and for nothing else. A mode
	 * of no byte stands behind bytes of 0: a device that looks at what it has of the command
	 * before finds a good mode. */
	static const struct {
		const char *name;
		uint8_t class, command, byte; /* which it consists of */
		uint32_t len;
	} bad[] = {
		{ "an unknown class", CLASS_UNKNOWN, 0, 0, 1 },
		{ "an unknown command", CLASS_RX, 99, 0, 1 },
		{ "a mode of no byte", CLASS_RX, RX_PROMISC, 0, 0 },
		{ "a mode of 2 bytes", CLASS_RX, RX_PROMISC, 0, 2 },
		{ "a mode of 0xff", CLASS_RX, RX_PROMISC, 0xff, 1 },
		{ "a MAC of 5 bytes", CLASS_MAC, MAC_ADDR_SET, 2, 5 },
		{ "a MAC of many", CLASS_MAC, MAC_ADDR_SET, 3, 6 },
		{ "a MAC table with a byte behind it", CLASS_MAC, MAC_TABLE_SET, 0, 9 },
		{ "a MAC table of more than there is", CLASS_MAC, MAC_TABLE_SET, 1, 9 },
		{ "offloads of 7 bytes", CLASS_OFFLOADS, 0, 0, 7 },
		{ "offloads that were not accepted", CLASS_OFFLOADS, 0, 0xff, 8 },
		{ "a VLAN, which was not accepted", 2, 0, 0, 2 },
	};
	uint8_t bytes[9];

	if (!nic_has(&g->nic, F_CTRL_VQ))
		return skip(g, "not offered");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int ack;

		for (unsigned k = 0; k < sizeof(bytes); k++)
			bytes[k] = bad[i].byte;
		ack = nic_control(&g->nic, bad[i].class, bad[i].command, bytes, bad[i].len);
		if (ack != ACK_ERR)
			return fail(g, "%s: ack %x", bad[i].name, (uint32_t)ack);
	}
	say(g, "%u bad commands, each answered ERR", (uint32_t)(sizeof(bad) / sizeof(bad[0])));
	return VERDICT_OK;
}

/* ---- addresses ---- */

struct raw {
	uint32_t one, two, other, all;
};

static bool is(const uint8_t *a, const uint8_t *b) { return __builtin_memcmp(a, b, 6) == 0; }

static void on_raw(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		   uint32_t len)
{
	struct raw *r = self;

	(void)g, (void)h;
	if (len < ETH || get_be16(frame + 12) != TYPE_TEST)
		return;
	r->one += is(frame, mac_one);
	r->two += is(frame, mac_two);
	r->other += is(frame, mac_other);
	r->all += is(frame, mac_all);
}

/* Frames to `other`, then to `ours`: when the latter are here the former would have come. */
static bool filtered(struct guest *g, struct raw *r, const char *other, const char *ours,
		     const uint32_t *count)
{
	*r = (struct raw){ 0 };
	g->on_frame = on_raw;
	g->on_frame_self = r;
	if (!step(g, "@raw %u %s %u", (uint32_t)RAW_FRAMES, other, (uint32_t)RAW_SIZE) ||
	    !step(g, "@raw %u %s %u", (uint32_t)RAW_FRAMES, ours, (uint32_t)RAW_SIZE))
		return false;
	for (unsigned i = 0; i < ROUNDS && *count < RAW_FRAMES; i++)
		(void)serve(g, true);
	return *count == RAW_FRAMES;
}

static bool set_mac(struct guest *g, const uint8_t mac[6])
{
	uint8_t shown[6];

	if (nic_control(&g->nic, CLASS_MAC, MAC_ADDR_SET, mac, 6) != ACK_OK)
		return false;
	nic_get_mac(&g->nic, shown);
	return is(shown, mac);
}

static enum verdict second_mac(struct guest *g)
{
	static const struct hdr plain;
	static const uint8_t off = 0;
	struct raw r;

	if (g->control_kept)
		return skip(g, CONTROL_KEPT);
	if (g->ip_only)
		return not_asked(g, NOT_ON_A_TUN);
	if (!nic_has(&g->nic, F_CTRL_MAC_ADDR))
		return skip(g, "not offered");
	/* A device may start promiscuous (QEMU's does). */
	if (nic_has(&g->nic, F_CTRL_RX) &&
	    nic_control(&g->nic, CLASS_RX, RX_PROMISC, &off, 1) != ACK_OK)
		return fail(g, "promiscuous mode could not be switched off");
	if (!set_mac(g, mac_two))
		return fail(g, "the address does not show in the configuration");
	if (!filtered(g, &r, MAC_ONE, MAC_TWO, &r.two))
		return fail(g, "%u of %u frames to the new address came; %s", r.two,
			    (uint32_t)RAW_FRAMES, g->answer);
	if (r.one != 0)
		return fail(g, "%u frames to the old address came", r.one);
	if (!step(g, "@watch " MAC_TWO))
		return fail(g, "%s", g->answer);
	__builtin_memcpy(g->work, g->host4.to_mac, 6);
	__builtin_memcpy(g->work + 6, mac_two, 6);
	put_be16(g->work + 12, TYPE_TEST);
	if (!nic_send(&g->nic, &plain, g->work, 60, false) || !step(g, "@seen " MAC_TWO))
		return fail(g, "a frame from the new address: %s", g->answer);
	/* A reset brings everything back, the address too. */
	if (!bring_up(g, 0))
		return fail(g, "no traffic after a reset: %s", g->answer);
	if (!is(g->nic.mac, mac_one))
		return fail(g, "the new address outlives a reset");
	say(g, "frames to and from " MAC_TWO ", none to the old address");
	return VERDICT_OK;
}

static enum verdict promiscuous(struct guest *g)
{
	static const uint8_t on = 1, off = 0;
	struct raw r;

	if (g->control_kept)
		return skip(g, CONTROL_KEPT);
	if (g->ip_only)
		return not_asked(g, NOT_ON_A_TUN);
	if (!nic_has(&g->nic, F_CTRL_RX))
		return skip(g, "not offered");
	if (nic_control(&g->nic, CLASS_RX, RX_PROMISC, &on, 1) != ACK_OK)
		return fail(g, "could not be switched on");
	if (!filtered(g, &r, MAC_OTHER, MAC_ONE, &r.one) || r.other != RAW_FRAMES)
		return fail(g, "on: %u frames to another address came", r.other);
	if (nic_control(&g->nic, CLASS_RX, RX_PROMISC, &off, 1) != ACK_OK)
		return fail(g, "could not be switched off");
	if (!filtered(g, &r, MAC_OTHER, MAC_ONE, &r.one) || r.other != 0)
		return fail(g, "off: %u frames to another address came", r.other);
	if (!filtered(g, &r, MAC_ALL, MAC_ONE, &r.one) || r.all != RAW_FRAMES)
		return fail(g, "off: %u frames to all came", r.all);
	say(g, "on: frames to " MAC_OTHER " came, off: none, but those to all");
	return VERDICT_OK;
}

/* ---- link ---- */

/* The host's interface down or up, and the link with it: an interrupt tells of it, and the
 * configuration has another generation. NULL: well, else why not. */
static const char *follow(struct guest *g, bool up)
{
	uint32_t told = g->nic.config_told, generation = nic_read(&g->nic, REG_GENERATION);

	if (!step(g, "@link %s", up ? "up" : "down"))
		return g->answer;
	for (unsigned i = 0; i < LINK_ROUNDS; i++) {
		if (nic_link_up(&g->nic) == up && g->nic.config_told != told)
			break;
		(void)serve(g, true);
	}
	if (nic_link_up(&g->nic) != up)
		return "it did not follow the host's interface";
	if (g->nic.config_told == told)
		return "no interrupt tells of it";
	return nic_read(&g->nic, REG_GENERATION) != generation
		       ? NULL
		       : "the configuration is of the same generation as before";
}

static enum verdict link_follows(struct guest *g)
{
	const char *why;

	if (!nic_has(&g->nic, F_STATUS))
		return skip(g, "STATUS is not offered");
	if (!nic_link_up(&g->nic))
		return fail(g, "the link is down at first");
	why = follow(g, false);
	if (why != NULL) {
		enum verdict v = fail(g, "down: %s", why);

		/* Up again all the same: the checks behind this one need it. */
		(void)step(g, "@link up");
		return v;
	}
	why = follow(g, true);
	if (why != NULL)
		return fail(g, "up: %s", why);
	if (!bring_up(g, 0))
		return fail(g, "no traffic after it: %s", g->answer);
	say(g, "down and up with the host's interface, traffic after it");
	return VERDICT_OK;
}

static enum verdict mtu(struct guest *g)
{
	if (!nic_has(&g->nic, F_MTU))
		return skip(g, "MTU is not offered");
	if (g->nic.mtu != 1500)
		return fail(g, "%u", (uint32_t)g->nic.mtu);
	say(g, "1500, as the TAP's");
	return VERDICT_OK;
}

/* ---- reset ---- */

/* false: no room within some seconds. */
static bool burst(struct guest *g, unsigned count)
{
	static const struct hdr plain;
	struct flow f = g->host4;

	f.from_port = OUR_PORT;
	f.to_port = ECHO_PORT;
	for (unsigned i = 0; i < count; i++) {
		fill_pattern(g->work + udp_payload(false), i, 1000);
		if (!nic_send(&g->nic, &plain, g->work, put_udp(g->work, &f, 1000, SUM_FULL),
			      false))
			return false;
	}
	return true;
}

static void on_counted(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		       uint32_t len)
{
	uint32_t *came = self;
	struct packet p = take_apart(frame, len);

	(void)g, (void)h;
	*came += p.udp && p.to_port == OUR_PORT && p.payload_len == 1000;
}

/* Nothing of the life before is left in the registers, nor does the host see a carrier. */
static enum verdict reset_clean(struct guest *g, unsigned round)
{
	if (nic_read(&g->nic, REG_STATUS) != 0)
		return fail(g, "status is not 0 after reset %u", (uint32_t)round);
	if (nic_read(&g->nic, REG_INTERRUPT_STATUS) != 0)
		return fail(g, "InterruptStatus is not 0 after reset %u", (uint32_t)round);
	for (uint32_t queue = 0; queue < QUEUES; queue++) {
		nic_write(&g->nic, REG_QUEUE_SELECT, queue);
		if (nic_read(&g->nic, REG_QUEUE_READY) != 0)
			return fail(g, "queue %u is ready after reset %u", queue, (uint32_t)round);
	}
	if (g->our_device && !step_apart(g, "@carrier off"))
		return fail(g, "after reset %u: %s", (uint32_t)round, g->answer);
	return VERDICT_OK;
}

static void on_old(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		   uint32_t len)
{
	struct raw *r = self;

	on_raw(g, r, h, frame, len);
	r->one += take_apart(frame, len).tcp;
}

/* Fills the receive queue until the device holds a frame for which the buffers do not suffice and
 * the host's queue others: none of them may come after a reset, all that is sent then must. */
static enum verdict none_left_over(struct guest *g)
{
	struct raw r = { 0 };

	for (unsigned i = 0; i <= NIC_QUEUE / OLD_BUFFERS; i++)
		if (!step_apart(g, "@%s",
				i == 0 ? "raw 5 " MAC_ONE " 200" : "gso-frame tcp4 64000 1448"))
			return fail(g, "%s", g->answer);
	for (unsigned i = 0; i < ROUNDS && virtq_waiting(&g->nic.rx) < NIC_QUEUE - OLD_BUFFERS; i++)
		wait_a_while(g);
	if (!step_apart(g, "@raw 100 " MAC_ONE " 200"))
		return fail(g, "%s", g->answer);
	g->on_frame = on_old;
	g->on_frame_self = &r;
	if (!announce(g) || !step(g, "@carrier on") || !step(g, "@raw 5 " MAC_OTHER " 200"))
		return fail(g, "no traffic after the last: %s", g->answer);
	for (unsigned i = 0; i < ROUNDS && r.other < RAW_FRAMES; i++)
		(void)serve(g, true);
	if (r.one != 0 || r.other != RAW_FRAMES)
		return fail(g, "%u frames of before the last reset came, %u of %u of after it",
			    r.one, r.other, (uint32_t)RAW_FRAMES);
	return VERDICT_OK;
}

static enum verdict reset_in_traffic(struct guest *g)
{
	uint32_t came = 0;

	if (!step(g, "@udp-echo %u", (uint32_t)ECHO_PORT))
		return fail(g, "%s", g->answer);
	for (unsigned round = 0; round < 10; round++) {
		if (!burst(g, BURST))
			return fail(g, "no room before reset %u", (uint32_t)round);
		nic_reset(&g->nic);
		if (reset_clean(g, round) != VERDICT_OK)
			return VERDICT_FAIL;
		if (!bring_up(g, 0))
			return fail(g, "no traffic after reset %u: %s", (uint32_t)round, g->answer);
	}
	g->on_frame = on_counted;
	g->on_frame_self = &came;
	if (!burst(g, BURST / 4))
		return fail(g, "no room after the last");
	for (unsigned i = 0; i < ROUNDS && came < BURST / 4; i++)
		(void)serve(g, true);
	if (came < BURST / 4)
		return fail(g, "%u of %u echoes after the last", came, (uint32_t)(BURST / 4));
	/* The specification leaves it to the device what becomes of frames that wait. */
	if (g->our_device && !g->ip_only && none_left_over(g) != VERDICT_OK)
		return VERDICT_FAIL;
	say(g, "10 resets with frames in both rings, %u echoes after them", came);
	return VERDICT_OK;
}

const struct check control_checks[] = {
	{ "mtu", mtu, false },
	{ "ctrl-refused", ctrl_refused, true },
	{ "second-mac", second_mac, false },
	{ "promiscuous", promiscuous, false },
	{ "link", link_follows, false },
	{ "reset-in-traffic", reset_in_traffic, false },
};
const unsigned control_count = sizeof(control_checks) / sizeof(control_checks[0]);
