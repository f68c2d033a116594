/* Drivers not seen before: each life of the device has other features, ring sizes, layouts of
 * chains and habits of notifying. What is sent comes back by the loopback, and is compared. */
#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	LIVES = 40,
	TURNS = 20,
	SIZES = 9, /* rings of 1 to 256 */
	PIECES = 64,
	CHAINS = 64,
	WHOLE = 65562 + RIG_HDR, /* what a driver without merging posts (virtio 1.4, 5.1.9.3.1) */
	PAGE = 4096,
	MTU_FRAME = 1514,
	NOT_SOON = 0x8000, /* used_event of a driver that polls */
};

struct parts {
	struct {
		uint64_t at;
		uint32_t len;
	} piece[PIECES];
	unsigned count;
	uint32_t bytes;
	uint16_t head;
	unsigned descriptors;
};

/* The driver's side of a queue: its free descriptors, in no order. */
struct side {
	struct driver_queue *q;
	uint16_t free[256], next[256];
	unsigned free_count;
};

static struct rig r;
static struct side sides[2];
static struct parts posted[CHAINS], sent;
static uint8_t out[RIG_HDR + FRAME_MAX], in[RIG_HDR + FRAME_MAX];
static uint32_t random_state;

/* 0 to n - 1. */
static uint32_t any(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(random_state >> 8) * n >> 24);
}

/* ---- chains ---- */

static void side_init(unsigned queue)
{
	struct side *s = &sides[queue];

	s->q = &r.queue[queue];
	s->free_count = 0;
	for (uint16_t i = 0; i < s->q->size; i++)
		s->free[s->free_count++] = i;
}

static uint16_t take_free(struct side *s)
{
	unsigned i = any(s->free_count);
	uint16_t taken = s->free[i];

	s->free[i] = s->free[--s->free_count];
	return taken;
}

enum layout { ONE, HEADER_APART, PAGES, BYTES_FIRST, ANY_PIECES, LAYOUTS };

static uint32_t piece_len(enum layout layout, unsigned index, uint32_t left)
{
	switch (layout) {
	case HEADER_APART: return index == 0 ? RIG_HDR : left;
	case PAGES: return index == 0 ? RIG_HDR : PAGE;
	case BYTES_FIRST: return index < RIG_HDR ? 1 : left;
	case ANY_PIECES: return any(4) == 0 ? 0 : 1 + any(left);
	case ONE:
	case LAYOUTS: break;
	}
	return left;
}

/* Cuts room for so many bytes, into `most` pieces at most. */
static void cut(struct parts *p, enum layout layout, uint32_t bytes, unsigned most)
{
	uint32_t left = bytes;

	p->bytes = bytes;
	for (p->count = 0; left > 0; p->count++) {
		uint32_t len = p->count + 1 < most ? piece_len(layout, p->count, left) : left;

		len = len < left ? len : left;
		p->piece[p->count].at = driver_alloc(&r.memory, len + 8, 1) + any(8);
		p->piece[p->count].len = len;
		left -= len;
	}
}

static void copy(const struct parts *p, uint8_t *bytes, uint32_t len, bool to_guest)
{
	for (unsigned i = 0; i < p->count && len > 0; i++) {
		uint32_t part = p->piece[i].len < len ? p->piece[i].len : len;

		if (part > 0 && to_guest)
			ck_assert(mem_write(r.memory.mem, p->piece[i].at, bytes, part));
		else if (part > 0)
			ck_assert(mem_read(r.memory.mem, p->piece[i].at, bytes, part));
		bytes += part;
		len -= part;
	}
}

static uint16_t flags_of(const struct parts *p, unsigned i, bool writable)
{
	return (uint16_t)((i + 1 < p->count ? D_NEXT : 0) | (writable ? D_WRITE : 0));
}

