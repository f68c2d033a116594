/* Whose memory it is: what the device may only read, what it may only write, and that a driver may
 * cut its buffers as it likes. */
#include <check.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, ROOM = 2048, LONG = 20000 };

static struct rig r;
static uint8_t frame[LONG + 100], got[LONG + 100];

static void setup(void) { rig_make(&r); }
static void teardown(void) { rig_end(&r); }

static uint64_t whole_pages(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/* Nobody else's, for their access is changed. */
static uint64_t alloc_pages(uint64_t bytes)
{
	return driver_alloc(&r.memory, whole_pages(bytes), whole_pages(1));
}

static void allow(uint64_t at, uint64_t bytes, int what)
{
	ck_assert_int_eq(mprotect(driver_at(&r.memory, at), whole_pages(bytes), what), 0);
}

/* The same queue with its descriptor table elsewhere. */
static void move_table(unsigned index, uint64_t table)
{
	rig_stop_queue(&r, index);
	rig_write(&r, 0x080, (uint32_t)table);
	r.queue[index].desc = table;
	rig_write(&r, 0x044, 1);
	ck_assert_uint_eq(rig_read(&r, 0x044), 1);
}

static const struct {
	const char *says;
	unsigned queue;
	struct vnet_hdr hdr;
	uint32_t payload;
} readable[] = {
	{ "a frame as it is", RIG_TX, { 0 }, 100 },
	{ "a checksum left open",
	  RIG_TX,
	  { .flags = 1, .csum_start = 34, .csum_offset = 16 },
	  100 },
	{ "a super-frame, which is lent",
	  RIG_TX,
	  { .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 },
	  LONG },
	{ "a command", RIG_CTRL, { 0 }, 0 },
};

/* A write would end this program. */
/* rule: SPLIT-06 SPLIT-08 */
START_TEST(what_is_readable_is_never_written)
{
	unsigned queue = readable[_i].queue;
	struct driver_queue *q = &r.queue[queue];
	const uint8_t hdr[RIG_HDR] = { readable[_i].hdr.flags,
				       readable[_i].hdr.gso_type,
				       0xff,
				       0xff,
				       0xa8,
				       5,
				       34,
				       0,
				       16,
				       0,
				       0xff,
				       0xff };
	uint32_t len = RIG_HDR + rig_fill_ip(frame, false, true, readable[_i].payload);
	uint64_t table, at, ack;

	rig_up(&r, RIG_ALL, SIZE);
	table = alloc_pages(16 * SIZE);
	at = alloc_pages(len);
	ack = driver_alloc(&r.memory, 1, 1);
	move_table(queue, table);
	memcpy(driver_at(&r.memory, at), hdr, sizeof(hdr));
	memcpy(driver_at(&r.memory, at + RIG_HDR), frame, len - RIG_HDR);
	if (queue == RIG_CTRL) {
		memcpy(driver_at(&r.memory, at), (uint8_t[]){ 1, 1, 2, 0, 0, 0, 0, 9 }, 8);
		len = 8;
	}
	driver_desc(q, 0, at, len, queue == RIG_CTRL ? D_NEXT : 0, 1);
	driver_desc(q, 1, ack, 1, D_WRITE, 0);
	driver_offer(q, 0);
	allow(table, 16 * SIZE, PROT_READ);
	allow(at, len, PROT_READ);
	driver_show(q);
	rig_kick(&r, queue);
	rig_await_used(&r, queue, 1);
	allow(table, 16 * SIZE, PROT_READ | PROT_WRITE);
	allow(at, len, PROT_READ | PROT_WRITE);
	ck_assert_msg(rig_stats(&r).tx.packets == (queue == RIG_TX), "%s was not sent",
		      readable[_i].says);
}
END_TEST

/* A driver that writes over its frame once it was judged: in place of the backend, before that
 * looks. */
static const struct backend_ops *behind;
static uint64_t judged_at;

static void send_late(struct backend *be, unsigned queue, struct batch *batch)
{
	memset(driver_at(&r.memory, judged_at), 0xff, RIG_HDR + COPY_MAX);
	behind->send(be, queue, batch);
}

/* The worker looks at them at any time but in a pause. */
static void set_ops(const struct backend_ops *ops)
{
	struct device *d = net_device(r.net);

	device_lock(d);
	device_pause(d);
	r.backend->ops = ops;
	device_resume(d);
	device_unlock(d);
}

/* rule: CORE-31 */
START_TEST(what_was_judged_is_what_is_sent)
{
	static const struct vnet_hdr hdr = { .flags = 1, .csum_start = 34, .csum_offset = 16 };
	struct backend_ops late = *r.backend->ops;
	uint32_t len = rig_fill_ip(frame, false, true, 900);
	struct vnet_hdr h;

	behind = r.backend->ops;
	late.send = send_late;
	rig_up(&r, RIG_ALL, SIZE);
	judged_at = (r.memory.next + 15) / 16 * 16; /* where rig_send puts it */
	set_ops(&late);
	rig_send(&r, hdr, frame, len);
	ck_assert_int_eq(rig_await_sent(&r, &h, got, sizeof(got)), (int)len);
	rig_await_used(&r, RIG_TX, 1);
	set_ops(behind);
	ck_assert_uint_eq(*(uint8_t *)driver_at(&r.memory, judged_at), 0xff);
	ck_assert(memcmp(frame, got, len) == 0);
	ck_assert(h.flags == 1 && h.csum_start == 34 && h.csum_offset == 16);
}
END_TEST

/* Receives one frame into buffers that were full of `junk`: what is there then, header and all. */
static uint32_t receive_over(uint8_t junk, uint64_t features, struct vnet_hdr hdr, uint32_t room,
			     uint8_t *ret_bytes)
{
	uint32_t len = rig_fill_ip(frame, false, true, 900), total = 0;
	struct driver_used u;
	uint64_t at;

	rig_up(&r, features, SIZE);
	at = rig_post(&r, SIZE, room);
	for (unsigned i = 0; i < SIZE; i++)
		memset(driver_at(&r.memory, at + (uint64_t)i * room), junk, room);
	ck_assert(loopback_give(r.backend, 0, hdr, frame, len));
	rig_await_used(&r, RIG_RX, (uint16_t)((len + RIG_HDR + room - 1) / room));
	while (driver_collect(&r.queue[RIG_RX], &u)) {
		memcpy(ret_bytes + total, driver_at(&r.memory, at + (uint64_t)u.id * room), u.len);
		total += u.len;
	}
	ck_assert_uint_eq(total, len + RIG_HDR);
	return total;
}

/* What cannot be seen from outside is that nothing was read; what can is that it made no
 * difference. */
/* rule: SPLIT-07 */
START_TEST(what_was_in_a_receive_buffer_makes_no_difference)
{
	static const struct {
		uint64_t features;
		struct vnet_hdr hdr;
		uint32_t room;
	} ways[] = {
		{ RIG_ALL, { 0 }, ROOM },
		{ RIG_ALL, { .flags = 1, .csum_start = 34, .csum_offset = 16 }, 112 },
		{ RIG_BIT(VIRTIO_NET_F_MAC),
		  { .flags = 1, .csum_start = 34, .csum_offset = 16 },
		  ROOM },
	};
	static uint8_t first[4096], second[4096];
	uint32_t len = receive_over(0x00, ways[_i].features, ways[_i].hdr, ways[_i].room, first);

	ck_assert_uint_eq(
		receive_over(0xff, ways[_i].features, ways[_i].hdr, ways[_i].room, second), len);
	for (uint32_t i = 0; i < len; i++)
		if (first[i] != second[i])
			ck_abort_msg("byte %u is %#x over zeroes, %#x over ones", i, first[i],
				     second[i]);
}
END_TEST

/* A receive buffer of four parts, one of them of no bytes: the header is cut at each place. */
/* rule: SPLIT-03 SPLIT-26 */
START_TEST(a_receive_buffer_in_parts)
{
	struct driver_queue *q = &r.queue[RIG_RX];
	const uint32_t len = 100, cut = (uint32_t)_i;
	struct driver_used u;
	uint64_t at;

	rig_up(&r, RIG_ALL, SIZE);
	at = driver_alloc(&r.memory, ROOM, 16);
	memset(driver_at(&r.memory, at), 0xaa, ROOM);
	driver_desc(q, 0, at, cut, D_NEXT | D_WRITE, 1);
	driver_desc(q, 1, at, 0, D_NEXT | D_WRITE, 2);
	driver_desc(q, 2, at + cut, 1, D_NEXT | D_WRITE, 3);
	driver_desc(q, 3, at + cut + 1, ROOM - cut - 1, D_WRITE, 0);
	driver_offer(q, 0);
	driver_show(q);
	rig_kick(&r, RIG_RX);
	rig_fill(frame, len, cut);
	ck_assert(loopback_give(r.backend, 0, (struct vnet_hdr){ 0 }, frame, len));
	rig_await_used(&r, RIG_RX, 1);
	ck_assert(driver_collect(q, &u));
	ck_assert_uint_eq(u.len, RIG_HDR + len);
	memset(got, 0, RIG_HDR);
	got[10] = 1; /* num_buffers */
	memcpy(got + RIG_HDR, frame, len);
	ck_assert(memcmp(driver_at(&r.memory, at), got, RIG_HDR + len) == 0);
	ck_assert_msg(*(uint8_t *)driver_at(&r.memory, at + RIG_HDR + len) == 0xaa,
		      "a byte behind the frame was written");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("buffers");
	TCase *tc = tcase_create("buffers");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_is_readable_is_never_written, 0, (int)ARRAY_LEN(readable));
	tcase_add_test(tc, what_was_judged_is_what_is_sent);
	tcase_add_loop_test(tc, what_was_in_a_receive_buffer_makes_no_difference, 0, 3);
	tcase_add_loop_test(tc, a_receive_buffer_in_parts, 1, 20);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
