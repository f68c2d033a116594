/* guest/checks/hostile.c: a driver that breaks the rules on purpose, one rule a row: frames are
 * dropped, register writes ignored; and there is traffic as before. */
#include "guest/checks/check.h"

enum {
	TX = 1,
	ROUNDS = 1000,
	LONG_FRAME = 67000,
	SPLIT_SIZE = 3,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_SIZE = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_DESC = 0x080,
	REG_QUEUE_DRIVER = 0x090,
	REG_QUEUE_DEVICE = 0x0a0,
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
	g->seam->kick(g->seam->self, g->nic.mmio + REG_NOTIFY, TX);
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

/* ---- registers ---- */

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

static enum verdict queues_refused(struct guest *g)
{
	/* clang-format off */
	static const struct { const char *name; uint32_t size, reg, low, high; } kind[] = {
		{ "a good one", 64, REG_QUEUE_DESC, GOOD_PLACE, 0 }, /* of which each of the others has one fault */
		{ "size 0", 0, REG_QUEUE_DESC, GOOD_PLACE, 0 },
		{ "size 3", SPLIT_SIZE, REG_QUEUE_DESC, GOOD_PLACE, 0 }, /* which a packed ring may have */
		{ "size 512, above QueueSizeMax", 512, REG_QUEUE_DESC, GOOD_PLACE, 0 },
		{ "size 65536", 65536, REG_QUEUE_DESC, GOOD_PLACE, 0 },
		{ "an unaligned table", 64, REG_QUEUE_DESC, GOOD_PLACE + 8, 0 },
		{ "a table outside memory", 64, REG_QUEUE_DESC, NO_MEMORY, 0 },
		{ "a table that wraps", 64, REG_QUEUE_DESC, 0xfffffff0, 0xffffffff },
		{ "an unaligned available ring", 64, REG_QUEUE_DRIVER, GOOD_PLACE + 1, 0 },
		{ "an available ring outside memory", 64, REG_QUEUE_DRIVER, NO_MEMORY, 0 },
		{ "an unaligned used ring", 64, REG_QUEUE_DEVICE, GOOD_PLACE + 2, 0 },
		{ "a used ring outside memory", 64, REG_QUEUE_DEVICE, NO_MEMORY, 0 },
	};
	static const uint32_t places[] = { REG_QUEUE_DESC, REG_QUEUE_DRIVER, REG_QUEUE_DEVICE };
	/* clang-format on */
	uint32_t kinds = 0;

	if (!nic_negotiate(&g->nic, wanted_features(g, 0)) || !nic_queues(&g->nic))
		return fail(g, "the queues could not be set up");
	nic_write(&g->nic, REG_QUEUE_SEL, TX);
	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		if (kind[i].size == SPLIT_SIZE && g->packed)
			continue;
		kinds++;
		nic_write(&g->nic, REG_QUEUE_READY, 0);
		nic_write(&g->nic, REG_QUEUE_SIZE, kind[i].size);
		for (unsigned k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
			bool it = places[k] == kind[i].reg;

			nic_write(&g->nic, places[k], it ? kind[i].low : GOOD_PLACE);
			nic_write(&g->nic, places[k] + 4, it ? kind[i].high : 0);
		}
		nic_write(&g->nic, REG_QUEUE_READY, 1);
		if ((nic_read(&g->nic, REG_QUEUE_READY) != 0) != (i == 0))
			return fail(g, "%s was %s", kind[i].name, i == 0 ? "refused" : "taken");
	}
	if (!bring_up(g, 0))
		return fail(g, "no traffic after them: %s", g->answer);
	say(g, "%u kinds, QueueReady reads 0", kinds - 1);
	return VERDICT_OK;
}

static enum verdict registers(struct guest *g)
{
	static const uint8_t on = 1;
	uint32_t mac = nic_read(&g->nic, REG_CONFIG), status = nic_read(&g->nic, REG_STATUS);

	nic_write(&g->nic, REG_CONFIG, ~mac);
	if (nic_read(&g->nic, REG_CONFIG) != mac)
		return fail(g, "the MAC was written over");
	nic_write(&g->nic, REG_STATUS, S_DRIVER_OK);
	if (nic_read(&g->nic, REG_STATUS) != status)
		return fail(g, "status bits were taken back");
	nic_write(&g->nic, REG_DRIVER_FEATURES_SEL, 0);
	nic_write(&g->nic, REG_DRIVER_FEATURES, 0);
	/* CTRL_VQ and CTRL_RX would be among what that takes back: promiscuous mode. */
	if (nic_control(&g->nic, 0, 0, &on, 1) != 0)
		return fail(g, "features were taken back");
	nic_write(&g->nic, REG_QUEUE_SEL, TX);
	nic_write(&g->nic, REG_QUEUE_SIZE, 3);
	nic_write(&g->nic, REG_QUEUE_DESC, 0xf0000000);
	if (nic_read(&g->nic, REG_QUEUE_READY) != 1)
		return fail(g, "a queue in use is not ready any more");
	for (uint32_t offset = 0x0c4; offset < 0x0fc; offset += 4)
		if (nic_read(&g->nic, offset) != 0)
			return fail(g, "the reserved register %x is not 0", offset);
	g->seam->kick(g->seam->self, g->nic.mmio + REG_NOTIFY, 0xffff);
	if (!step(g, "@ping4 10 100"))
		return fail(g, "no traffic after it: %s", g->answer);
	say(g, "MAC, status, features, a queue in use, reserved registers, a doorbell of no queue");
	return VERDICT_OK;
}

const struct check hostile_checks[] = {
	{ "hostile-registers", registers, true },
	{ "hostile-features", features_refused, true },
	{ "hostile-queues", queues_refused, true },
	{ "hostile-frames", dropped_frames, true },
};
const unsigned hostile_count = sizeof(hostile_checks) / sizeof(hostile_checks[0]);