/* A table at any address; the device has no use for WRITE beside INDIRECT (SPLIT-18). */
static void post_indirect(struct side *s, struct parts *p, bool writable)
{
	uint64_t table = driver_alloc(&r.memory, 16 * p->count + 8, 1) + any(8);

	for (unsigned i = 0; i < p->count; i++)
		driver_desc_at(&r.memory, table, (uint16_t)i, p->piece[i].at, p->piece[i].len,
			       flags_of(p, i, writable), (uint16_t)(i + 1));
	p->head = take_free(s);
	p->descriptors = 1;
	driver_desc(s->q, p->head, table, 16 * p->count,
		    (uint16_t)(D_INDIRECT | (any(2) ? D_WRITE : 0)), 0);
}

static void post_direct(struct side *s, struct parts *p, bool writable)
{
	uint16_t at = take_free(s);

	p->head = at;
	p->descriptors = p->count;
	for (unsigned i = 0; i < p->count; i++) {
		uint16_t next = i + 1 < p->count ? take_free(s) : 0xffff;

		driver_desc(s->q, at, p->piece[i].at, p->piece[i].len, flags_of(p, i, writable),
			    next);
		s->next[at] = next;
		at = next;
	}
}

static void post(unsigned queue, struct parts *p)
{
	struct side *s = &sides[queue];
	bool indirect = rig_has(&r, VIRTIO_RING_F_INDIRECT_DESC);

	if (indirect && (p->count + CHAINS > s->free_count || any(2) == 0))
		post_indirect(s, p, queue == RIG_RX);
	else
		post_direct(s, p, queue == RIG_RX);
	driver_offer(s->q, p->head);
}

/* The next used chain is this one: what was written to it. */
static uint32_t collect(unsigned queue, const struct parts *p)
{
	struct side *s = &sides[queue];
	struct driver_used used;
	uint16_t at = p->head;

	ck_assert(driver_collect(s->q, &used));
	ck_assert_uint_eq(used.id, p->head);
	for (unsigned i = 0; i < p->descriptors; i++) {
		s->free[s->free_count++] = at;
		at = s->next[at];
	}
	return used.len;
}

/* ---- a life ---- */

struct habits {
	bool kicks_always, posts_early, polls, merges;
	uint32_t longest;
};

/* Bits that stand on another bring it along. */
static uint64_t any_features(void)
{
	static const uint64_t choice[] = {
		RIG_BIT(VIRTIO_RING_F_INDIRECT_DESC),
		RIG_BIT(VIRTIO_RING_F_EVENT_IDX),
		RIG_BIT(VIRTIO_NET_F_MAC),
		RIG_BIT(VIRTIO_NET_F_STATUS),
		RIG_BIT(VIRTIO_NET_F_MRG_RXBUF),
		RIG_BIT(VIRTIO_NET_F_MTU),
		RIG_BIT(VIRTIO_NET_F_CTRL_VQ),
		RIG_BIT(VIRTIO_NET_F_CTRL_VQ) | RIG_BIT(VIRTIO_NET_F_CTRL_RX),
		RIG_BIT(VIRTIO_NET_F_CSUM) | RIG_BIT(VIRTIO_NET_F_HOST_TSO4),
		RIG_BIT(VIRTIO_NET_F_GUEST_CSUM) | RIG_BIT(VIRTIO_NET_F_GUEST_TSO4),
	};
	uint64_t features = 0;

	for (unsigned i = 0; i < ARRAY_LEN(choice); i++)
		features |= any(2) ? choice[i] : 0;
	return features;
}

static struct habits begin(void)
{
	struct habits h = { any(2), any(2), any(2), false, 0 };

	rig_prepare(&r, any_features(), (uint16_t)(1u << any(SIZES)));
	h.merges = rig_has(&r, VIRTIO_NET_F_MRG_RXBUF) && r.queue[RIG_RX].size > 1;
	h.longest = rig_has(&r, VIRTIO_NET_F_MTU) ? MTU_FRAME : FRAME_MAX;
	for (unsigned queue = RIG_RX; queue <= RIG_TX; queue++) {
		side_init(queue);
		if (h.polls && r.queue[queue].event_idx)
			driver_set_used_event(&r.queue[queue], NOT_SOON);
		else if (h.polls)
			driver_set_avail_flags(&r.queue[queue], 1);
		if (any(4) == 0)
			rig_kick(&r, queue); /* too early: nothing */
	}
	if (!h.posts_early)
		rig_go(&r);
	return h;
}

