/* The steering program in the kernel chooses the queue that devices/frame/hash.c says, frame by
 * frame, on a TAP and on a TUN of our own; skipped where bpf() is not permitted. */
#include <check.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tun.h"
#include "devices/frame/frame.h"
#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"
#include "tests/unit/tap/steer_frames.h"

enum { QUEUES = 4, FRAMES = 3000 };

static struct backend *be;
static enum tap_kind kind;
static int packet;
static unsigned index_of_tap;
static struct backend_steering steering;
static uint8_t slots[BATCH_MAX][SLOT_BYTES];
static struct batch batch;

static struct err make_tap(struct tap *ret_tap)
{
	const struct tap_request request = {
		.name = "st0", .kind = kind, .fd = -1, .queues = QUEUES, .owner = -1, .group = -1
	};

	return tap_open(&sys_host, &request, ret_tap);
}

/* Frames in that queue; bytes and length of the last. */
static unsigned drain(unsigned queue, const uint8_t **ret_bytes, uint32_t *ret_len)
{
	unsigned count = 0;
	bool more;

	do {
		for (unsigned i = 0; i < BATCH_MAX; i++)
			batch.frame[i] = (struct frame){ .bytes = slots[i] + VNET_HDR_MAX };
		be->ops->recv(be, queue, &batch, BATCH_MAX, &more);
		count += batch.count;
		if (batch.count > 0 && ret_bytes != NULL) {
			*ret_bytes = batch.frame[batch.count - 1].bytes;
			*ret_len = batch.frame[batch.count - 1].len;
		}
	} while (more);
	return count;
}

/* To a TUN without the Ethernet header. */
static void give(const uint8_t *bytes, uint32_t len)
{
	/* Steering by flow goes by the protocol that is said here, not by the frame. */
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)index_of_tap };
	uint32_t from = kind == TAP_KIND_TUN ? ETH_BYTES : 0;

	memcpy(&to.sll_protocol, bytes + 12, sizeof(to.sll_protocol));
	ck_assert_int_eq(sendto(packet, bytes + from, len - from, 0, (const struct sockaddr *)&to,
				sizeof(to)),
			 (ssize_t)(len - from));
}

static void make_backend(const struct backend_tap_config *config)
{
	struct backend_tun_config tun = { .tap = *config, .host_mac = { 2 }, .guest_mac = { 6 } };

	if (kind == TAP_KIND_TUN)
		ck_assert(!err_is(backend_tun_create(&tun, &be)));
	else
		ck_assert(!err_is(backend_tap_create(config, &be)));
}

static void setup(void)
{
	struct backend_tap_config config = {
		.fd_count = QUEUES, .sys = &sys_host, .name = "st0", .steers = true
	};
	const uint8_t probe[60] = { 0x52, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct tap tap;
	int64_t deadline = host_now_ms() + HOST_WAIT_MS;
	unsigned came = 0;

	host_fresh();
	host_without_ipv6();
	ck_assert(!err_is(make_tap(&tap)));
	ck_assert(tap.steers);
	config.fds = tap.fd;
	config.hdr_bytes = tap.hdr_bytes;
	config.carrier = tap.carrier;
	config.steer_program = tap.steer_program;
	config.steer_map = tap.steer_map;
	make_backend(&config);
	host_up("st0");
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	index_of_tap = host_info("st0").index;
	packet = host_packet("st0", HOST_ETHERTYPE, false);
	/* The kernel starts an interface's queues some time after its carrier. */
	for (; came == 0; (void)usleep(1000)) {
		ck_assert_msg(host_now_ms() < deadline, "no frame comes through");
		give(probe, sizeof(probe));
		for (unsigned i = 0; i < QUEUES; i++)
			came += drain(i, NULL, NULL);
	}
	for (unsigned i = 0; i < QUEUES; i++)
		(void)drain(i, NULL, NULL);
}

static void setup_tap(void)
{
	kind = TAP_KIND_TAP;
	setup();
}

static void setup_tun(void)
{
	kind = TAP_KIND_TUN;
	setup();
}

static void teardown(void)
{
	be->ops->destroy(be);
	ck_assert_int_eq(close(packet), 0);
}

/* A table, a key and types of any kind. */
static void steer_anyhow(void)
{
	uint8_t key[HASH_KEY_MAX];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)any(256);
	steering = (struct backend_steering){ .mask = (uint16_t)((1u << any(8)) - 1) };
	steering.hash.types = any(2) == 0 ? any(HASH_TYPES_ALL + 1) : (uint32_t)HASH_TYPES_ALL;
	if (any(4) != 0)
		steering.hash.tunnels = any(3) == 0 ? any(TUNNELS_ALL + 1) : (uint32_t)TUNNELS_ALL;
	hash_set_key(&steering.hash, key, any(5) == 0 ? any(40) : 40);
	for (unsigned i = 0; i <= steering.mask; i++)
		steering.queue[i] = (uint16_t)any(QUEUES);
	steering.unclassified = (uint16_t)any(QUEUES);
	ck_assert(!err_is(be->ops->set_steering(be, &steering)));
}

