/* What device and driver agree on: features offered, accepted and refused, and the configuration
 * space. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	SIZE = 64,
	REG_STATUS = 0x070,
	REG_INTERRUPT = 0x060,
	REG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
	SEEN = 3,
	FEATURES_OK = 8
};

static struct rig r;

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

/* ---- features ---- */

/* Bits 0 to 63, and one word more. */
static bool sticks_with(uint64_t features, uint32_t select, uint32_t word)
{
	rig_write(&r, REG_STATUS, 0);
	rig_write(&r, REG_STATUS, SEEN);
	rig_write(&r, 0x024, 0), rig_write(&r, 0x020, (uint32_t)features);
	rig_write(&r, 0x024, 1), rig_write(&r, 0x020, (uint32_t)(features >> 32));
	if (select > 1)
		rig_write(&r, 0x024, select), rig_write(&r, 0x020, word);
	rig_write(&r, REG_STATUS, SEEN | FEATURES_OK);
	return (rig_read(&r, REG_STATUS) & FEATURES_OK) != 0;
}
static bool sticks(uint64_t features) { return sticks_with(features, 0, 0); }

/* virtio 1.4, 5.1.3.1: each bit without the one it needs is refused, with it taken. */
/* clang-format off */
static const struct { unsigned bit, needs; } needs[] = {
	{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM }, { VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_CSUM }, { VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_GUEST_CSUM },
	{ VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM },	      { VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
	{ VIRTIO_NET_F_HOST_USO, VIRTIO_NET_F_CSUM },	      { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ }, { VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ },     { VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ },     { VIRTIO_NET_F_VQ_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ },
	{ VIRTIO_NET_F_DEVICE_STATS, VIRTIO_NET_F_CTRL_VQ },
};
/* clang-format on */

/* rule: CORE-16 */
START_TEST(a_feature_needs_its_ground)
{
	uint64_t base = RIG_BIT(VIRTIO_F_VERSION_1);

	ck_assert(!sticks(base | RIG_BIT(needs[_i].bit)));
	ck_assert(sticks(base | RIG_BIT(needs[_i].bit) | RIG_BIT(needs[_i].needs)));
}
END_TEST

/* rule: CORE-16 */
START_TEST(ecn_needs_either_tso)
{
	uint64_t base = RIG_BIT(VIRTIO_F_VERSION_1) | RIG_BIT(VIRTIO_NET_F_CSUM) |
			RIG_BIT(VIRTIO_NET_F_GUEST_CSUM);

	ck_assert(!sticks(base | RIG_BIT(VIRTIO_NET_F_HOST_ECN)));
	ck_assert(sticks(base | RIG_BIT(VIRTIO_NET_F_HOST_ECN) | RIG_BIT(VIRTIO_NET_F_HOST_TSO4)));
	ck_assert(sticks(base | RIG_BIT(VIRTIO_NET_F_HOST_ECN) | RIG_BIT(VIRTIO_NET_F_HOST_TSO6)));
	ck_assert(!sticks(base | RIG_BIT(VIRTIO_NET_F_GUEST_ECN)));
	ck_assert(
		sticks(base | RIG_BIT(VIRTIO_NET_F_GUEST_ECN) | RIG_BIT(VIRTIO_NET_F_GUEST_TSO6)));
}
END_TEST

/* rule: CORE-17 */
START_TEST(version_1_is_needed)
{
	ck_assert(!sticks(0));
	ck_assert(!sticks(RIG_BIT(VIRTIO_NET_F_MAC)));
	rig_write(&r, 0x014, 1);
	ck_assert_uint_eq(rig_read(&r, 0x010) & 1, 1);
	ck_assert(sticks(RIG_BIT(VIRTIO_F_VERSION_1)));
}
END_TEST

static bool one_of(uint32_t *random, uint32_t chances)
{
	*random = *random * 1664525 + 1013904223;
	return (*random >> 16) % chances == 0;
}

/* Whatever is left out, what is left is agreed to if each of it has what it needs, and only then.
 */
/* rule: CORE-13 CORE-16 */
START_TEST(any_consistent_subset_is_accepted)
{
	static const unsigned free_bits[] = {
		VIRTIO_NET_F_CSUM,           VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_MAC,
		VIRTIO_NET_F_MRG_RXBUF,      VIRTIO_NET_F_STATUS,     VIRTIO_NET_F_CTRL_VQ,
		VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX
	};
	uint32_t random = 1;

	for (unsigned round = 0; round < 2000; round++) {
		uint64_t set = RIG_BIT(VIRTIO_F_VERSION_1);
		bool consistent = true;

		for (unsigned i = 0; i < ARRAY_LEN(free_bits); i++)
			if (one_of(&random, 2))
				set |= RIG_BIT(free_bits[i]);
		for (unsigned i = 0; i < ARRAY_LEN(needs); i++)
			if (one_of(&random, 4))
				set |= RIG_BIT(needs[i].bit);
		for (unsigned i = 0; i < ARRAY_LEN(needs); i++)
			consistent = consistent && ((set >> needs[i].bit & 1) == 0 ||
						    (set >> needs[i].needs & 1) != 0);
		if (sticks(set) != consistent)
			ck_abort_msg("%#llx: FEATURES_OK is not %d", (unsigned long long)set,
				     consistent);
	}
}
END_TEST

/* ---- what is offered ---- */

static bool offers(const struct net_config *c, unsigned bit)
{
	struct features f = net_offer(c);

	return features_has(&f, bit);
}

/* What is offered follows what the backend can do, and what the user masks takes its followers
 * along. */
/* rule: CORE-11 CORE-12 */
START_TEST(the_offer_follows_the_backend)
{
	struct backend be = { .caps = { .queues = 1 } };
	struct net_config c = { .mtu = 0, .backend = &be };

	ck_assert(offers(&c, VIRTIO_NET_F_MAC) && offers(&c, VIRTIO_NET_F_CTRL_VQ));
	ck_assert(!offers(&c, VIRTIO_NET_F_MTU) && !offers(&c, VIRTIO_NET_F_CSUM) &&
		  !offers(&c, VIRTIO_NET_F_HOST_TSO4));
	ck_assert(!offers(&c, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS));
	be.caps.offloads = (struct backend_offloads){ .csum = true, .tso4 = true };
	c.mtu = 9000;
	ck_assert(offers(&c, VIRTIO_NET_F_MTU) && offers(&c, VIRTIO_NET_F_HOST_TSO4) &&
		  offers(&c, VIRTIO_NET_F_GUEST_TSO4));
	ck_assert(!offers(&c, VIRTIO_NET_F_HOST_TSO6) && !offers(&c, VIRTIO_NET_F_HOST_ECN) &&
		  !offers(&c, VIRTIO_NET_F_HOST_USO));
	be.caps.offloads.uso = be.caps.offloads.ecn = true;
	ck_assert(offers(&c, VIRTIO_NET_F_HOST_USO) && offers(&c, VIRTIO_NET_F_GUEST_USO4) &&
		  offers(&c, VIRTIO_NET_F_HOST_ECN));
	features_set(&c.switches.off, VIRTIO_NET_F_CSUM, true);
	features_set(&c.switches.off, VIRTIO_NET_F_CTRL_VQ, true);
	ck_assert(!offers(&c, VIRTIO_NET_F_HOST_TSO4) && !offers(&c, VIRTIO_NET_F_HOST_ECN) &&
		  !offers(&c, VIRTIO_NET_F_HOST_USO));
	ck_assert(!offers(&c, VIRTIO_NET_F_CTRL_RX) && !offers(&c, VIRTIO_NET_F_CTRL_MAC_ADDR));
	ck_assert(offers(&c, VIRTIO_NET_F_GUEST_TSO4));
}
END_TEST

/* What was asked for and cannot be is an error that names it. */
START_TEST(what_is_switched_on_is_offered_or_an_error)
{
	struct backend be = { .caps = { .queues = 1 } };
	struct net_config c = { .mtu = 0, .backend = &be };
	struct err e;

	ck_assert(!err_is(net_offer_check(&c)));
	features_set(&c.switches.on, VIRTIO_NET_F_HOST_TSO4, true);
	e = net_offer_check(&c);
	ck_assert(e.kind == ERR_SETUP && strstr(e.text, "host-tso4=on: this host's TAP") != NULL);
	be.caps.offloads = (struct backend_offloads){ .csum = true, .tso4 = true };
	ck_assert(!err_is(net_offer_check(&c)));
	features_set(&c.switches.off, VIRTIO_NET_F_CSUM, true);
	e = net_offer_check(&c);
	ck_assert(e.kind == ERR_USAGE && strstr(e.text, "host-tso4=on needs csum,") != NULL);
}
END_TEST

/* An error names what is missing where it is the user's to mend. */
/* clang-format off */
static const struct { const char *says; unsigned pairs, on, off[2]; } lacking[] = {
	{ "mq=on needs several queue pairs; add queues=2", 1, VIRTIO_NET_F_MQ, { 0 } },
	{ "rss=on needs several queue pairs; add queues=2", 1, VIRTIO_NET_F_RSS, { 0 } },
	{ "mq=on needs ctrl-vq,", 2, VIRTIO_NET_F_MQ, { VIRTIO_NET_F_CTRL_VQ } },
	{ "announce=on needs status,", 1, VIRTIO_NET_F_GUEST_ANNOUNCE, { VIRTIO_NET_F_STATUS } },
	{ "hash-tunnel=on needs rss or hash-report,", 1, VIRTIO_NET_F_HASH_TUNNEL, { 0 } },
	{ "queues=2 needs mq or rss,", 2, 0, { VIRTIO_NET_F_MQ, VIRTIO_NET_F_RSS } },
	{ "queues=2 needs mq or rss,", 2, 0, { VIRTIO_NET_F_CTRL_VQ } },
};
/* clang-format on */

START_TEST(what_is_missing_is_named)
{
	struct backend be = { .caps = { .queues = 2, .steering = true } };
	struct net_config c = { .backend = &be, .pairs = lacking[_i].pairs };
	struct err e;

	if (lacking[_i].on != 0)
		features_set(&c.switches.on, lacking[_i].on, true);
	for (unsigned i = 0; i < 2; i++)
		if (lacking[_i].off[i] != 0)
			features_set(&c.switches.off, lacking[_i].off[i], true);
	e = net_offer_check(&c);
	ck_assert_msg(e.kind == ERR_USAGE && strstr(e.text, lacking[_i].says) == e.text,
		      "'%s', not '%s...'", e.text, lacking[_i].says);
}
END_TEST

/* Bits that docs/not-offered.txt gives reasons for: not even a user who asks for everything has
 * them offered, and a driver that takes one is refused. */
/* rule: CORE-12 CORE-15 CORE-18 CORE-20 CORE-32 CORE-33 CORE-34 CORE-35 CTRL-24 */
START_TEST(what_has_no_switch_is_refused)
{
	static const struct {
		unsigned from, to;
	} never[] = { { 4, 4 },   { 6, 6 },   { 10, 10 }, { 14, 14 }, { 24, 27 },
		      { 30, 31 }, { 33, 33 }, { 36, 37 }, { 39, 39 }, { 41, 49 },
		      { 58, 58 }, { 61, 61 }, { 64, 64 }, { 69, 127 } };
	struct backend be = { .caps = { .queues = 1, .offloads = { 1, 1, 1, 1, 1, 1, 1 } } };
	struct net_config c = { .mtu = 1500, .backend = &be };
	uint64_t base = RIG_BIT(VIRTIO_F_VERSION_1);

	memset(&c.switches.on, 0xff, sizeof(c.switches.on));
	for (unsigned i = 0; i < ARRAY_LEN(never); i++) {
		for (unsigned bit = never[i].from; bit <= never[i].to; bit++) {
			uint64_t low = bit < 64 ? base | RIG_BIT(bit) : base;

			ck_assert_msg(!offers(&c, bit), "bit %u is offered", bit);
			rig_write(&r, 0x014, bit / 32);
			ck_assert_msg((rig_read(&r, 0x010) >> bit % 32 & 1) == 0, "bit %u shows",
				      bit);
			ck_assert_msg(!sticks_with(low, bit / 32, UINT32_C(1) << bit % 32),
				      "bit %u is accepted", bit);
		}
	}
	ck_assert_msg(!sticks_with(base, 4, 1) && sticks(base), "bit 128 is accepted");
}
END_TEST

/* ---- configuration and link ---- */

/* rule: CORE-24 CORE-26 NET-03 */
START_TEST(configuration_bytes)
{
	rig_up(&r, RIG_ALL, SIZE);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG), 0x00000002);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 4),
			  0x00010100); /* the rest of the MAC, link up */
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 8),
			  UINT32_C(1500) << 16); /* no pairs without MQ; MTU */
	/* Speed and duplex: not known. Behind them nothing is offered. */
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 12), 0xffffffff);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 16), 0xff);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 64), 0);
}
END_TEST

