/* The offload plan over all combinations of what was agreed on, switched on, and possible. */
#include <check.h>
#include <stdlib.h>

#include "devices/base/uapi_compat.h"
#include "devices/net/plan.h"
#include "tests/driver/suite.h"

static const unsigned bits[] = {
	VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
	VIRTIO_NET_F_GUEST_ECN,  VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO6,
};
enum { COMBINATIONS = 1 << 6 };

static struct features features_of(unsigned mask)
{
	struct features f = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
		features_set(&f, bits[i], (mask >> i & 1) != 0);
	return f;
}

static uint64_t offloads_of(unsigned mask)
{
	uint64_t o = 0;

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
		if (mask >> i & 1)
			o |= UINT64_C(1) << bits[i];
	return o;
}

static struct backend_caps caps_of(bool everything)
{
	return (struct backend_caps){
		.offloads = { everything, everything, everything, everything, everything,
			      everything, everything },
	};
}

/* rule: NET-35 NET-36 */
START_TEST(nothing_reaches_a_driver_that_did_not_agree)
{
	struct features accepted = features_of((unsigned)_i);

	for (unsigned on = 0; on < COMBINATIONS; on++) {
		for (unsigned can = 0; can < 2; can++) {
			struct backend_caps caps = caps_of(can == 1);
			struct plan p = plan_make(&accepted, offloads_of(on), 1500, &caps);
			unsigned both = (unsigned)_i & on;

			ck_assert_msg(p.rx.csum == ((both & 1) != 0), "csum of %x on %x", _i, on);
			ck_assert_msg(p.rx.tso4 == ((both & 3) == 3), "tso4 of %x on %x", _i, on);
			ck_assert_msg(p.rx.tso6 == ((both & 5) == 5), "tso6 of %x on %x", _i, on);
			ck_assert_msg(p.offloads.uso == ((both & 0x31) == 0x31 && can == 1),
				      "uso of %x on %x: the two kinds go only together", _i, on);
			ck_assert(!p.offloads.csum || (p.rx.csum && can == 1));
			ck_assert(!p.offloads.tso4 || (p.rx.tso4 && p.offloads.csum));
			ck_assert(!p.offloads.tso6 || (p.rx.tso6 && p.offloads.csum));
			ck_assert_msg(p.rx.hdr_len ==
					      (p.rx.tso4 || p.rx.tso6 || p.rx.uso4 || p.rx.uso6),
				      "hdr_len rule of %x on %x", _i, on);
		}
	}
}
END_TEST

/* rule: CTRL-26 */
START_TEST(a_driver_may_set_only_what_it_accepted)
{
	struct features accepted = features_of((unsigned)_i);

	ck_assert_msg(plan_guest_offloads(&accepted) == offloads_of((unsigned)_i),
		      "accepted %x: got %llx, want %llx", (unsigned)_i,
		      (unsigned long long)plan_guest_offloads(&accepted),
		      (unsigned long long)offloads_of((unsigned)_i));
}
END_TEST

/* rule: NET-08 NET-10 */
START_TEST(mtu_bounds_plain_frames_only_when_accepted)
{
	struct features accepted = { 0 };
	struct backend_caps caps = caps_of(true);
	struct plan p = plan_make(&accepted, 0, 1500, &caps);

	ck_assert_uint_eq(p.tx.frame_max_plain, 0);
	ck_assert_uint_eq(p.rx.frame_max_plain, 0);
	features_set(&accepted, VIRTIO_NET_F_MTU, true);
	p = plan_make(&accepted, 0, 1500, &caps);
	ck_assert_uint_eq(p.tx.frame_max_plain, 1518);
	ck_assert_uint_eq(p.rx.frame_max_plain, 1518);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/plan");
	TCase *tc = tcase_create("plan");

	tcase_add_loop_test(tc, nothing_reaches_a_driver_that_did_not_agree, 0, COMBINATIONS);
	tcase_add_loop_test(tc, a_driver_may_set_only_what_it_accepted, 0, COMBINATIONS);
	tcase_add_test(tc, mtu_bounds_plain_frames_only_when_accepted);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
