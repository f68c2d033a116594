/* What we wrote from the specification is what the kernel wrote: our wire structs, the bytes of the
 * header and of the configuration, the registers, and the tiny guest's twin of them. The one place
 * where the two are laid side by side. */
#include <check.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/frame/vnet_hdr.h"
#include "devices/virtio/wire_split.h"
#include "guest/driver/mmio.h"
#include "guest/driver/nic.h"
#include "guest/driver/pci.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

/* ---- sizes, offsets and numbers ---- */

/* clang-format off */
#define SIZE(ours, theirs) { "size of " #ours, sizeof(ours), sizeof(theirs) }
#define FIELD(ours, field, theirs, its) { #ours ", " #field, offsetof(ours, field), offsetof(theirs, its) }
#define VALUE(ours, theirs) { #ours, ours, theirs }
/* clang-format on */

static const struct {
	const char *says;
	unsigned long ours, theirs;
} pairs[] = {
	SIZE(struct wire_desc, struct vring_desc),
	FIELD(struct wire_desc, addr, struct vring_desc, addr),
	FIELD(struct wire_desc, len, struct vring_desc, len),
	FIELD(struct wire_desc, flags, struct vring_desc, flags),
	FIELD(struct wire_desc, next, struct vring_desc, next),
	SIZE(struct wire_avail, struct vring_avail),
	FIELD(struct wire_avail, flags, struct vring_avail, flags),
	FIELD(struct wire_avail, index, struct vring_avail, idx),
	FIELD(struct wire_avail, ring, struct vring_avail, ring),
	SIZE(struct wire_used, struct vring_used),
	FIELD(struct wire_used, flags, struct vring_used, flags),
	FIELD(struct wire_used, index, struct vring_used, idx),
	FIELD(struct wire_used, ring, struct vring_used, ring),
	SIZE(struct wire_used_element, struct vring_used_elem),
	FIELD(struct wire_used_element, id, struct vring_used_elem, id),
	FIELD(struct wire_used_element, len, struct vring_used_elem, len),
	VALUE(WIRE_DESC_NEXT, VRING_DESC_F_NEXT),
	VALUE(WIRE_DESC_WRITE, VRING_DESC_F_WRITE),
	VALUE(WIRE_DESC_INDIRECT, VRING_DESC_F_INDIRECT),
	VALUE(WIRE_AVAIL_NO_INTERRUPT, VRING_AVAIL_F_NO_INTERRUPT),
	VALUE(WIRE_USED_NO_NOTIFY, VRING_USED_F_NO_NOTIFY),
	VALUE(VNET_HDR_BYTES, sizeof(struct virtio_net_hdr_v1)),
	VALUE(OFFSET_QUEUE_NOTIFY, VIRTIO_MMIO_QUEUE_NOTIFY),
	/* ---- the tiny guest's ---- */
	SIZE(struct virtq_desc, struct vring_desc),
	FIELD(struct virtq_desc, len, struct vring_desc, len),
	FIELD(struct virtq_desc, flags, struct vring_desc, flags),
	FIELD(struct virtq_desc, next, struct vring_desc, next),
	VALUE(DESC_NEXT, VRING_DESC_F_NEXT),
	VALUE(DESC_WRITE, VRING_DESC_F_WRITE),
	VALUE(DESC_INDIRECT, VRING_DESC_F_INDIRECT),
	SIZE(struct hdr, struct virtio_net_hdr_v1),
	FIELD(struct hdr, gso_type, struct virtio_net_hdr_v1, gso_type),
	FIELD(struct hdr, hdr_len, struct virtio_net_hdr_v1, hdr_len),
	FIELD(struct hdr, gso_size, struct virtio_net_hdr_v1, gso_size),
	FIELD(struct hdr, csum_start, struct virtio_net_hdr_v1, csum_start),
	FIELD(struct hdr, csum_offset, struct virtio_net_hdr_v1, csum_offset),
	FIELD(struct hdr, num_buffers, struct virtio_net_hdr_v1, num_buffers),
	VALUE(H_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM),
	VALUE(GSO_NONE, VIRTIO_NET_HDR_GSO_NONE),
	VALUE(GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV4),
	VALUE(GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV6),
	VALUE(GSO_UDP_L4, VIRTIO_NET_HDR_GSO_UDP_L4),
	VALUE(F_CSUM, VIRTIO_NET_F_CSUM),
	VALUE(F_GUEST_CSUM, VIRTIO_NET_F_GUEST_CSUM),
	VALUE(F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
	VALUE(F_MTU, VIRTIO_NET_F_MTU),
	VALUE(F_MAC, VIRTIO_NET_F_MAC),
	VALUE(F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO4),
	VALUE(F_GUEST_TSO6, VIRTIO_NET_F_GUEST_TSO6),
	VALUE(F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO4),
	VALUE(F_HOST_TSO6, VIRTIO_NET_F_HOST_TSO6),
	VALUE(F_MRG_RXBUF, VIRTIO_NET_F_MRG_RXBUF),
	VALUE(F_STATUS, VIRTIO_NET_F_STATUS),
	VALUE(F_CTRL_VQ, VIRTIO_NET_F_CTRL_VQ),
	VALUE(F_CTRL_RX, VIRTIO_NET_F_CTRL_RX),
	VALUE(F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_MAC_ADDR),
	VALUE(F_INDIRECT, VIRTIO_RING_F_INDIRECT_DESC),
	VALUE(F_EVENT_IDX, VIRTIO_RING_F_EVENT_IDX),
	VALUE(F_VERSION_1, VIRTIO_F_VERSION_1),
	VALUE(F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO4),
	VALUE(F_GUEST_USO6, VIRTIO_NET_F_GUEST_USO6),
	VALUE(F_HOST_USO, VIRTIO_NET_F_HOST_USO),
	VALUE(S_ACKNOWLEDGE, VIRTIO_CONFIG_S_ACKNOWLEDGE),
	VALUE(S_DRIVER, VIRTIO_CONFIG_S_DRIVER),
	VALUE(S_DRIVER_OK, VIRTIO_CONFIG_S_DRIVER_OK),
	VALUE(S_FEATURES_OK, VIRTIO_CONFIG_S_FEATURES_OK),
	VALUE(S_NEEDS_RESET, VIRTIO_CONFIG_S_NEEDS_RESET),
	VALUE(OFFSET_MAGIC, VIRTIO_MMIO_MAGIC_VALUE),
	VALUE(OFFSET_DEVICE_ID, VIRTIO_MMIO_DEVICE_ID),
	VALUE(OFFSET_DEVICE_FEATURES, VIRTIO_MMIO_DEVICE_FEATURES),
	VALUE(OFFSET_DEVICE_FEATURES_SELECT, VIRTIO_MMIO_DEVICE_FEATURES_SEL),
	VALUE(OFFSET_DRIVER_FEATURES, VIRTIO_MMIO_DRIVER_FEATURES),
	VALUE(OFFSET_DRIVER_FEATURES_SELECT, VIRTIO_MMIO_DRIVER_FEATURES_SEL),
	VALUE(OFFSET_QUEUE_SELECT, VIRTIO_MMIO_QUEUE_SEL),
	VALUE(OFFSET_QUEUE_SIZE_MAX, VIRTIO_MMIO_QUEUE_NUM_MAX),
	VALUE(OFFSET_QUEUE_SIZE, VIRTIO_MMIO_QUEUE_NUM),
	VALUE(OFFSET_QUEUE_READY, VIRTIO_MMIO_QUEUE_READY),
	VALUE(OFFSET_QUEUE_NOTIFY, VIRTIO_MMIO_QUEUE_NOTIFY),
	VALUE(OFFSET_INTERRUPT_STATUS, VIRTIO_MMIO_INTERRUPT_STATUS),
	VALUE(OFFSET_INTERRUPT_ACK, VIRTIO_MMIO_INTERRUPT_ACK),
	VALUE(OFFSET_STATUS, VIRTIO_MMIO_STATUS),
	VALUE(OFFSET_QUEUE_DESC, VIRTIO_MMIO_QUEUE_DESC_LOW),
	VALUE(OFFSET_QUEUE_DRIVER, VIRTIO_MMIO_QUEUE_AVAIL_LOW),
	VALUE(OFFSET_QUEUE_DEVICE, VIRTIO_MMIO_QUEUE_USED_LOW),
	VALUE(OFFSET_GENERATION, VIRTIO_MMIO_CONFIG_GENERATION),
	VALUE(OFFSET_CONFIG, VIRTIO_MMIO_CONFIG),
	VALUE(COMMON_DEVICE_FEATURES_SELECT, VIRTIO_PCI_COMMON_DFSELECT),
	VALUE(COMMON_DEVICE_FEATURES, VIRTIO_PCI_COMMON_DF),
	VALUE(COMMON_DRIVER_FEATURES_SELECT, VIRTIO_PCI_COMMON_GFSELECT),
	VALUE(COMMON_DRIVER_FEATURES, VIRTIO_PCI_COMMON_GF),
	VALUE(COMMON_CONFIG_VECTOR, VIRTIO_PCI_COMMON_MSIX),
	VALUE(COMMON_QUEUES, VIRTIO_PCI_COMMON_NUMQ),
	VALUE(COMMON_STATUS, VIRTIO_PCI_COMMON_STATUS),
	VALUE(COMMON_GENERATION, VIRTIO_PCI_COMMON_CFGGENERATION),
	VALUE(COMMON_QUEUE_SELECT, VIRTIO_PCI_COMMON_Q_SELECT),
	VALUE(COMMON_QUEUE_SIZE, VIRTIO_PCI_COMMON_Q_SIZE),
	VALUE(COMMON_QUEUE_VECTOR, VIRTIO_PCI_COMMON_Q_MSIX),
	VALUE(COMMON_QUEUE_ENABLE, VIRTIO_PCI_COMMON_Q_ENABLE),
	VALUE(COMMON_QUEUE_DOORBELL, VIRTIO_PCI_COMMON_Q_NOFF),
	VALUE(COMMON_QUEUE_DESC, VIRTIO_PCI_COMMON_Q_DESCLO),
	VALUE(COMMON_QUEUE_DRIVER, VIRTIO_PCI_COMMON_Q_AVAILLO),
	VALUE(COMMON_QUEUE_DEVICE, VIRTIO_PCI_COMMON_Q_USEDLO),
	VALUE(COMMON_QUEUE_RESET, VIRTIO_PCI_COMMON_Q_RESET),
	VALUE(HEADER_ID, PCI_VENDOR_ID),
	VALUE(HEADER_COMMAND, PCI_COMMAND),
	VALUE(HEADER_BAR, PCI_BASE_ADDRESS_0),
	VALUE(HEADER_CAPABILITIES, PCI_CAPABILITY_LIST),
	VALUE(COMMAND_MEMORY, PCI_COMMAND_MEMORY),
	VALUE(COMMAND_MASTER, PCI_COMMAND_MASTER),
	VALUE(BAR_IO, PCI_BASE_ADDRESS_SPACE_IO),
	VALUE(BAR_WIDE, PCI_BASE_ADDRESS_MEM_TYPE_64),
	VALUE(CAP_ID, PCI_CAP_LIST_ID),
	VALUE(CAP_NEXT, PCI_CAP_LIST_NEXT),
	VALUE(CAP_MSIX, PCI_CAP_ID_MSIX),
	VALUE(CAP_VENDOR, PCI_CAP_ID_VNDR),
	VALUE(MSIX_CONTROL, PCI_MSIX_FLAGS),
	VALUE(MSIX_TABLE, PCI_MSIX_TABLE),
	VALUE(MSIX_ENABLE, PCI_MSIX_FLAGS_ENABLE),
	VALUE(MSIX_SIZE, PCI_MSIX_FLAGS_QSIZE),
	VALUE(ENTRY_ADDRESS, PCI_MSIX_ENTRY_LOWER_ADDR),
	VALUE(ENTRY_DATA, PCI_MSIX_ENTRY_DATA),
	VALUE(ENTRY_CONTROL, PCI_MSIX_ENTRY_VECTOR_CTRL),
	VALUE(ENTRY_BYTES, PCI_MSIX_ENTRY_SIZE),
	VALUE(CAP_TYPE, VIRTIO_PCI_CAP_CFG_TYPE),
	VALUE(CAP_BAR, VIRTIO_PCI_CAP_BAR),
	VALUE(CAP_OFFSET, VIRTIO_PCI_CAP_OFFSET),
	VALUE(CAP_LENGTH, VIRTIO_PCI_CAP_LENGTH),
	VALUE(CAP_MULTIPLIER, VIRTIO_PCI_NOTIFY_CAP_MULT),
	VALUE(TYPE_COMMON, VIRTIO_PCI_CAP_COMMON_CFG),
	VALUE(TYPE_DOORBELLS, VIRTIO_PCI_CAP_NOTIFY_CFG),
	VALUE(TYPE_ISR, VIRTIO_PCI_CAP_ISR_CFG),
	VALUE(TYPE_CONFIG, VIRTIO_PCI_CAP_DEVICE_CFG),
	VALUE(TYPE_WINDOW, VIRTIO_PCI_CAP_PCI_CFG),
	VALUE(NO_VECTOR, VIRTIO_MSI_NO_VECTOR),
};

START_TEST(ours_are_the_kernels)
{
	ck_assert_msg(pairs[_i].ours == pairs[_i].theirs, "%s: got %lu, want the kernel's %lu",
		      pairs[_i].says, pairs[_i].ours, pairs[_i].theirs);
}
END_TEST

/* ---- bytes ---- */

START_TEST(the_header_as_written)
{
	const struct vnet_hdr ours = { .flags = 1,
				       .gso_type = 4,
				       .hdr_len = 0x1234,
				       .gso_size = 0x2345,
				       .csum_start = 0x3456,
				       .csum_offset = 0x4567,
				       .num_buffers = 0x5678 };
	struct virtio_net_hdr_v1 theirs;
	uint8_t bytes[sizeof(theirs)];

	vnet_hdr_write(ours, bytes, sizeof(bytes));
	memcpy(&theirs, bytes, sizeof(theirs));
	ck_assert_uint_eq(theirs.flags, ours.flags);
	ck_assert_uint_eq(theirs.gso_type, ours.gso_type);
	ck_assert_uint_eq(le16toh(theirs.hdr_len), ours.hdr_len);
	ck_assert_uint_eq(le16toh(theirs.gso_size), ours.gso_size);
	ck_assert_uint_eq(le16toh(theirs.csum_start), ours.csum_start);
	ck_assert_uint_eq(le16toh(theirs.csum_offset), ours.csum_offset);
	ck_assert_uint_eq(le16toh(theirs.num_buffers), ours.num_buffers);
}
END_TEST

enum { DUPLEX_UNKNOWN = 0xff };
#define SPEED_UNKNOWN UINT32_MAX /* virtio 1.4, 5.1.4 */

/* By the transport's window, as a driver of the kernel's reads it. */
START_TEST(the_configuration_as_read)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct virtio_net_config theirs;
	uint8_t bytes[sizeof(theirs)];
	struct rig r;

	rig_make(&r);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		mmio_read(r.mmio, VIRTIO_MMIO_CONFIG + i, &bytes[i], 1);
	memcpy(&theirs, bytes, sizeof(theirs));
	ck_assert_mem_eq(theirs.mac, mac, sizeof(mac));
	ck_assert_uint_eq(le16toh(theirs.status), VIRTIO_NET_S_LINK_UP);
	ck_assert_msg(le16toh(theirs.max_virtqueue_pairs) == 0,
		      "got %u pairs, want 0: MQ is not offered",
		      le16toh(theirs.max_virtqueue_pairs));
	ck_assert_uint_eq(le16toh(theirs.mtu), 1500);
	ck_assert_uint_eq(le32toh(theirs.speed), SPEED_UNKNOWN);
	ck_assert_uint_eq(theirs.duplex, DUPLEX_UNKNOWN);
	for (size_t i = offsetof(struct virtio_net_config, rss_max_key_size); i < sizeof(bytes);
	     i++)
		ck_assert_msg(bytes[i] == 0, "byte %zu: got %#x, want 0: it is not offered", i,
			      bytes[i]);
	rig_end(&r);
}
END_TEST

