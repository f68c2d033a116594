/* The steering program in the kernel chooses the queue that devices/frame/hash.c says, frame by
 * frame, on a TAP of our own; skipped where bpf() is not permitted. */
#include <check.h>
#include <endian.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/tap.h"
#include "devices/frame/frame.h"
#include "devices/tap/tap.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

enum { QUEUES = 4, ROOM = 1600, FRAMES = 3000, PROBE_MS = 20 };

static struct backend *be;
static int packet;
static unsigned index_of_tap;
static struct backend_steering steering;
static uint8_t slots[BATCH_MAX][SLOT_BYTES];
static struct batch batch;
static uint32_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static struct err make_tap(struct tap *ret_tap)
{
	const struct tap_request request = {
		.name = "st0", .fd = -1, .queues = QUEUES, .owner = -1, .group = -1
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

static void give(const uint8_t *bytes, uint32_t len)
{
	/* Steering by flow goes by the protocol that is said here, not by the frame. */
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)index_of_tap };

	memcpy(&to.sll_protocol, bytes + 12, sizeof(to.sll_protocol));
	ck_assert_int_eq(sendto(packet, bytes, len, 0, (const struct sockaddr *)&to, sizeof(to)),
			 (ssize_t)len);
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
	ck_assert(!err_is(backend_tap_create(&config, &be)));
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
	steering.hash.types = any(4) == 0 ? any(64) : STEERING_TYPES;
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

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* ---- frames: right ones, and with any one thing wrong ---- */

static uint32_t put_upper(uint8_t *at, uint8_t kind)
{
	at[12] = (uint8_t)(kind == 6 ? 0x50 : any(256));
	if (any(8) == 0)
		at[12] = (uint8_t)any(256);
	return kind == 6 ? 20 + any(8) : 8 + any(20);
}

static uint8_t any_upper(void)
{
	static const uint8_t kinds[] = { 6, 6, 17, 17, 17, 1, 44, 58, 132 };

	return kinds[any(ARRAY_LEN(kinds))];
}

static uint32_t put_ipv4(uint8_t *ip)
{
	uint8_t kind = any_upper();
	uint32_t header = 20 + 4 * (any(3) == 0 ? any(11) : 0);

	ip[0] = (uint8_t)(0x40 | header / 4);
	if (any(16) == 0)
		ip[0] = (uint8_t)any(256);
	put16(ip + 6, any(5) == 0 ? any(65536) : any(3) * 0x2000);
	ip[9] = kind;
	return header + put_upper(ip + header, kind);
}

static uint32_t put_ipv6(uint8_t *ip)
{
	static const uint8_t extensions[] = { 0, 43, 60, 60, 44 };
	uint8_t kind = any_upper(), *next = ip + 6;
	uint32_t at = 40;

	ip[0] = (uint8_t)(any(16) == 0 ? any(256) : 0x60);
	for (unsigned count = any(3) == 0 ? any(11) : 0; count > 0; count--) {
		*next = extensions[any(ARRAY_LEN(extensions))];
		next = ip + at;
		ip[at + 1] = (uint8_t)any(any(4) == 0 ? 8 : 2);
		at += (ip[at + 1] + 1u) * 8;
	}
	*next = kind;
	return at + put_upper(ip + at, kind);
}

static uint32_t any_frame(uint8_t *frame)
{
	static const uint16_t tags[] = { 0x8100, 0x88a8, 0x8100, 0x9100 };
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0800, 0x86dd, 0x0806, 0x88b5 };
	uint16_t type = types[any(ARRAY_LEN(types))];
	uint32_t at = 12, len;

	for (unsigned i = 0; i < ROOM; i++)
		frame[i] = (uint8_t)any(256);
	frame[0] = 0x52;
	for (unsigned count = any(3) == 0 ? any(4) : 0; count > 0; count--, at += 4)
		put16(frame + at, tags[any(ARRAY_LEN(tags))]);
	put16(frame + at, type);
	at += 2;
	len = at + (type == 0x0800   ? put_ipv4(frame + at)
		    : type == 0x86dd ? put_ipv6(frame + at)
				     : any(100));
	if (any(8) == 0)
		len = 14 + any(len - 13);
	return len < 1514 ? len : 1514;
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
		ck_assert(came == 0 || (got == len && memcmp(bytes, frame, len) == 0));
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
		assert_steered(frame, any_frame(frame), i);
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
		assert_steered(frame, any_frame(frame), i);
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

int main(void)
{
	Suite *s = suite_create("steer");
	TCase *tc = tcase_create("steer");
	struct tap tap;

	if (!host_ready("the steering program"))
		return 0;
	if (err_is(make_tap(&tap)) || !tap.steers) {
		(void)printf("skip: the steering program: bpf() is not permitted here\n");
		return 0;
	}
	tap_close(&sys_host, &tap);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_kernel_steers_as_the_hash_says, 0, 4);
	tcase_add_test(tc, queues_that_changed_places);
	tcase_add_test(tc, by_flow_again);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
