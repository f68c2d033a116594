/* The function's configuration space and the common configuration: what each place shows, accepts
 * and refuses. */
#include "tests/driver/suite.h"
#include "tests/unit/transport/pci.h"

static uint32_t cfg(uint32_t offset, unsigned width)
{
	return pci_slot_config(&slot, offset, width);
}

/* clang-format off */
static const struct { const char *says; uint32_t offset, width, want; } header[] = {
	{ "vendor", PCI_VENDOR_ID, 2, 0x1af4 },
	{ "device", PCI_DEVICE_ID, 2, 0x1041 },
	{ "both at once", PCI_VENDOR_ID, 4, 0x10411af4 },
	{ "across the two", PCI_VENDOR_ID + 1, 2, 0x411a },
	{ "status: a list of capabilities", PCI_STATUS, 2, PCI_STATUS_CAP_LIST },
	{ "revision: not transitional", PCI_REVISION_ID, 1, 1 },
	{ "class: Ethernet", PCI_CLASS_PROG, 1, 0 },
	{ "class, subclass", PCI_CLASS_DEVICE, 2, 0x0200 },
	{ "header type 0, one function", PCI_HEADER_TYPE, 1, 0 },
	{ "subsystem vendor", PCI_SUBSYSTEM_VENDOR_ID, 2, 0x1af4 },
	{ "subsystem: not transitional", PCI_SUBSYSTEM_ID, 2, 0x1041 },
	{ "no expansion ROM", PCI_ROM_ADDRESS, 4, 0 },
	{ "INTA", PCI_INTERRUPT_PIN, 1, 1 },
	{ "no extended capabilities", 0x100, 4, 0 },
	{ "the last register", 0xffc, 4, 0 },
};
/* clang-format on */

/* rule: PCI-01 PCI-02 PCI-03 */
START_TEST(header_shows)
{
	ck_assert_msg(cfg(header[_i].offset, header[_i].width) == header[_i].want,
		      "%s: got %#x, want %#x", header[_i].says,
		      cfg(header[_i].offset, header[_i].width), header[_i].want);
}
END_TEST