/* rule: CORE-24 CORE-25 NET-05 */
START_TEST(the_link_changes_status_generation_and_interrupt)
{
	uint32_t generation;

	rig_up(&r, RIG_ALL & ~RIG_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE), SIZE);
	rig_write(&r, 0x064, rig_read(&r, REG_INTERRUPT));
	generation = rig_read(&r, REG_GENERATION);
	net_set_link(r.net, false);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 4) >> 16, 0);
	ck_assert_uint_ne(rig_read(&r, REG_GENERATION), generation);
	ck_assert_uint_eq(rig_read(&r, REG_INTERRUPT), DEVICE_INT_CONFIG);
	rig_write(&r, 0x064, DEVICE_INT_CONFIG);
	ck_assert_uint_eq(rig_read(&r, REG_INTERRUPT), 0);
	generation = rig_read(&r, REG_GENERATION);
	net_set_link(r.net, false); /* as it is: nothing to say */
	ck_assert_uint_eq(rig_read(&r, REG_GENERATION), generation);
	ck_assert_uint_eq(rig_read(&r, REG_INTERRUPT), 0);
	net_set_link(r.net, true);
	ck_assert_uint_eq(rig_read(&r, REG_CONFIG + 4) >> 16, 1);
}
END_TEST

static void assert_configuration(const char *when)
{
	ck_assert_msg(rig_read(&r, REG_CONFIG) == 0x00000002 &&
			      rig_read(&r, REG_CONFIG + 4) == 0x00010100 &&
			      rig_read(&r, REG_CONFIG + 8) >> 16 == 1500,
		      "%s: MAC, status or MTU is another", when);
}

