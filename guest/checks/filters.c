/* guest/checks/filters.c: receive modes that keep frames out, and the table of VLANs. */
#include "guest/checks/check.h"

enum {
	CLASS_RX = 0,
	RX_PROMISC = 0,
	RX_ALLMULTI = 1,
	RX_NOMULTI = 3,
	RX_NOUNI = 4,
	RX_NOBCAST = 5,
	CLASS_VLAN = 2,
	VLAN_ADD = 0,
	VLAN_DEL = 1,
	ACK_OK = 0,
	ACK_ERR = 1,
	FRAMES = 5,
	SIZE = 200,
	ROUNDS = 1000,
	OURS = 77, /* VLANs */
	OTHER = 78,
	NO_VLAN = 4096,
	TYPE_VLAN = 0x8100,
};
#define MAC_ONE "02:54:41:50:00:02"
#define MAC_ALL "ff:ff:ff:ff:ff:ff"
#define MAC_GROUP "01:00:5e:00:00:fb"

/* Test frames by what they are sent to, and by tag. */
struct came {
	uint32_t one, all, group, ours, other;
};

static void on_frame(struct guest *g, void *self, const struct hdr *h, const uint8_t *frame,
		     uint32_t len)
{
	bool tagged = len >= 18 && get_be16(frame + 12) == TYPE_VLAN;
	uint16_t tag = tagged ? get_be16(frame + 14) & 4095 : 0;
	struct came *c = self;

	(void)g, (void)h;
	if (len < SIZE || get_be16(frame + (tagged ? 16 : 12)) != TYPE_TEST)
		return;
	c->ours += tag == OURS;
	c->other += tag == OTHER;
	if (!tagged) {
		c->all += frame[0] == 0xff;
		c->group += frame[0] == 1;
		c->one += frame[0] == 2;
	}
}

/* Frames that are kept out or not, and behind them some that come: when these are here, the others
 * would have been. */
static bool sent(struct guest *g, struct came *c, const char *what, const char *then,
		 const uint32_t *count)
{
	*c = (struct came){ 0 };
	g->on_frame = on_frame;
	g->on_frame_self = c;
	if (!step(g, "@raw %u %s", (uint32_t)FRAMES, what) ||
	    !step(g, "@raw %u %s", (uint32_t)FRAMES, then))
		return false;
	for (unsigned i = 0; i < ROUNDS && *count < FRAMES; i++)
		(void)serve(g, true);
	return *count == FRAMES;
}

static bool mode(struct guest *g, uint8_t which, uint8_t on)
{
	return nic_control(&g->nic, CLASS_RX, which, &on, 1) == ACK_OK;
}

/* Up with that feature, and without promiscuous mode: what a device does before the first mode is
 * its own affair. VERDICT_OK: so it is. */
static enum verdict filtering(struct guest *g, unsigned feature)
{
	const char *why;

	if (g->control_kept)
		return skip(g, CONTROL_KEPT);
	if (g->ip_only)
		return not_asked(g, NOT_ON_A_TUN);
	if (!offers(g, UINT64_C(1) << feature))
		return skip(g, "not offered");
	why = up_with(g, UINT64_C(1) << feature, false);
	if (why != NULL)
		return fail(g, "%s", why);
	return mode(g, RX_PROMISC, 0) ? VERDICT_OK : fail(g, "a mode was refused");
}

static enum verdict rx_extra(struct guest *g)
{
	enum verdict v = filtering(g, F_CTRL_RX_EXTRA);
	struct came c;

	if (v != VERDICT_OK)
		return v;
	if (!mode(g, RX_NOBCAST, 1) || !sent(g, &c, MAC_ALL " 200", MAC_ONE " 200", &c.one) ||
	    c.all != 0)
		return fail(g, "NOBCAST: %u frames to all came, %u to us", c.all, c.one);
	if (!mode(g, RX_NOBCAST, 0) || !mode(g, RX_NOUNI, 1) ||
	    !sent(g, &c, MAC_ONE " 200", MAC_ALL " 200", &c.all) || c.one != 0)
		return fail(g, "NOUNI: %u frames to us came, %u to all", c.one, c.all);
	if (!mode(g, RX_NOUNI, 0) || !mode(g, RX_ALLMULTI, 1) || !mode(g, RX_NOMULTI, 1) ||
	    !sent(g, &c, MAC_GROUP " 200", MAC_ALL " 200", &c.all) || c.group != 0)
		return fail(g, "NOMULTI beside ALLMULTI: %u frames to a group came, %u to all",
			    c.group, c.all);
	if (!mode(g, RX_NOMULTI, 0) || !sent(g, &c, MAC_ALL " 200", MAC_GROUP " 200", &c.group))
		return fail(g, "ALLMULTI: %u frames to a group came", c.group);
	say(g, "NOBCAST, NOUNI and NOMULTI each kept out their own and nothing else");
	return VERDICT_OK;
}

static int vlan(struct guest *g, uint8_t command, uint16_t id)
{
	return nic_control(&g->nic, CLASS_VLAN, command, &id, sizeof(id));
}

static enum verdict vlans(struct guest *g)
{
	enum verdict v = filtering(g, F_CTRL_VLAN);
	struct came c;

	if (v != VERDICT_OK)
		return v;
	if (!sent(g, &c, MAC_ONE " 200 77", MAC_ONE " 200", &c.one) || c.ours != 0)
		return fail(g, "%u frames of VLAN 77 came before it was asked for", c.ours);
	if (vlan(g, VLAN_ADD, OURS) != ACK_OK || vlan(g, VLAN_ADD, NO_VLAN) != ACK_ERR)
		return fail(g, "VLAN 77 was refused, or 4096 was not");
	if (!sent(g, &c, MAC_ONE " 200 78", MAC_ONE " 200 77", &c.ours) || c.other != 0)
		return fail(g, "%u frames of VLAN 77 came, %u of 78", c.ours, c.other);
	if (vlan(g, VLAN_DEL, OURS) != ACK_OK ||
	    !sent(g, &c, MAC_ONE " 200 77", MAC_ONE " 200", &c.one) || c.ours != 0)
		return fail(g, "%u frames of VLAN 77 came after it was given up", c.ours);
	say(g, "frames of the VLAN that was asked for, of no other, and those without a tag");
	return VERDICT_OK;
}

const struct check filter_checks[] = { { "rx-extra", rx_extra, false }, { "vlan", vlans, false } };
const unsigned filter_count = sizeof(filter_checks) / sizeof(filter_checks[0]);