/* What ones and zeros change, by every width at every alignment. */
/* rule: PCI-01 PCI-17 */
START_TEST(what_is_writable)
{
	uint8_t cap = pci_slot_capability(&slot, VIRTIO_PCI_CAP_PCI_CFG, 0);
	uint8_t msix = pci_slot_msix(&slot);
	uint8_t writable[256] = { 0 };
	static const unsigned widths[] = { 1, 2, 4 };

	writable[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	writable[PCI_INTERRUPT_LINE] = 0xff;
	for (unsigned i = PCI_BASE_ADDRESS_0; i < PCI_BASE_ADDRESS_3; i++)
		writable[i] = 0xff;
	writable[PCI_BASE_ADDRESS_0] = writable[PCI_BASE_ADDRESS_2] = 0;
	writable[PCI_BASE_ADDRESS_0 + 1] = writable[PCI_BASE_ADDRESS_2 + 1] = 0xe0;
	writable[cap + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(&writable[cap + VIRTIO_PCI_CAP_OFFSET], 0xff, 8);
	writable[msix + PCI_MSIX_FLAGS + 1] = 0xc0;
	for (unsigned i = 0; i < 256; i++) {
		unsigned width = widths[_i];
		uint32_t before, ones, zeros, want = 0;

		if (i + width > 256 ||
		    (i < cap + 20u && i + width > cap + 16u)) /* pci_cfg_data is a window */
			continue;
		for (unsigned k = 0; k < width; k++)
			want |= (uint32_t)writable[i + k] << 8 * k;
		before = cfg(i, width);
		pci_slot_set_config(&slot, i, width, 0xffffffff);
		ones = cfg(i, width);
		pci_slot_set_config(&slot, i, width, 0);
		zeros = cfg(i, width);
		pci_slot_set_config(&slot, i, width, before);
		ck_assert_msg((ones ^ zeros) == want, "register %#x: %#x is writable, not %#x", i,
			      ones ^ zeros, want);
		ck_assert_msg((before & ~want) == zeros, "register %#x changed", i);
		ck_assert_uint_eq(cfg(i, width), before);
	}
	for (unsigned i = 0x100; i < 0x1000; i += 4) {
		pci_slot_set_config(&slot, i, 4, 0xffffffff);
		ck_assert_uint_eq(cfg(i, 4), 0);
	}
}
END_TEST

/* One of each, with the length that its data makes it, aligned, inside their BAR. */
/* rule: PCI-06 PCI-07 PCI-08 PCI-09 PCI-21 PCI-22 PCI-29 */
START_TEST(capabilities)
{
	/* clang-format off */
	static const struct { const char *says; uint8_t type, len, align; uint32_t length; } want[] = {
		{ "common", VIRTIO_PCI_CAP_COMMON_CFG, 16, 4, 60 },
		{ "notify", VIRTIO_PCI_CAP_NOTIFY_CFG, 20, 4, 0x1000 },
		{ "ISR", VIRTIO_PCI_CAP_ISR_CFG, 16, 1, 1 },
		{ "device", VIRTIO_PCI_CAP_DEVICE_CFG, 16, 4, 0x100 },
		{ "configuration access", VIRTIO_PCI_CAP_PCI_CFG, 20, 1, 0 },
	};
	/* clang-format on */
	uint32_t offset, length, step;
	uint8_t at;

	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		at = pci_slot_capability(&slot, want[i].type, 0);
		offset = cfg(at + 8u, 4), length = cfg(at + 12u, 4);
		ck_assert_msg(at != 0 && at % 4 == 0, "%s: at %#x", want[i].says, at);
		ck_assert_msg(pci_slot_capability(&slot, want[i].type, 1) == 0, "two: %s",
			      want[i].says);
		ck_assert_msg(cfg(at + 2u, 1) == want[i].len, "%s: cap_len %u", want[i].says,
			      cfg(at + 2u, 1));
		ck_assert_msg(offset % want[i].align == 0 && length == want[i].length &&
				      offset + length <= 0x2000,
			      "%s: %#x, %#x bytes", want[i].says, offset, length);
		ck_assert_msg(cfg(at + 5u, 1) == 0 && cfg(at + 6u, 2) == 0, "%s: id and padding",
			      want[i].says);
	}
	for (unsigned type = 0; type < 256; type++)
		if (type < VIRTIO_PCI_CAP_COMMON_CFG || type > VIRTIO_PCI_CAP_PCI_CFG)
			ck_assert_uint_eq(pci_slot_capability(&slot, (uint8_t)type, 0), 0);
	step = cfg(pci_slot_capability(&slot, VIRTIO_PCI_CAP_NOTIFY_CFG, 0) + 16u, 4);
	ck_assert_uint_eq(step, 4); /* as NOTIFICATION_DATA wants it */
	for (uint32_t i = 0; i < DEVICE_QUEUES_MAX; i++)
		ck_assert_uint_le(i * step + 4, want[1].length);
}
END_TEST

static const struct {
	const char *says;
	uint32_t offset, width, want;
} fresh[] = {
	{ "device_feature_select", 0, 4, 0 },
	{ "device_feature", 4, 4, 1u | 1u << FORBIDDEN_BIT | 1u << VIRTIO_RING_F_EVENT_IDX },
	{ "driver_feature_select", 8, 4, 0 },
	{ "driver_feature", 12, 4, 0 },
	{ "config_msix_vector", 16, 2, NO_VECTOR },
	{ "num_queues", 18, 2, QUEUES },
	{ "device_status", 20, 1, 0 },
	{ "config_generation", 21, 1, 0 },
	{ "queue_select", 22, 2, 0 },
	{ "queue_size", 24, 2, SIZE_MAX_HERE },
	{ "queue_msix_vector", 26, 2, NO_VECTOR },
	{ "queue_enable", 28, 2, 0 },
	{ "queue_notify_off", 30, 2, 0 },
	{ "queue_desc", 32, 4, 0 },
	{ "queue_desc, high", 36, 4, 0 },
	{ "queue_driver", 40, 4, 0 },
	{ "queue_driver, high", 44, 4, 0 },
	{ "queue_device", 48, 4, 0 },
	{ "queue_device, high", 52, 4, 0 },
	{ "queue_notif_config_data, not offered", 56, 2, 0 },
	{ "queue_reset", 58, 2, 0 },
};

/* rule: PCI-10 PCI-15 PCI-16 */
START_TEST(fresh_device_shows)
{
	ck_assert_msg(rd(fresh[_i].offset, fresh[_i].width) == fresh[_i].want,
		      "%s: got %#x, want %#x", fresh[_i].says,
		      rd(fresh[_i].offset, fresh[_i].width), fresh[_i].want);
	ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), 0);
}
END_TEST

static bool is_field(uint32_t offset, unsigned width)
{
	for (unsigned i = 0; i < ARRAY_LEN(fresh); i++)
		if (fresh[i].offset == offset && fresh[i].width == width)
			return true;
	return width == 8 && (offset == QDESC || offset == QDRIVER || offset == QDEVICE);
}