static const struct {
	const char *says;
	uint32_t offset, want;
} registers[] = {
	{ "the magic number: \"virt\"", VIRTIO_MMIO_MAGIC_VALUE,
	  'v' | 'i' << 8 | 'r' << 16 | 't' << 24 },
	{ "version", VIRTIO_MMIO_VERSION, 2 },
	{ "a network card", VIRTIO_MMIO_DEVICE_ID, 1 },
	{ "largest queue", VIRTIO_MMIO_QUEUE_NUM_MAX, 256 },
	{ "ready", VIRTIO_MMIO_QUEUE_READY, 0 },
	{ "interrupts", VIRTIO_MMIO_INTERRUPT_STATUS, 0 },
	{ "status", VIRTIO_MMIO_STATUS, 0 },
};

START_TEST(registers_where_the_kernel_reads_them)
{
	struct rig r;
	uint32_t got;

	rig_make(&r);
	got = rig_read(&r, registers[_i].offset);
	ck_assert_msg(got == registers[_i].want, "%s: got %#x, want %#x", registers[_i].says, got,
		      registers[_i].want);
	rig_end(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base/uapi");
	TCase *tc = tcase_create("uapi");

	tcase_add_loop_test(tc, ours_are_the_kernels, 0, (int)ARRAY_LEN(pairs));
	tcase_add_test(tc, the_header_as_written);
	tcase_add_test(tc, the_configuration_as_read);
	tcase_add_loop_test(tc, registers_where_the_kernel_reads_them, 0,
			    (int)ARRAY_LEN(registers));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
