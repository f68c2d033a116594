/* What a frame's header and its end are called in a capture. */
#include <check.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/base/uapi_compat.h"
#include "devices/capture/capture_priv.h"
#include "devices/capture/pcapng.h"
#include "tests/driver/suite.h"

/* clang-format off */
static const struct {
	struct vnet_hdr hdr;
	const char *words;
	uint32_t flags; /* beside the direction */
} headers[] = {
	{ { 0 }, "", 0 },
	{ { .num_buffers = 1 }, "", 0 },
	{ { .num_buffers = 3 }, "vnet_hdr: num_buffers 3", 0 },
	{ { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 },
	  "vnet_hdr: NEEDS_CSUM start 34 offset 16", PCAPNG_CSUM_NOT_READY },
	{ { .flags = VIRTIO_NET_HDR_F_DATA_VALID }, "vnet_hdr: DATA_VALID", PCAPNG_CSUM_VALID },
	{ { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16,
	    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448 },
	  "vnet_hdr: NEEDS_CSUM start 34 offset 16, TCPV4 gso_size 1448",
	  PCAPNG_CSUM_NOT_READY | PCAPNG_TCP_SEGMENTS },
	{ { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 54, .csum_offset = 16,
	    .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 1428,
	    .hdr_len = 74, .num_buffers = 5 },
	  "vnet_hdr: NEEDS_CSUM start 54 offset 16, TCPV6 ECN gso_size 1428, hdr_len 74, num_buffers 5",
	  PCAPNG_CSUM_NOT_READY | PCAPNG_TCP_SEGMENTS },
	{ { .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 1400 },
	  "vnet_hdr: UDP_L4 gso_size 1400", 0 },
	{ { .gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 8 }, "vnet_hdr: UDP gso_size 8", 0 },
	{ { .gso_type = 0x17, .gso_size = 1 }, "vnet_hdr: gso_type 0x17 gso_size 1", 0 },
	{ { .flags = 0xf2 }, "vnet_hdr: DATA_VALID, flags 0xf0", PCAPNG_CSUM_VALID },
	{ { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM,
	    .csum_start = 84, .csum_offset = 16,
	    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4,
	    .gso_size = 1398, .outer_th_offset = 34, .inner_nh_offset = 64 },
	  "vnet_hdr: NEEDS_CSUM start 84 offset 16, TCPV4 gso_size 1398, "
	  "UDP_TUNNEL_IPV4 outer_th_offset 34 inner_nh_offset 64, UDP_TUNNEL_CSUM",
	  PCAPNG_CSUM_NOT_READY | PCAPNG_TCP_SEGMENTS },
	{ { .hash_report = 2, .hash_value = 0x323e8fc2 },
	  "vnet_hdr: hash_report 2 hash_value 0x323e8fc2", 0 },
	{ { .flags = 0xff, .gso_type = 0xff, .hdr_len = 65535, .gso_size = 65535,
	    .csum_start = 65535, .csum_offset = 65535, .num_buffers = 65535,
	    .outer_th_offset = 65535, .inner_nh_offset = 65535, .hash_report = 65535, .hash_value = UINT32_MAX },
	  "vnet_hdr: NEEDS_CSUM start 65535 offset 65535, DATA_VALID, flags 0xf4, "
	  "gso_type 0xff gso_size 65535, "
	  "UDP_TUNNEL_IPV4_IPV6 outer_th_offset 65535 inner_nh_offset 65535, UDP_TUNNEL_CSUM, hdr_len 65535, num_buffers 65535, "
	  "hash_report 65535 hash_value 0xffffffff",
	  PCAPNG_CSUM_NOT_READY | PCAPNG_CSUM_VALID },
};
/* clang-format on */

START_TEST(header_in_words_and_flags)
{
	struct capture_record record = { .hdr = headers[_i].hdr, .direction = CAPTURE_TO_GUEST };
	struct capture_comments c;

	capture_comment(&record, &c);
	ck_assert_str_eq(c.hdr, headers[_i].words);
	ck_assert_str_eq(c.dropped, "");
	ck_assert_uint_eq(capture_flags(&record), PCAPNG_INBOUND | headers[_i].flags);
	record.direction = CAPTURE_FROM_GUEST;
	ck_assert_uint_eq(capture_flags(&record), PCAPNG_OUTBOUND | headers[_i].flags);
}
END_TEST

START_TEST(every_drop_has_its_name_and_words)
{
	for (unsigned why = DROP_NONE + 1; why < DROP_REASONS; why++) {
		struct capture_record record = { .why = (enum drop_reason)why };
		struct capture_comments c;
		char want[200];

		(void)snprintf(want, sizeof(want), "dropped: %s: %s", drop_name(record.why),
			       drop_text(record.why));
		capture_comment(&record, &c);
		ck_assert_str_eq(c.dropped, want);
		ck_assert_str_eq(c.hdr, "");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("capture/comment");
	TCase *tc = tcase_create("comment");

	tcase_add_loop_test(tc, header_in_words_and_flags, 0, ARRAY_LEN(headers));
	tcase_add_test(tc, every_drop_has_its_name_and_words);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
