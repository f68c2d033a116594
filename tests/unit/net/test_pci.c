/* A whole NIC behind PCI: brought up by capabilities, frames each way, and told by its interrupts.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum { SIZE = 64, LEN = 1000, ROOM = 2048, PAIRS = 2, LAYOUTS = 2, CONFIG_VECTOR = 2 * PAIRS + 1 };

static struct rig r;
static uint8_t frame[ROOM], got[ROOM];
static const struct vnet_hdr plain;

static void setup(void) { rig_make_pci(&r, PAIRS); }
static void teardown(void) { rig_end(&r); }

static uint64_t layout(int i) { return i == 0 ? RIG_ALL : RIG_PACKED; }

/* Vector i is queue i's. */
static void map_vectors(void)
{
	pci_slot_msix_on(&r.slot, true);
	for (unsigned i = 0; i <= CONFIG_VECTOR; i++)
		pci_slot_vector(&r.slot, i, 0xfee00000, 0x40 + i);
	for (unsigned i = 0; i < CONFIG_VECTOR; i++) {
		pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_Q_MSIX, 2, i);
		ck_assert_uint_eq(pci_slot_get(&r.slot, VIRTIO_PCI_COMMON_Q_MSIX, 2), i);
	}
	pci_slot_set(&r.slot, VIRTIO_PCI_COMMON_MSIX, 2, CONFIG_VECTOR);
}

static void await_message(unsigned vector)
{
	for (unsigned turns = 0; pci_slot_sent(&r.slot, vector) == 0; turns++) {
		ck_assert_msg(turns < RIG_WAIT_MS, "no message of vector %u", vector);
		ck_assert(!err_is(loop_once(r.loop, 1)));
	}
}

/* All that was posted on that queue is used: collects it. */
static void collect(unsigned queue)
{
	struct driver_queue *q = &r.queue[queue];
	struct driver_used used;

	rig_await_used(&r, queue, q->avail_index);
	while (driver_collect(q, &used))
		continue;
}

static void send_on(unsigned pair, unsigned number)
{
	struct vnet_hdr h;
	int len;

	rig_fill(frame, LEN, number);
	rig_send_on(&r, pair, plain, frame, LEN);
	len = rig_await_sent_on(&r, pair, &h, got, sizeof(got));
	ck_assert_int_eq(len, LEN);
	ck_assert(memcmp(frame, got, LEN) == 0);
	collect(2 * pair + RIG_TX);
}

static void receive_on(unsigned pair, unsigned number)
{
	uint64_t at = rig_post_on(&r, pair, 1, ROOM);

	rig_fill(frame, LEN, number);
	ck_assert(loopback_give(r.backend, pair, plain, frame, LEN));
	collect(2 * pair + RIG_RX);
	ck_assert(memcmp(driver_at(&r.memory, at + r.hdr_bytes), frame, LEN) == 0);
}

START_TEST(frames_each_way)
{
	rig_prepare(&r, layout(_i), SIZE);
	map_vectors();
	rig_go(&r);
	ck_assert(rig_has(&r, VIRTIO_F_RING_PACKED) == (_i == 1));
	ck_assert_int_eq(rig_set_pairs(&r, PAIRS), VIRTIO_NET_OK);
	await_message(rig_ctrl(&r));
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		send_on(pair, 1);
		await_message(2 * pair + RIG_TX);
		receive_on(pair, 2);
		await_message(2 * pair + RIG_RX);
	}
	for (unsigned i = 3; i < 3 * SIZE; i++) {
		send_on(i % PAIRS, i);
		receive_on(i % PAIRS, i);
	}
	ck_assert_uint_eq(pci_slot_sent(&r.slot, CONFIG_VECTOR), 0);
	net_set_link(r.net, false);
	await_message(CONFIG_VECTOR);
	ck_assert_uint_eq(rig_read(&r, 0x104) >> 16 & VIRTIO_NET_S_LINK_UP, 0);
	ck_assert(!atomic_load(&r.slot.line));
}
END_TEST

START_TEST(frames_each_way_by_intx)
{
	rig_up(&r, layout(_i), SIZE);
	for (unsigned i = 1; i <= 2; i++) {
		if (i == 1)
			send_on(0, i);
		else
			receive_on(0, i);
		for (unsigned turns = 0; !atomic_load(&r.slot.line); turns++) {
			ck_assert_msg(turns < RIG_WAIT_MS, "no interrupt");
			ck_assert(!err_is(loop_once(r.loop, 1)));
		}
		ck_assert_uint_eq(pci_slot_read(&r.slot, 0, r.slot.isr, 1), DEVICE_INT_QUEUE);
		ck_assert(!atomic_load(&r.slot.line));
	}
}
END_TEST

static uint64_t checksum_of_memory(void)
{
	uint64_t sum = 0, v;

	for (unsigned region = 0; region < 2; region++) {
		for (uint64_t i = 0; i < r.memory.size; i += sizeof(v)) {
			memcpy(&v, r.memory.map[region] + i, sizeof(v));
			sum = sum * 31 + v;
		}
	}
	return sum;
}

