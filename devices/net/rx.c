/* devices/net/rx.c: the way of a frame from the backend to the guest. Start reading at net_rx. */
#include <assert.h>
#include <string.h>

#include "devices/net/net_priv.h"

enum { GUESS_MIN = 4, STALE_MAX = 8192, RX_BYTES_MOST = BATCH_MAX * FRAME_MAX };

/* virtio 1.4, 5.1.2: receive queue of pair i. */
static unsigned rx_index(const struct net_pair *p) { return 2 * p->index; }

static void fresh_slots(struct net_pair *p)
{
	p->rx.count = p->rx_next = 0;
	p->rx_looked = p->rx_cutting = false;
	for (unsigned i = 0; i < BATCH_MAX; i++)
		p->rx.frame[i].bytes = p->rx_slots + (size_t)i * SLOT_BYTES + VNET_HDR_MAX;
	p->rx_segment.bytes = p->rx_slots + (size_t)BATCH_MAX * SLOT_BYTES + VNET_HDR_MAX;
}

/* Never more frames than chains are posted, nor, as far as the last visit tells, than fit there;
 * and one that may be more than is allowed, at most. */
static unsigned frames_to_read(const struct net_pair *p, uint32_t posted, uint64_t allowed)
{
	uint64_t fit = posted;

	if (p->net->mrg_rxbuf && p->rx_longest > p->rx_chain_bytes)
		fit = (uint64_t)posted * p->rx_chain_bytes /
		      (p->rx_longest + p->net->plan.hdr_bytes);
	if (fit > p->rx_guess)
		fit = p->rx_guess;
	if (fit > allowed / FRAME_MAX + 1)
		fit = allowed / FRAME_MAX + 1;
	return fit > 0 ? (unsigned)fit : 1;
}

/* Reads a visit's frames. true: there may be more at once. */
static bool read_batch(struct net_pair *p, unsigned max)
{
	struct backend *be = p->net->config.backend;
	bool more = false;

	fresh_slots(p);
	p->rx_bytes = 0;
	be->ops->recv(be, p->index, &p->rx, max, &more);
	if (p->rx.count == 0) {
		settle_gone(p);
		return more;
	}
	count(&p->count.rx_read, p->rx.count);
	count(&p->count.batches_rx, 1);
	p->rx_guess = p->rx.count == max ? 2 * max : p->rx.count;
	if (p->rx_guess > BATCH_MAX)
		p->rx_guess = BATCH_MAX;
	if (p->rx_guess < GUESS_MIN)
		p->rx_guess = GUESS_MIN;
	p->rx_longest = 0;
	for (unsigned i = 0; i < p->rx.count; i++) {
		p->rx_bytes += p->rx.frame[i].len;
		if (p->rx.frame[i].len > p->rx_longest)
			p->rx_longest = p->rx.frame[i].len;
	}
	return more || p->rx.count == max;
}

/* By what is agreed on when it is placed, not when it was read (CTRL-25): a held frame is judged
 * at each try, and what was made of it before is made again into the same or less. */
static enum drop_reason judge(const struct net_pair *p, struct frame *f)
{
	if (!filter_passes(&p->net->filter, f->bytes, f->local))
		return DROP_RX_FILTER;
	return vnet_hdr_make_rx(f, &p->net->plan.rx);
}

/* NET-50: what the header says of the frame's hash. */
static void report_hash(const struct net_pair *p, struct frame *f)
{
	struct hash h = hash_frame(&p->net->hash, f->bytes, f->len);

	f->hdr.hash_value = h.value;
	f->hdr.hash_report = h.report;
}

/* ---- super-frames in a form that was not agreed to: cut (NET-36, NET-38, CTRL-25) ---- */

/* The frame to place next: of the batch, or of the segments of one. */
static struct frame *in_hand(struct net_pair *p)
{
	return p->rx_cutting ? &p->rx_segment : &p->rx.frame[p->rx_next];
}

static bool next_segment(struct net_pair *p)
{
	if (!segment_next(&p->rx_segmenter, &p->rx_segment))
		return false;
	count(&p->count.rx_segments, 1);
	return true;
}

/* false: it cannot be cut. Else its first segment is in hand. */
static bool cut(struct net_pair *p, const struct frame *f)
{
	p->rx_cutting = segment_begin(&p->rx_segmenter, f) && next_segment(p);
	return p->rx_cutting;
}

