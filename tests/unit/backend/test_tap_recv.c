/* The TAP backend on a scripted kernel: each answer of read, and what a frame is then. */
#include "tests/driver/suite.h"
#include "tests/unit/backend/tap_kernel.h"

static bool receive(unsigned max)
{
	bool more = true;

	fill();
	be->ops->recv(be, 0, &batch, max, &more);
	return more;
}

static const struct {
	const char *says;
	struct answer answer;
	unsigned count, lines;
	enum drop_reason why; /* of the third, if it counts */
	bool more, gone;
} reads[] = {
	{ "EAGAIN", { EAGAIN, 0 }, 2, 0, DROP_NONE, false, false },
	{ "EBADFD", { EBADFD, 0 }, 2, 0, DROP_NONE, false, true },
	{ "EFAULT, of a deleted device", { EFAULT, 0 }, 2, 0, DROP_NONE, false, true },
	{ "no byte at all", { 0, 1 }, 4, 0, DROP_RX_RUNT, true, false },
	{ "less than a header", { 0, VNET_HDR_BYTES - 1 }, 4, 0, DROP_RX_RUNT, true, false },
	{ "13 bytes", { 0, VNET_HDR_BYTES + 13 }, 4, 0, DROP_RX_RUNT, true, false },
	{ "14 bytes", { 0, VNET_HDR_BYTES + 14 }, 4, 0, DROP_NONE, true, false },
	/* A GSO form that the kernel cannot put into a header: the frame is used up. */
	{ "EINVAL", { EINVAL, 0 }, 4, 0, DROP_RX_ERROR, true, false },
	{ "ENOMEM", { ENOMEM, 0 }, 2, 1, DROP_NONE, false, false },
};

/* The third of four meets it. */
START_TEST(each_answer_of_read)
{
	bool more;

	kernel.answer[2] = reads[_i].answer;
	more = receive(4);
	ck_assert_msg(batch.count == reads[_i].count && more == reads[_i].more,
		      "%s: %u frames, more %d", reads[_i].says, batch.count, more);
	for (unsigned i = 0; i < batch.count; i++)
		assert_fate(i, i == 2 && reads[_i].why != DROP_NONE ? FATE_DROPPED : FATE_OPEN,
			    i == 2 ? reads[_i].why : DROP_NONE);
	ck_assert_int_eq(be->ops->gone(be), reads[_i].gone);
	ck_assert_uint_eq(counters(0).again, reads[_i].answer.err == EAGAIN);
	ck_assert_uint_eq(counters(0).syscalls, kernel.calls);
	ck_assert_msg(seen.lines == reads[_i].lines, "%s: %u lines, \"%s\"", reads[_i].says,
		      seen.lines, seen.last);
}
END_TEST

START_TEST(a_frame_as_it_is_read)
{
	const struct frame *f = &batch.frame[0];

	ck_assert(receive(1));
	ck_assert_uint_eq(batch.count, 1);
	ck_assert_uint_eq(kernel.calls, 1);
	/* Room for the longest that a TAP may give, a VLAN tag included: what does not fit is
	 * cut in silence. */
	ck_assert_uint_ge(kernel.len[0], VNET_HDR_BYTES + 65535 + 4);
	ck_assert_uint_le(kernel.len[0] - VNET_HDR_BYTES + VNET_HDR_MAX, SLOT_BYTES);
	ck_assert_uint_eq(f->len, LEN);
	ck_assert_uint_eq(f->local, LEN);
	ck_assert_uint_eq(f->bytes[0], VNET_HDR_BYTES + 1);
	ck_assert_ptr_eq(f->bytes, slots[0] + VNET_HDR_MAX);
	ck_assert_uint_eq(f->hdr.flags, 1);
	ck_assert_uint_eq(f->hdr.gso_type, 2);
	ck_assert_uint_eq(f->hdr.hdr_len, 0x0403);
	ck_assert_uint_eq(f->hdr.csum_offset, 0x0a09);
}
END_TEST

START_TEST(the_byte_budget_ends_a_batch)
{
	bool more = false;

	for (unsigned i = 0; i < CALLS; i++)
		kernel.answer[i].result = VNET_HDR_BYTES + 60000;
	batch.count = 0;
	for (unsigned i = 0; i < BATCH_MAX; i++)
		batch.frame[i].bytes = slots[0] + VNET_HDR_MAX;
	be->ops->recv(be, 0, &batch, BATCH_MAX, &more);
	ck_assert(more);
	ck_assert_uint_eq(batch.count, BATCH_BYTES_MAX / 60000 + 1);
}
END_TEST

/* Where the kernel says that a tunnel and what it carries are, and where they are: the tunnel's UDP
 * stands at 38, behind a tag. */
static const struct {
	const char *says;
	uint8_t gso_type;
	uint16_t th, nh, want_th, want_nh;
} tagged[] = {
	{ "without the tag", VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | 1, 34, 64, 38, 68 },
	{ "with the tag", VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | 1, 38, 68, 38, 68 },
	{ "elsewhere", VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | 1, 33, 64, 33, 64 },
	{ "no tunnel", 1, 34, 64, 34, 64 },
};
static int tagged_row;

static ssize_t read_tagged(int fd, void *bytes, size_t len)
{
	static const uint8_t head[] = { [12] = 0x81, 0x00, 0, 5, 0x08, 0x00, 0x45, [27] = 17 };
	const struct vnet_hdr h = { .gso_type = tagged[tagged_row].gso_type,
				    .outer_th_offset = tagged[tagged_row].th,
				    .inner_nh_offset = tagged[tagged_row].nh };
	uint8_t *frame = (uint8_t *)bytes + VNET_HDR_TUNNEL_BYTES;

	vnet_hdr_write(h, bytes, VNET_HDR_TUNNEL_BYTES);
	memset(frame, 0, LEN);
	memcpy(frame, head, sizeof(head));
	return answer_to(fd, len, VNET_HDR_TUNNEL_BYTES + LEN);
}

START_TEST(a_tag_in_front_of_a_tunnel)
{
	struct backend_tap_config c = config();
	static struct sys sys;
	const struct vnet_hdr *h = &batch.frame[0].hdr;

	tagged_row = _i;
	sys = fake_sys;
	sys.read = read_tagged;
	c.sys = &sys;
	c.hdr_bytes = VNET_HDR_TUNNEL_BYTES;
	teardown();
	ck_assert(!err_is(backend_tap_create(&c, &be)));
	ck_assert(receive(1));
	ck_assert_msg(h->outer_th_offset == tagged[_i].want_th &&
			      h->inner_nh_offset == tagged[_i].want_nh,
		      "%s: %u, %u", tagged[_i].says, h->outer_th_offset, h->inner_nh_offset);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tap backend, receive");
	TCase *tc = tcase_create("tap");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_answer_of_read, 0, (int)ARRAY_LEN(reads));
	tcase_add_test(tc, a_frame_as_it_is_read);
	tcase_add_test(tc, the_byte_budget_ends_a_batch);
	tcase_add_loop_test(tc, a_tag_in_front_of_a_tunnel, 0, (int)ARRAY_LEN(tagged));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