/* From the write on, guest memory is left alone: whether it resets, or takes bus mastering. */
/* rule: PCI-13 CORE-22 */
START_TEST(the_write_that_stops_it_waits_for_the_workers)
{
	for (unsigned round = 0; round < 20; round++) {
		struct driver_queue *q = &r.queue[RIG_RX];
		uint64_t sum;

		rig_up(&r, layout(_i % LAYOUTS), SIZE);
		(void)rig_post(&r, SIZE, ROOM);
		for (unsigned i = 0; i < SIZE; i++)
			(void)loopback_give(r.backend, 0, plain, frame, LEN);
		if (_i < LAYOUTS)
			rig_write(&r, 0x070, 0);
		else
			pci_slot_set_config(&r.slot, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		sum = checksum_of_memory();
		for (unsigned i = 0; i < 5; i++)
			ck_assert(!err_is(loop_once(r.loop, 1)));
		ck_assert_msg(sum == checksum_of_memory(), "memory changed in round %u", round);
		if (_i >= LAYOUTS) {
			pci_slot_set_config(&r.slot, PCI_COMMAND, 2,
					    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
			rig_await_used(&r, RIG_RX, q->avail_index);
		}
	}
}
END_TEST

/* One queue by queue_reset, as Linux does when it changes its rings. */
/* rule: PCI-14 */
START_TEST(a_queue_is_reset_and_comes_back)
{
	rig_up(&r, layout(_i), SIZE);
	for (unsigned i = 0; i < 5; i++) {
		send_on(0, i);
		rig_stop_queue(&r, RIG_TX);
		receive_on(0, i);
		rig_set_queue(&r, RIG_TX, i % 2 == 0 ? SIZE / 2 : SIZE);
		send_on(0, i);
	}
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Both BARs, one after the other, to anywhere: memory, an address that both have, out of the
 * windows, and back. */
static void move_bars(uint64_t dice)
{
	static const uint32_t places[] = { 0,
					   0x1000,
					   SLOT_WINDOW,
					   SLOT_WINDOW + 0x1000,
					   SLOT_WINDOW + SLOT_WINDOW_BYTES - 0x1000,
					   UINT32_MAX };

	pci_slot_set_config(&r.slot, PCI_BASE_ADDRESS_0, 4, places[dice % ARRAY_LEN(places)]);
	pci_slot_set_config(&r.slot, PCI_BASE_ADDRESS_1, 4, dice >> 8 & 1 ? SLOT_HIGH : 0);
	pci_slot_set_config(&r.slot, PCI_BASE_ADDRESS_2, 4,
			    places[(dice >> 16) % ARRAY_LEN(places)]);
	pci_slot_set_config(&r.slot, PCI_COMMAND, 2, (uint32_t)(dice >> 24 & 7));
}

/* One access of any kind, width and place, mostly where something is. */
static void poke_anything(uint64_t *state)
{
	uint64_t dice = next_random(state), where = next_random(state);
	unsigned width = 1 + (dice >> 8) % 8, bar = (dice >> 16) % 2 * PCI_BAR_MSIX;
	uint8_t bytes[8];

	dice % 3 == 0 ? (void)memset(bytes, (int)(dice >> 24 & 1), sizeof(bytes))
		      : (void)memcpy(bytes, &where, sizeof(bytes));
	where >>= 32;
	where = dice % 2 == 0 ? where % 0x100 : where % 0x2000;
	switch (dice >> 32 & 15) {
	case 0: pci_config_write(r.slot.pci, (uint32_t)where, bytes, width); break;
	case 1: pci_config_read(r.slot.pci, (uint32_t)where, bytes, width); break;
	case 2: pci_host_config_write(r.slot.host, (uint32_t)(where << 8), bytes, width); break;
	case 3:
		pci_host_port_write(r.slot.host, (uint16_t)(PCI_PORTS + where % 8), bytes,
				    1u << width % 3);
		break;
	case 4:
	case 5: (void)pci_host_write(r.slot.host, r.slot.at[bar] + where, bytes, width); break;
	case 6: (void)pci_host_read(r.slot.host, r.slot.at[bar] + where, bytes, width); break;
	case 7: move_bars(where << 32 | dice >> 36); break;
	case 8:
	case 9: pci_read(r.slot.pci, bar, where, bytes, width); break;
	default: pci_write(r.slot.pci, bar, where, bytes, width); break;
	}
}

/* Whatever a driver did, it can reset the device and bring it up. */
START_TEST(any_accesses_do_no_harm)
{
	uint64_t state = 0x9e3779b97f4a7c15 + (uint64_t)_i;

	for (unsigned round = 0; round < 10; round++) {
		rig_up(&r, layout(_i % LAYOUTS), SIZE);
		(void)rig_post(&r, SIZE / 2, ROOM);
		for (unsigned i = 0; i < 2000; i++) {
			if (i % 100 == 0)
				(void)loopback_give(r.backend, 0, plain, frame, LEN);
			poke_anything(&state);
		}
		ck_assert(!err_is(loop_once(r.loop, 0)));
		pci_slot_msix_on(&r.slot, false);
		pci_slot_enable(&r.slot);
		rig_up(&r, layout(_i % LAYOUTS), SIZE);
		while (loopback_taken(r.backend, 0, &(struct vnet_hdr){ 0 }, got, ROOM) >= 0)
			continue;
		send_on(0, round);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/pci");
	TCase *tc = tcase_create("pci");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, frames_each_way, 0, LAYOUTS);
	tcase_add_loop_test(tc, frames_each_way_by_intx, 0, LAYOUTS);
	tcase_add_loop_test(tc, the_write_that_stops_it_waits_for_the_workers, 0, 2 * LAYOUTS);
	tcase_add_loop_test(tc, a_queue_is_reset_and_comes_back, 0, LAYOUTS);
	tcase_add_loop_test(tc, any_accesses_do_no_harm, 0, 2 * LAYOUTS);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
