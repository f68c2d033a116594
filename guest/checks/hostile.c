/* guest/checks/hostile.c: a driver that breaks the rules on purpose, one rule a row: frames are
 * dropped, register writes ignored; and there is traffic as before. */
#include "guest/checks/check.h"

enum {
	TX = 1,
	ROUNDS = 1000,
	LONG_FRAME = 67000,
	SPLIT_SIZE = 3,
	GOOD_PLACE = 0x400000,
};
#define NO_MEMORY 0xf0000000u
#define OUR_MAC "02:54:41:50:00:02"

/* ---- frames that are dropped, each alone ---- */

/* clang-format off */
static const struct bad_frame { const char *name; struct hdr h; uint32_t len; } bad_frames[] = {
	{ "no whole header", { 0 }, 0 },
	{ "13 bytes", { 0 }, 13 },
	{ "a frame above 65,589 bytes", { 0 }, LONG_FRAME },
	{ "checksum fields past the frame", { .flags = H_NEEDS_CSUM, .csum_start = 58, .csum_offset = 1 }, 60 },
	{ "an unknown GSO type", { .flags = H_NEEDS_CSUM, .gso_type = 2, .gso_size = 1448, .csum_start = 34 }, 60 },
	{ "TSO without NEEDS_CSUM", { .gso_type = GSO_TCPV4, .gso_size = 1448 }, 200 },
	{ "TSO with a size of 0", { .flags = H_NEEDS_CSUM, .gso_type = GSO_TCPV4, .csum_start = 34, .csum_offset = 16 }, 200 },
	{ "TSO of what is no TCP", { .flags = H_NEEDS_CSUM, .gso_type = GSO_TCPV4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 }, 200 },
};
/* clang-format on */

static void send_bad(struct guest *g, const struct bad_frame *b)
{
	const struct buffer short_header = { g->nic.tx_at, 5, false };

	for (unsigned i = 0; i < 12; i++)
		g->work[i] = 0xff;
	put_be16(g->work + 12, TYPE_TEST);
	if (b->len > 0) {
		(void)nic_send(&g->nic, &b->h, g->work, b->len, false);
		return;
	}
	(void)virtq_post(&g->nic.tx, &short_header, 1, 0, false);
	(void)virtq_show(&g->nic.tx);
	nic_ring(&g->nic, TX);
}

/* Whatever was sent before it stands before this one. NULL: nothing of the checks' was. */
static const char *sent(struct guest *g)
{
	static const struct hdr plain;

	__builtin_memcpy(g->work, g->host4.to_mac, 6);
	__builtin_memcpy(g->work + 6, g->nic.mac, 6);
	put_be16(g->work + 12, TYPE_TEST);
	if (!nic_send(&g->nic, &plain, g->work, 60, false))
		return "a good frame found no room behind it";
	return step(g, "@seen " OUR_MAC) ? NULL : g->answer;
}

static enum verdict dropped_frames(struct guest *g)
{
	const char *why;
	uint16_t free;

	if (g->ip_only)
		return not_asked(g, NOT_ON_A_TUN);
	if (!bring_up(g, 0))
		return fail(g, "no traffic before it: %s", g->answer);
	if (!step(g, "@watch " OUR_MAC))
		return fail(g, "%s", g->answer);
	nic_reclaim(&g->nic);
	free = NIC_QUEUE;
	for (unsigned i = 0; i < sizeof(bad_frames) / sizeof(bad_frames[0]); i++) {
		send_bad(g, &bad_frames[i]);
		for (unsigned k = 0; k < ROUNDS && g->nic.tx.free_count != free; k++)
			(void)serve(g, true);
		if (g->nic.tx.free_count != free)
			return fail(g, "%s: its chain did not come back", bad_frames[i].name);
		if ((nic_read(&g->nic, REG_STATUS) & S_NEEDS_RESET) != 0)
			return fail(g, "%s: the device wants a reset", bad_frames[i].name);
		why = sent(g);
		if (why != NULL)
			return fail(g, "%s: %s", bad_frames[i].name, why);
		/* Its own chain is back before the next one's is waited for. */
		for (unsigned k = 0; k < ROUNDS && g->nic.tx.free_count != free; k++)
			(void)serve(g, true);
	}
	if (!step(g, "@ping4 10 100"))
		return fail(g, "no traffic after them: %s", g->answer);
	say(g, "%u kinds, none was sent, each chain came back, traffic goes on",
	    (uint32_t)(sizeof(bad_frames) / sizeof(bad_frames[0])));
	return VERDICT_OK;
}

/* ---- features and queues ---- */

