/* guest/checks/rings.c: rings that cannot be, one kind a row and layout: the queue is broken, and
 * after a reset there is traffic as before. */
#include "guest/checks/check.h"

enum { TX = 1, CTRL = 2, ROUNDS = 1000 };
#define NO_MEMORY 0xf0000000u

/* ---- split ---- */

/* Shows `ahead` more entries of the ring, the first of them `head`, and rings. */
static void offer_on(struct guest *g, struct virtq *q, uint32_t queue, uint16_t head,
		     uint16_t ahead)
{
	q->avail[2 + q->avail_index % q->size] = head;
	q->avail_index = (uint16_t)(q->avail_index + ahead);
	(void)virtq_show(q);
	nic_ring(&g->nic, queue);
}

static void offer(struct guest *g, uint16_t head, uint16_t ahead)
{
	offer_on(g, &g->nic.tx, TX, head, ahead);
}

static void set_desc(struct guest *g, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	g->nic.tx.desc[i] = (struct virtq_desc){ addr, len, flags, next };
}

static void bad_head(struct guest *g) { offer(g, 0xffff, 1); }
/* Modulo the ring it would be a good chain. */
static void bad_next(struct guest *g)
{
	set_desc(g, 0, g->nic.tx_at, 60, 0, 0);
	set_desc(g, 1, g->nic.tx_at, 60, DESC_NEXT, NIC_QUEUE);
	offer(g, 1, 1);
}
static void loop_of_zero(struct guest *g)
{
	set_desc(g, 0, g->nic.tx_at, 0, DESC_NEXT, 1);
	set_desc(g, 1, g->nic.tx_at, 0, DESC_NEXT, 0);
	offer(g, 0, 1);
}
static void too_far_ahead(struct guest *g) { offer(g, 0, NIC_QUEUE + 1); }
static void outside_memory(struct guest *g)
{
	set_desc(g, 0, NO_MEMORY, 60, 0, 0);
	offer(g, 0, 1);
}
static void wrapping(struct guest *g)
{
	set_desc(g, 0, ~UINT64_C(7), 60, 0, 0);
	offer(g, 0, 1);
}
static void writable_in_transmit(struct guest *g)
{
	set_desc(g, 0, g->nic.tx_at, 72, DESC_NEXT, 1);
	set_desc(g, 1, g->nic.tx_at + 128, 72, DESC_WRITE, 0);
	offer(g, 0, 1);
}
/* In the control queue, where a chain may have both. */
static void writable_first(struct guest *g)
{
	struct virtq *q = &g->nic.ctrl;

	q->desc[0] = (struct virtq_desc){ g->nic.ctrl_at + 32, 1, DESC_WRITE | DESC_NEXT, 1 };
	q->desc[1] = (struct virtq_desc){ g->nic.ctrl_at, 2, 0, 0 };
	offer_on(g, q, CTRL, 0, 1);
}
static void indirect_of(struct guest *g, uint32_t len, uint16_t entry_flags)
{
	g->nic.tx.table[0] = (struct virtq_desc){ g->nic.tx_at, 72, entry_flags, 0 };
	set_desc(g, 0, g->nic.tx.table_at, len, DESC_INDIRECT, 0);
	offer(g, 0, 1);
}
static void indirect_nested(struct guest *g) { indirect_of(g, 16, DESC_INDIRECT); }
static void indirect_empty(struct guest *g) { indirect_of(g, 0, 0); }
static void indirect_odd(struct guest *g) { indirect_of(g, 24, 0); }
static void indirect_loop(struct guest *g) { indirect_of(g, 16, DESC_NEXT); }

static void readable_in_receive(struct guest *g)
{
	for (unsigned i = 0; i < NIC_QUEUE; i++)
		__atomic_store_n(&g->nic.rx.desc[i].flags, 0, __ATOMIC_RELAXED);
	ask_host(g);
}

/* ---- packed ---- */

/* Writes descriptors from the next slot on, the first one last, and rings. */
static void offer_packed(struct guest *g, struct virtq *q, uint32_t queue,
			 const struct packed_desc *d, unsigned count)
{
	struct place at = q->next;
	uint16_t first = 0;

	for (unsigned i = 0; i < count; i++) {
		struct packed_desc *to = &q->ring[(at.slot + i) % q->size];
		bool wrap = at.wrap == (at.slot + i < q->size);
		uint16_t flags = (uint16_t)(d[i].flags | (wrap ? DESC_AVAIL : DESC_USED));

		to->addr = d[i].addr;
		to->len = d[i].len;
		to->id = d[i].id;
		if (i == 0)
			first = flags;
		else
			to->flags = flags;
	}
	__atomic_store_n(&q->ring[at.slot].flags, first, __ATOMIC_RELEASE);
	nic_ring(&g->nic, queue);
}

static void packed_tx(struct guest *g, const struct packed_desc *d, unsigned count)
{
	offer_packed(g, &g->nic.tx, TX, d, count);
}