/* The frame in hand has its fate: on to the next segment, or to the next frame. */
static void step(struct net_pair *p)
{
	settle_rx(p, in_hand(p));
	p->rx_looked = false; /* the next has a look of its own */
	if (p->rx_cutting) {
		if (next_segment(p))
			return;
		p->rx_cutting = false;
		p->rx.frame[p->rx_next].fate = FATE_CUT;
		settle_rx(p, in_hand(p));
	}
	p->rx_next++;
}

/* Copies the frame, its header in front, over the chains (NET-31); pushes each with what was
 * written. NET-29: the header says how many. NET-32: the caller shows them by one publish.
 * SPLIT-07: nothing is read of what was in the buffers. */
static void scatter(struct net_pair *p, struct frame *f, unsigned chains)
{
	unsigned hdr_bytes = p->net->plan.hdr_bytes;
	const uint8_t *from = f->bytes - hdr_bytes;
	uint64_t left = (uint64_t)f->len + hdr_bytes;

	f->hdr.num_buffers = (uint16_t)chains;
	if (p->net->plan.hash_report)
		report_hash(p, f);
	vnet_hdr_write(f->hdr, f->bytes - hdr_bytes, hdr_bytes);
	for (unsigned i = 0; i < chains; i++) {
		const struct chain *c = &p->rx_chain[i];
		uint64_t written = 0;

		for (int s = 0; s < c->writable_count && left > 0; s++) {
			uint64_t part =
				c->writable[s].iov_len < left ? c->writable[s].iov_len : left;

			memcpy(c->writable[s].iov_base, from, part);
			from += part;
			left -= part;
			written += part;
		}
		queue_push(p->rx_queue, c, (uint32_t)written);
	}
	p->rx_chain_bytes = (uint32_t)p->rx_chain[0].writable_bytes;
	f->fate = FATE_PLACED;
}

/* Takes exactly the chains that the frame needs (NET-30: one without MRG_RXBUF) and fills them, or
 * takes none: then TAKE_EMPTY
 * (not now, but the driver has more to post), TAKE_FULL (publish, and try again), TAKE_BROKEN,
 * or TAKE_CHAIN with the frame dropped. */
static enum take place(struct net_pair *p, struct frame *f)
{
	unsigned hdr_bytes = p->net->plan.hdr_bytes;
	uint64_t need = (uint64_t)f->len + hdr_bytes, room = 0;
	unsigned chains = 0, most = p->net->mrg_rxbuf ? p->net->config.queue_size : 1;
	enum take took = TAKE_CHAIN;

	while (room < need && chains < most) {
		struct chain *c = &p->rx_chain[chains];

		took = queue_take(p->rx_queue, c);
		if (took != TAKE_CHAIN)
			break;
		chains++;
		room += c->writable_bytes;
		if (c->readable_count > 0) { /* NET-26 */
			queue_break(p->rx_queue, QUEUE_FAULT_DIRECTION);
			took = TAKE_BROKEN;
			break;
		}
		/* NET-33: a first buffer without room for the header takes no frame at all. */
		if (p->rx_chain[0].writable_bytes < hdr_bytes)
			break;
	}
	if (room >= need && took == TAKE_CHAIN && p->rx_chain[0].writable_bytes >= hdr_bytes) {
		scatter(p, f, chains);
		return TAKE_CHAIN;
	}
	if (chains > 0)
		queue_rewind(p->rx_queue, &p->rx_chain[0]);
	/* Not one chain is missing of all that the driver ever had here: no new ones will come. */
	if (took == TAKE_EMPTY && chains > 0 && chains >= p->rx_most)
		took = TAKE_CHAIN;
	if (took == TAKE_CHAIN)
		frame_drop(f, DROP_RX_TOO_BIG);
	p->rx_tried = chains;
	return took;
}

/* Judges the frame in hand and places it. TAKE_CHAIN: it has its fate; else as place says. */
static enum take try_one(struct net_pair *p)
{
	struct frame *f = in_hand(p);
	enum drop_reason why;

	if (f->fate == FATE_DROPPED)
		return TAKE_CHAIN;
	why = judge(p, f);
	if (why == DROP_RX_OFFLOAD && cut(p, f)) {
		f = in_hand(p);
		why = judge(p, f);
	}
	if (why == DROP_NONE)
		return place(p, f);
	frame_drop(f, why);
	return TAKE_CHAIN;
}

static void note_held(struct net_pair *p)
{
	atomic_store_explicit(&p->count.rx_held, p->rx.count - p->rx_next + p->rx_cutting,
			      memory_order_relaxed);
}