static enum verdict features_refused(struct guest *g)
{
	/* virtio 1.4, 5.1.3.1: each needs another one. */
	static const uint8_t needy[] = { F_GUEST_TSO4, F_GUEST_TSO6,    F_GUEST_ECN,
					 F_GUEST_USO4, F_GUEST_USO6,    F_HOST_TSO4,
					 F_HOST_TSO6,  F_HOST_ECN,      F_HOST_USO,
					 F_CTRL_RX,    F_CTRL_MAC_ADDR, F_CTRL_GUEST_OFFLOADS };

	(void)nic_negotiate(&g->nic, 0);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t wanted = wanted_features(g, 0) | UINT64_C(1) << bit;

		if ((g->nic.offered >> bit & 1) == 0 && nic_negotiate(&g->nic, wanted))
			return fail(g, "bit %u, which is not offered, was accepted", (uint32_t)bit);
	}
	for (unsigned i = 0; i < sizeof(needy); i++) {
		uint64_t alone = UINT64_C(1) << F_VERSION_1 | UINT64_C(1) << needy[i];

		if ((g->nic.offered >> needy[i] & 1) != 0 && nic_negotiate(&g->nic, alone))
			return fail(g, "bit %u without what it needs was accepted",
				    (uint32_t)needy[i]);
	}
	if (!nic_negotiate(&g->nic, wanted_features(g, 0)))
		return fail(g, "a good set was refused after them");
	say(g, "bits that are not offered, bits without the one that they need");
	return VERDICT_OK;
}

/* PCI shows the size, and keeps the one that it had. */
static bool taken(const struct guest *g, uint32_t size)
{
	return nic_read(&g->nic, REG_QUEUE_READY) != 0 &&
	       (g->nic.transport.bus == BUS_MMIO || nic_read(&g->nic, REG_QUEUE_SIZE) == size);
}

static enum verdict queues_refused(struct guest *g)
{
	/* clang-format off */
	static const struct { const char *name; uint32_t size; enum reg reg; uint32_t low, high; } kind[] = {
		{ "a good one", 64, REG_QUEUE_DESC, GOOD_PLACE, 0 }, /* of which each of the others has one fault */
		{ "size 0", 0, REG_QUEUE_DESC, GOOD_PLACE, 0 },
		{ "size 3", SPLIT_SIZE, REG_QUEUE_DESC, GOOD_PLACE, 0 }, /* which a packed ring may have */
		{ "size 512, above the largest", 512, REG_QUEUE_DESC, GOOD_PLACE, 0 },
		{ "size 65536", 65536, REG_QUEUE_DESC, GOOD_PLACE, 0 },
		{ "an unaligned table", 64, REG_QUEUE_DESC, GOOD_PLACE + 8, 0 },
		{ "a table outside memory", 64, REG_QUEUE_DESC, NO_MEMORY, 0 },
		{ "a table that wraps", 64, REG_QUEUE_DESC, 0xfffffff0, 0xffffffff },
		{ "an unaligned available ring", 64, REG_QUEUE_DRIVER, GOOD_PLACE + 1, 0 },
		{ "an available ring outside memory", 64, REG_QUEUE_DRIVER, NO_MEMORY, 0 },
		{ "an unaligned used ring", 64, REG_QUEUE_DEVICE, GOOD_PLACE + 2, 0 },
		{ "a used ring outside memory", 64, REG_QUEUE_DEVICE, NO_MEMORY, 0 },
	};
	static const enum reg places[] = { REG_QUEUE_DESC, REG_QUEUE_DRIVER, REG_QUEUE_DEVICE };
	/* clang-format on */
	uint32_t kinds = 0;

	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		if (kind[i].size == SPLIT_SIZE && g->packed)
			continue;
		kinds++;
		if (!nic_negotiate(&g->nic, wanted_features(g, 0)))
			return fail(g, "the features were refused");
		nic_write(&g->nic, REG_QUEUE_SELECT, TX);
		nic_write(&g->nic, REG_QUEUE_SIZE, kind[i].size);
		for (unsigned k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
			bool it = places[k] == kind[i].reg;

			nic_write(&g->nic, places[k], it ? kind[i].low : GOOD_PLACE);
			nic_write(&g->nic, places[k] + 1, it ? kind[i].high : 0);
		}
		nic_write(&g->nic, REG_QUEUE_READY, 1);
		if (taken(g, kind[i].size) != (i == 0))
			return fail(g, "%s was %s", kind[i].name, i == 0 ? "refused" : "taken");
	}
	if (!bring_up(g, 0))
		return fail(g, "no traffic after them: %s", g->answer);
	say(g, "%u kinds, none was taken", kinds - 1);
	return VERDICT_OK;
}

const struct check hostile_checks[] = {
	{ "hostile-features", features_refused, true },
	{ "hostile-queues", queues_refused, true },
	{ "hostile-frames", dropped_frames, true },
};
const unsigned hostile_count = sizeof(hostile_checks) / sizeof(hostile_checks[0]);