static void show(const struct habits *h, unsigned queue, uint16_t old, bool live)
{
	driver_show(&r.queue[queue]);
	if (live && (h->kicks_always || driver_wants_kick(&r.queue[queue], old)))
		rig_kick(&r, queue);
}

/* Room for `bytes` in one chain, or merged in as many as a ring of that size holds. */
static unsigned post_room(const struct habits *h, uint32_t bytes)
{
	struct side *s = &sides[RIG_RX];
	bool indirect = rig_has(&r, VIRTIO_RING_F_INDIRECT_DESC);
	uint32_t most = s->q->size / 2 < CHAINS ? s->q->size / 2 : CHAINS;
	uint32_t least = h->merges ? bytes / (most > 0 ? most : 1) + RIG_HDR + 1 : WHOLE;
	unsigned chains = 0;

	for (uint32_t room = 0; room < bytes; chains++) {
		struct parts *p = &posted[chains];
		bool pieces = indirect || (!h->merges && s->q->size >= 32);

		cut(p, pieces ? (enum layout)any(BYTES_FIRST) : ONE,
		    h->merges ? least + any(2000) : least, 20);
		post(RIG_RX, p);
		room += p->bytes;
	}
	return chains;
}

static void make_frame(uint32_t len)
{
	memset(out, 0, RIG_HDR);
	rig_fill(out + RIG_HDR, len, any(1000));
}

static void assert_back(unsigned chains, uint32_t bytes)
{
	uint32_t got = 0;

	rig_await_used(&r, RIG_RX, (uint16_t)(r.queue[RIG_RX].used_index + chains));
	for (unsigned i = 0; i < chains; i++) {
		uint32_t written = collect(RIG_RX, &posted[i]);

		ck_assert_uint_le(got + written, bytes);
		copy(&posted[i], in + got, written, false);
		got += written;
	}
	ck_assert_uint_eq(got, bytes);
	ck_assert_uint_eq(in[10] | (unsigned)in[11] << 8, chains);
	in[10] = in[11] = 0;
	ck_assert_msg(memcmp(in, out, bytes) == 0, "a frame of %u bytes came back as another",
		      bytes - RIG_HDR);
}

static void turn(const struct habits *h, bool first)
{
	uint32_t len = 14 + any(any(3) == 0 ? h->longest - 13 : MTU_FRAME - 13);
	uint32_t bytes = RIG_HDR + len;
	uint16_t rx_old = r.queue[RIG_RX].avail_index, tx_old = r.queue[RIG_TX].avail_index;
	uint16_t size = r.queue[RIG_TX].size;
	bool live = !(first && h->posts_early);
	unsigned chains = post_room(h, bytes);

	show(h, RIG_RX, rx_old, live);
	make_frame(len);
	cut(&sent, (enum layout)any(LAYOUTS), bytes,
	    rig_has(&r, VIRTIO_RING_F_INDIRECT_DESC) ? PIECES
	    : size < PIECES                          ? size
						     : PIECES);
	copy(&sent, out, bytes, true);
	post(RIG_TX, &sent);
	show(h, RIG_TX, tx_old, live);
	if (!live)
		rig_go(&r); /* no kick, and none will come */
	rig_await_used(&r, RIG_TX, r.queue[RIG_TX].avail_index);
	ck_assert_uint_eq(collect(RIG_TX, &sent), 0);
	assert_back(chains, bytes);
}

START_TEST(many_lives)
{
	random_state = (uint32_t)_i;
	rig_make(&r);
	loopback_set_echo(r.backend, true);
	for (unsigned life = 0; life < LIVES; life++) {
		struct habits h = begin();
		uint64_t memory = r.memory.next;

		for (unsigned i = 0; i < TURNS; i++) {
			r.memory.next = memory;
			turn(&h, i == 0);
		}
	}
	rig_end(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("datapath/drivers");
	TCase *tc = tcase_create("drivers");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, many_lives, 0, 5);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