static void packed_too_long(struct guest *g)
{
	static struct packed_desc list[NIC_QUEUE];

	for (unsigned i = 0; i < NIC_QUEUE; i++)
		list[i] = (struct packed_desc){ g->nic.tx_at, 0, 0, DESC_NEXT };
	packed_tx(g, list, NIC_QUEUE);
}
static void packed_outside(struct guest *g)
{
	packed_tx(g, &(struct packed_desc){ NO_MEMORY, 60, 0, 0 }, 1);
}
static void packed_wrapping(struct guest *g)
{
	packed_tx(g, &(struct packed_desc){ ~UINT64_C(7), 60, 0, 0 }, 1);
}
static void packed_writable(struct guest *g)
{
	const struct packed_desc d[] = { { g->nic.tx_at, 72, 0, DESC_NEXT },
					 { g->nic.tx_at + 128, 72, 0, DESC_WRITE } };

	packed_tx(g, d, 2);
}
static void packed_order(struct guest *g)
{
	const struct packed_desc d[] = { { g->nic.ctrl_at + 32, 1, 0, DESC_WRITE | DESC_NEXT },
					 { g->nic.ctrl_at, 2, 0, 0 } };

	offer_packed(g, &g->nic.ctrl, CTRL, d, 2);
}
static void packed_table(struct guest *g, uint32_t len, uint16_t more)
{
	struct virtq_desc *t = g->nic.tx.table;

	*t = (struct virtq_desc){ g->nic.tx_at, 72, 0, 0 };
	packed_tx(g,
		  &(struct packed_desc){ g->nic.tx.table_at, len, 0,
					 (uint16_t)(DESC_INDIRECT | more) },
		  1);
}
static void packed_table_in_list(struct guest *g) { packed_table(g, 16, DESC_NEXT); }
static void packed_table_empty(struct guest *g) { packed_table(g, 0, 0); }
static void packed_table_odd(struct guest *g) { packed_table(g, 24, 0); }
/* All that are posted, without WRITE. */
static void packed_readable(struct guest *g)
{
	for (unsigned i = 0; i < NIC_QUEUE; i++) {
		uint16_t *flags = &g->nic.rx.ring[i].flags;

		__atomic_fetch_and(flags, (uint16_t)~DESC_WRITE, __ATOMIC_RELAXED);
	}
	ask_host(g);
}

/* ---- both ---- */

static void control_without_answer(struct guest *g)
{
	const struct buffer command = { g->nic.ctrl_at, 2, false };

	(void)virtq_post(&g->nic.ctrl, &command, 1, 0, false);
	(void)virtq_show(&g->nic.ctrl);
	nic_ring(&g->nic, CTRL);
}

/* spoil: NULL: there is no such fault in rings of this layout. */
static enum verdict broken(struct guest *g, void (*spoil)(struct guest *g))
{
	uint32_t status = 0, told;

	if (spoil == NULL)
		return not_asked(g, "no such fault in packed rings");
	if (!bring_up(g, 0))
		return fail(g, "no traffic before it: %s", g->answer);
	told = g->nic.config_told;
	spoil(g);
	for (unsigned i = 0; i < ROUNDS; i++) {
		wait_a_while(g);
		(void)nic_ack(&g->nic);
		status = nic_read(&g->nic, REG_STATUS);
		if ((status & S_NEEDS_RESET) != 0 && g->nic.config_told != told)
			break;
	}
	if ((status & S_NEEDS_RESET) == 0)
		return fail(g, "status %x, DEVICE_NEEDS_RESET is not shown", status);
	if (g->nic.config_told == told)
		return fail(g, "DEVICE_NEEDS_RESET without a config interrupt");
	if (!bring_up(g, 0))
		return fail(g, "no traffic after the reset: %s", g->answer);
	say(g, "DEVICE_NEEDS_RESET, reset, traffic again");
	return VERDICT_OK;
}

#define BROKEN(name, on_split, on_packed)                                                          \
	static enum verdict check_##name(struct guest *g)                                          \
	{                                                                                          \
		return broken(g, g->packed ? (on_packed) : (on_split));                            \
	}
BROKEN(head, bad_head, NULL)
BROKEN(next, bad_next, NULL)
BROKEN(loop, loop_of_zero, packed_too_long)
BROKEN(ahead, too_far_ahead, NULL)
BROKEN(outside, outside_memory, packed_outside)
BROKEN(wrap, wrapping, packed_wrapping)
BROKEN(writable, writable_in_transmit, packed_writable)
BROKEN(order, writable_first, packed_order)
BROKEN(indirect_nested, indirect_nested, packed_table_in_list)
BROKEN(indirect_empty, indirect_empty, packed_table_empty)
BROKEN(indirect_odd, indirect_odd, packed_table_odd)
BROKEN(indirect_loop, indirect_loop, NULL)
BROKEN(receive_readable, readable_in_receive, packed_readable)
BROKEN(control, control_without_answer, control_without_answer)
#undef BROKEN

const struct check ring_checks[] = {
	{ "hostile-head", check_head, true },
	{ "hostile-next", check_next, true },
	{ "hostile-loop", check_loop, true },
	{ "hostile-ahead", check_ahead, true },
	{ "hostile-outside", check_outside, true },
	{ "hostile-wrap", check_wrap, true },
	{ "hostile-writable", check_writable, true },
	{ "hostile-order", check_order, true },
	{ "hostile-indirect-nested", check_indirect_nested, true },
	{ "hostile-indirect-empty", check_indirect_empty, true },
	{ "hostile-indirect-odd", check_indirect_odd, true },
	{ "hostile-indirect-loop", check_indirect_loop, true },
	{ "hostile-receive-readable", check_receive_readable, true },
	{ "hostile-control", check_control, true },
};
const unsigned ring_count = sizeof(ring_checks) / sizeof(ring_checks[0]);