/* Every other offset and width, past the end too: 0, no effect, counted. */
/* rule: PCI-05 */
START_TEST(other_accesses)
{
	for (uint32_t offset = 0; offset < 0x100; offset++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			uint64_t before = faults(DEVICE_FAULT_ACCESS);

			if (is_field(offset, width) || (offset == 0x40 && width == 1))
				continue;
			pci_slot_write(&slot, 0, offset, width, UINT64_MAX / 3);
			ck_assert_uint_eq(pci_slot_read(&slot, 0, offset, width), 0);
			ck_assert_msg(faults(DEVICE_FAULT_ACCESS) == before + 2,
				      "offset %#x width %u was not counted twice", offset, width);
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(fresh); i++)
		ck_assert_msg(rd(fresh[i].offset, fresh[i].width) == fresh[i].want, "%s changed",
			      fresh[i].says);
}
END_TEST

/* rule: PCI-17 */
START_TEST(read_only_fields)
{
	static const uint32_t at[] = { 4, 18, 21, 30, 56 };

	for (unsigned i = 0; i < ARRAY_LEN(fresh); i++) {
		for (unsigned k = 0; k < ARRAY_LEN(at); k++) {
			if (fresh[i].offset != at[k])
				continue;
			wr(at[k], fresh[i].width, 0x55555555);
			ck_assert_uint_eq(rd(at[k], fresh[i].width), fresh[i].want);
		}
	}
	ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), ARRAY_LEN(at));
}
END_TEST

/* rule: PCI-10 PCI-11 */
START_TEST(feature_words)
{
	static const uint32_t selects[] = { 2, 3, 4, 0x80000000, 0xffffffff };

	wr(FSELECT, 4, 1);
	ck_assert_uint_eq(rd(FEATURES, 4), (1 | FEATURE(VIRTIO_F_RING_RESET - 32) |
					    FEATURE(VIRTIO_F_RING_PACKED - 32) |
					    FEATURE(VIRTIO_F_NOTIFICATION_DATA - 32)));
	for (unsigned i = 0; i < ARRAY_LEN(selects); i++) {
		wr(FSELECT, 4, selects[i]);
		ck_assert_uint_eq(rd(FSELECT, 4), selects[i]);
		ck_assert_uint_eq(rd(FEATURES, 4), 0);
	}
	accept(1);
	wr(ACCEPT_SELECT, 4, 0);
	ck_assert_uint_eq(rd(ACCEPT, 4), 1);
	wr(ACCEPT_SELECT, 4, 1);
	ck_assert_uint_eq(rd(ACCEPT, 4), 1);
	wr(ACCEPT_SELECT, 4, 4);
	ck_assert_uint_eq(rd(ACCEPT, 4), 0);
	ck_assert_uint_eq(rd(STATUS, 1), 0xb);
	/* A bit that no word has refuses FEATURES_OK though it is not shown. */
	wr(STATUS, 1, 0), wr(STATUS, 1, 3);
	wr(ACCEPT_SELECT, 4, 1), wr(ACCEPT, 4, 1);
	wr(ACCEPT_SELECT, 4, 0xffffffff), wr(ACCEPT, 4, 1);
	wr(STATUS, 1, 0xb);
	ck_assert_uint_eq(rd(STATUS, 1), 3);
}
END_TEST

/* rule: PCI-15 PCI-18 */
START_TEST(queue_sizes)
{
	static const uint32_t refused[] = { 0, 3, SIZE_MAX_HERE - 1, 2 * SIZE_MAX_HERE, 0xffff };

	for (uint32_t index = QUEUES; index < 0x10000; index = index * 2 + 1) {
		select_queue(index);
		wr(QSIZE, 2, 64);
		ck_assert_msg(rd(QSIZE, 2) == 0, "queue %u has a size", index);
	}
	accept(1);
	select_queue(1);
	wr(QSIZE, 2, 64);
	for (unsigned i = 0; i < ARRAY_LEN(refused); i++) {
		wr(QSIZE, 2, refused[i]);
		ck_assert_msg(rd(QSIZE, 2) == 64, "size %u was taken", refused[i]);
	}
	wr(STATUS, 1, 0);
	ck_assert_uint_eq(rd(QSIZE, 2), SIZE_MAX_HERE);
	accept(FEATURE(VIRTIO_F_RING_PACKED));
	wr(QSIZE, 2, 3);
	ck_assert_msg(rd(QSIZE, 2) == 3, "a packed ring may have any size");
	wr(QSIZE, 2, 0);
	ck_assert_uint_eq(rd(QSIZE, 2), 3);
}
END_TEST