/* The driver may look before it agrees; and the MTU stays, whatever happens. */
/* rule: CORE-23 NET-07 */
START_TEST(configuration_at_any_time)
{
	assert_configuration("at power-on");
	rig_write(&r, REG_STATUS, 1);
	assert_configuration("after ACKNOWLEDGE");
	rig_write(&r, REG_STATUS, SEEN);
	assert_configuration("before FEATURES_OK");
	rig_up(&r, RIG_BIT(VIRTIO_NET_F_MRG_RXBUF), SIZE);
	assert_configuration("agreed on by nobody");
	net_set_link(r.net, false);
	net_set_link(r.net, true);
	assert_configuration("after a change of the link");
	rig_write(&r, REG_STATUS, 0);
	assert_configuration("after a reset");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agreement");
	TCase *tc = tcase_create("agreement");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_feature_needs_its_ground, 0, (int)ARRAY_LEN(needs));
	tcase_add_test(tc, ecn_needs_either_tso);
	tcase_add_test(tc, version_1_is_needed);
	tcase_add_test(tc, any_consistent_subset_is_accepted);
	tcase_add_test(tc, the_offer_follows_the_backend);
	tcase_add_test(tc, what_is_switched_on_is_offered_or_an_error);
	tcase_add_loop_test(tc, what_is_missing_is_named, 0, (int)ARRAY_LEN(lacking));
	tcase_add_test(tc, what_has_no_switch_is_refused);
	tcase_add_test(tc, configuration_bytes);
	tcase_add_test(tc, configuration_at_any_time);
	tcase_add_test(tc, the_link_changes_status_generation_and_interrupt);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