/* Places frames from rx_next on. Returns TAKE_CHAIN when none is left, or why it stopped. */
static enum take place_batch(struct net_pair *p)
{
	enum take took = TAKE_CHAIN;
	bool pushed = false; /* since the last publish */

	while (p->rx_next < p->rx.count) {
		took = try_one(p);
		if (took == TAKE_FULL && pushed) {
			settle_signal(p, false);
			pushed = false;
			continue;
		}
		if (took == TAKE_FULL)
			frame_drop(in_hand(p), DROP_RX_TOO_BIG);
		else if (took == TAKE_EMPTY && p->rx_looked)
			frame_drop(in_hand(p), DROP_RX_NO_BUFFERS);
		else if (took != TAKE_CHAIN)
			break;
		took = TAKE_CHAIN;
		pushed |= in_hand(p)->fate == FATE_PLACED;
		step(p);
	}
	note_held(p);
	return took;
}

enum run net_rx(struct net_pair *p)
{
	struct net *n = p->net;
	enum take took;
	uint32_t posted;
	uint64_t allowed;
	bool more = true;

	if (!pair_receives(p))
		return RUN_BLOCKED;
	queue_kick_disable(p->rx_queue);
	posted = queue_available(p->rx_queue);
	if (posted > p->rx_most)
		p->rx_most = posted;
	if (p->rx_next == p->rx.count) {
		if (posted == 0) {
			settle_owed(p, false);
			return RUN_BLOCKED;
		}
		allowed = rate_allow(&n->rx_rate, n->config.clock, RX_BYTES_MOST);
		if (allowed == 0) {
			count(&p->count.rate_waits_rx, 1);
			return RUN_LATER;
		}
		more = read_batch(p, frames_to_read(p, posted, allowed));
		rate_used(&n->rx_rate, allowed, p->rx_bytes);
	} else {
		/* A look is at new chains: a resume or a kick without any is none. A fault is
		 * told. */
		if (posted == p->rx_tried && queue_fault_of(p->rx_queue) == QUEUE_FINE)
			return RUN_BLOCKED;
		p->rx_looked = true;
	}
	took = place_batch(p);
	settle_signal(p, false);
	if (took == TAKE_BROKEN || queue_fault_of(p->rx_queue) != QUEUE_FINE)
		return RUN_BROKEN;
	if (took == TAKE_EMPTY) {
		settle_owed(p, false);
		return RUN_BLOCKED;
	}
	return more ? RUN_MORE : RUN_IDLE;
}

bool net_rx_wait(struct net_pair *p)
{
	return pair_receives(p) && queue_fault_of(p->rx_queue) == QUEUE_FINE &&
	       queue_kick_enable(p->rx_queue);
}

/* The segment in hand, and all frames from rx_next on: one that is cut gets no more segments. */
static void drop_held(struct net_pair *p, enum drop_reason why)
{
	if (p->rx_cutting) {
		frame_drop(&p->rx_segment, why);
		settle_rx(p, &p->rx_segment);
		p->rx_cutting = false;
	}
	for (; p->rx_next < p->rx.count; p->rx_next++) {
		frame_drop(&p->rx.frame[p->rx_next], why);
		settle_rx(p, &p->rx.frame[p->rx_next]);
	}
	note_held(p);
}

void net_rx_stale(struct net_pair *p)
{
	struct backend *be = p->net->config.backend;
	bool more = false;

	assert(p->rx_next == p->rx.count);
	for (unsigned read = 0; read < STALE_MAX; read += p->rx.count) {
		fresh_slots(p);
		be->ops->recv(be, p->index, &p->rx, BATCH_MAX, &more);
		if (p->rx.count == 0)
			break;
		count(&p->count.rx_read, p->rx.count);
		drop_held(p, DROP_RX_STALE);
	}
	fresh_slots(p);
}

void net_pair_stop(struct net_pair *p)
{
	drop_held(p, queue_fault_of(p->rx_queue) != QUEUE_FINE ? DROP_RX_BROKEN : DROP_RX_RESET);
	fresh_slots(p);
	p->rx_most = 0;
}

void net_pair_assert_paused(struct net_pair *p)
{
	/* Behind the first pair is the control queue if there are no more: none of ours. */
	assert(!net_pair_active(p) ||
	       (queue_held(p->rx_queue) == 0 && queue_held(p->tx_queue) == 0));
	(void)p;
}

int net_kick_fd_rx(struct net_pair *p) { return device_kick_fd(p->net->device, rx_index(p)); }