/* The halves alone, in either order, and both at once. */
/* rule: PCI-04 PCI-05 */
START_TEST(ring_addresses)
{
	static const uint32_t fields[] = { QDESC, QDRIVER, QDEVICE };

	accept(1);
	select_queue(1);
	for (unsigned i = 0; i < 3; i++) {
		wr(fields[i], 8, 0x1122334455667788);
		ck_assert_uint_eq(rd(fields[i], 4), 0x55667788);
		ck_assert_uint_eq(rd(fields[i] + 4, 4), 0x11223344);
		wr(fields[i] + 4, 4, 0xaabbccdd);
		ck_assert_uint_eq(pci_slot_get(&slot, fields[i], 8), 0xaabbccdd55667788);
		wr(fields[i], 4, i);
		ck_assert_uint_eq(pci_slot_get(&slot, fields[i], 8), 0xaabbccdd00000000 + i);
	}
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(pci_slot_get(&slot, fields[i], 8), 0xaabbccdd00000000 + i);
	select_queue(0);
	ck_assert_uint_eq(pci_slot_get(&slot, QDESC, 8), 0);
	select_queue(QUEUES);
	wr(QDESC, 8, 0x1000);
	ck_assert_uint_eq(pci_slot_get(&slot, QDESC, 8), 0);
}
END_TEST

/* rule: PCI-19 PCI-20 */
START_TEST(queue_enable)
{
	accept(1);
	set_rings(0, 64, 0x10008);
	wr(QENABLE, 2, 1);
	ck_assert_msg(rd(QENABLE, 2) == 0, "enabled with a table that is not aligned");
	set_rings(0, 64, MEMORY);
	wr(QENABLE, 2, 1);
	ck_assert_msg(rd(QENABLE, 2) == 0, "enabled with rings outside memory");
	ck_assert_uint_eq(faults(DEVICE_FAULT_QUEUE), 2);
	set_rings(0, 64, 0x10000);
	wr(QENABLE, 2, 2);
	ck_assert_msg(rd(QENABLE, 2) == 0, "enabled by a 2");
	enable_queue(0);
	wr(QENABLE, 2, 0);
	ck_assert_msg(rd(QENABLE, 2) == 1, "a queue cannot be disabled so");
	wr(QDESC, 8, 0x20000), wr(QSIZE, 2, 128);
	ck_assert_uint_eq(pci_slot_get(&slot, QDESC, 8), 0x10000);
	ck_assert_uint_eq(rd(QSIZE, 2), 64);
	ck_assert_uint_eq(faults(DEVICE_FAULT_QUEUE_LATE), 3);
	select_queue(QUEUES);
	wr(QENABLE, 2, 1);
	ck_assert_uint_eq(rd(QENABLE, 2), 0);
}
END_TEST

/* Bytes at any width and alignment, zeros beyond; writes ignored. */
/* rule: PCI-05 NET-04 */
START_TEST(device_configuration)
{
	for (uint32_t offset = 0; offset < 2 * CONFIG_BYTES; offset++) {
		for (unsigned width = 1; width <= 8; width *= 2) {
			uint64_t got, want = 0;

			for (unsigned i = 0; i < width && offset + i < CONFIG_BYTES; i++)
				want |= (uint64_t)(0xa0 + offset + i) << 8 * i;
			pci_slot_write(&slot, 0, slot.device + offset, width, UINT64_MAX);
			got = pci_slot_read(&slot, 0, slot.device + offset, width);
			ck_assert_msg(got == want, "offset %u width %u", offset, width);
		}
	}
	ck_assert_uint_eq(faults(DEVICE_FAULT_CONFIG), 2 * CONFIG_BYTES * 4);
	ck_assert_uint_eq(faults(DEVICE_FAULT_ACCESS), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transport/pci");
	TCase *tc = tcase_create("pci");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, header_shows, 0, (int)ARRAY_LEN(header));
	tcase_add_loop_test(tc, what_is_writable, 0, 3);
	tcase_add_test(tc, capabilities);
	tcase_add_loop_test(tc, fresh_device_shows, 0, (int)ARRAY_LEN(fresh));
	tcase_add_test(tc, other_accesses);
	tcase_add_test(tc, read_only_fields);
	tcase_add_test(tc, feature_words);
	tcase_add_test(tc, queue_sizes);
	tcase_add_test(tc, ring_addresses);
	tcase_add_test(tc, queue_enable);
	tcase_add_test(tc, device_configuration);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