static unsigned want(const uint8_t *bytes, uint32_t len)
{
	struct hash h = hash_frame(&steering.hash, bytes, len);

	return h.report != 0 ? steering.queue[hash_entry(h, steering.mask)] : steering.unclassified;
}

static void assert_steered(const uint8_t *frame, uint32_t len, unsigned number)
{
	unsigned queue = want(frame, len);

	give(frame, len);
	for (unsigned i = 0; i < QUEUES; i++) {
		const uint8_t *bytes = NULL;
		uint32_t got = 0;
		unsigned came = drain(i, &bytes, &got);

		ck_assert_msg(came == (i == queue), "frame %u of %u bytes: %u in queue %u, not %u",
			      number, len, came, i, queue);
		ck_assert(came == 0 || kind == TAP_KIND_TUN ||
			  (got == len && memcmp(bytes, frame, len) == 0));
	}
}

/* rule: NET-47 NET-48 */
START_TEST(the_kernel_steers_as_the_hash_says)
{
	uint8_t frame[ROOM];

	seed = (uint32_t)_i * 7919 + 1;
	for (unsigned i = 0; i < FRAMES; i++) {
		if (i % 100 == 0)
			steer_anyhow();
		assert_steered(frame, any_frame(frame, kind == TAP_KIND_TUN), i);
	}
}
END_TEST

/* Table entries name queues of ours, wherever the kernel has them by now. */
START_TEST(queues_that_changed_places)
{
	uint8_t frame[ROOM];

	seed = 5;
	ck_assert(!err_is(be->ops->set_queue(be, 1, false)));
	ck_assert(!err_is(be->ops->set_queue(be, 2, false)));
	ck_assert(!err_is(be->ops->set_queue(be, 1, true)));
	ck_assert(!err_is(be->ops->set_queue(be, 2, true)));
	for (unsigned i = 0; i < FRAMES / 4; i++) {
		if (i % 100 == 0)
			steer_anyhow();
		assert_steered(frame, any_frame(frame, kind == TAP_KIND_TUN), i);
	}
}
END_TEST

/* rule: CTRL-18 */
START_TEST(by_flow_again)
{
	uint8_t frame[ROOM] = {
		0x52, [12] = 0x08, 0, 0x45, [17] = 46, [23] = 17, [26] = 10, [30] = 10
	};
	unsigned used = 0;

	seed = 7;
	steering = (struct backend_steering){ .unclassified = 2, .queue = { 2 } };
	ck_assert(!err_is(be->ops->set_steering(be, &steering)));
	for (unsigned i = 0; i < 64; i++) {
		frame[35] = (uint8_t)i;
		give(frame, 60);
	}
	ck_assert_uint_eq(drain(2, NULL, NULL), 64);
	ck_assert(!err_is(be->ops->set_steering(be, NULL)));
	for (unsigned i = 0; i < 64; i++) {
		frame[35] = (uint8_t)i;
		give(frame, 60);
	}
	for (unsigned i = 0; i < QUEUES; i++)
		used += drain(i, NULL, NULL) > 0;
	ck_assert_uint_gt(used, 1);
}
END_TEST

/* By a map like the program's own: whether we may, not whether the program is a right one. */
static bool bpf_is_permitted(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 4,
				.max_entries = 1,
				.map_flags = BPF_F_MMAPABLE };
	int map = sys_host.bpf(BPF_MAP_CREATE, &attr, sizeof(attr));

	if (map >= 0)
		(void)close(map);
	return map >= 0;
}

int main(void)
{
	Suite *s = suite_create("steer");
	TCase *tc = tcase_create("steer");
	TCase *tun = tcase_create("steer_tun");

	if (!host_ready("the steering program"))
		return 77;
	if (!bpf_is_permitted()) {
		(void)printf("skip: the steering program: bpf() is not permitted here\n");
		return 77;
	}
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_tap, teardown);
	tcase_add_loop_test(tc, the_kernel_steers_as_the_hash_says, 0, 4);
	tcase_add_test(tc, queues_that_changed_places);
	tcase_add_test(tc, by_flow_again);
	suite_add_tcase(s, tc);
	tcase_set_timeout(tun, 60);
	tcase_add_checked_fixture(tun, setup_tun, teardown);
	tcase_add_loop_test(tun, the_kernel_steers_as_the_hash_says, 4, 8);
	suite_add_tcase(s, tun);
	return suite_run(s);
}
