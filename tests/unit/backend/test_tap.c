/* The TAP backend on a scripted kernel: each answer of write becomes a fate (design, contract
 * 5); settings. */
#include "tests/driver/suite.h"
#include "tests/unit/backend/tap_kernel.h"

/* ---- send ---- */

static void send_all(void) { be->ops->send(be, 0, &batch); }
static const struct {
	const char *says;
	struct answer answer;
	enum fate fate;
	enum drop_reason why;
	bool gone;
	unsigned lines;
	/* clang-format off */
} writes[] = {
	{ "EAGAIN", { EAGAIN, 0 }, FATE_KEPT, DROP_NONE, false, 0 },
	{ "ENOBUFS", { ENOBUFS, 0 }, FATE_DROPPED, DROP_TX_NO_MEMORY, false, 0 },
	{ "ENOMEM", { ENOMEM, 0 }, FATE_DROPPED, DROP_TX_NO_MEMORY, false, 0 },
	{ "EIO", { EIO, 0 }, FATE_DROPPED, DROP_TX_LINK_DOWN, false, 0 },
	{ "EINVAL", { EINVAL, 0 }, FATE_DROPPED, DROP_TX_REFUSED, false, 0 },
	{ "EFAULT", { EFAULT, 0 }, FATE_DROPPED, DROP_TX_MEMORY_GONE, false, 0 },
	{ "EBADFD", { EBADFD, 0 }, FATE_DROPPED, DROP_TX_GONE, true, 0 },
	{ "a short count", { 0, VNET_HDR_BYTES + LEN - 1 }, FATE_DROPPED, DROP_TX_SHORT_WRITE, false, 0 },
	{ "nothing but the header", { 0, VNET_HDR_BYTES }, FATE_DROPPED, DROP_TX_SHORT_WRITE, false, 0 },
	{ "EPERM", { EPERM, 0 }, FATE_DROPPED, DROP_TX_REFUSED, false, 1 },
	{ "EOPNOTSUPP", { EOPNOTSUPP, 0 }, FATE_DROPPED, DROP_TX_REFUSED, false, 1 },
};
/* clang-format on */

/* The third of six meets it: those before and behind are sent, but for EAGAIN: then all behind
 * are kept. */
START_TEST(each_answer_of_write_is_a_fate)
{
	bool kept = writes[_i].fate == FATE_KEPT;

	kernel.answer[2] = writes[_i].answer;
	fill();
	send_all();
	for (unsigned i = 0; i < FRAMES; i++) {
		if (i == 2)
			assert_fate(i, writes[_i].fate, writes[_i].why);
		else
			assert_fate(i, i > 2 && kept ? FATE_KEPT : FATE_SENT, DROP_NONE);
	}
	ck_assert_uint_eq(kernel.calls, kept ? 3 : FRAMES);
	ck_assert_uint_eq(counters(0).syscalls, kernel.calls);
	ck_assert_uint_eq(counters(0).again, kept);
	ck_assert_uint_eq(counters(1).syscalls, 0);
	ck_assert_msg(be->ops->gone(be) == writes[_i].gone, "%s: gone %d", writes[_i].says,
		      be->ops->gone(be));
	ck_assert_msg(seen.lines == writes[_i].lines, "%s: %u lines, \"%s\"", writes[_i].says,
		      seen.lines, seen.last);
}
END_TEST

START_TEST(an_unknown_answer_is_one_line_a_second)
{
	for (unsigned i = 0; i < FRAMES; i++)
		kernel.answer[i].err = EPERM;
	fill();
	send_all();
	ck_assert_uint_eq(seen.lines, 1);
	ck_assert_str_eq(seen.last, "t0: write of a frame of 60 bytes: Operation not permitted");
	seen.now_ns += 1000000000;
	kernel.answer[FRAMES].err = EPERM;
	fill();
	send_all();
	ck_assert_uint_eq(seen.lines, 2);
	ck_assert_msg(strstr(seen.last, "5 more") != NULL, "got \"%s\"", seen.last);
}
END_TEST

/* Frames with a fate are not touched, before or behind what is kept. */
START_TEST(what_has_a_fate_keeps_it)
{
	fill();
	frame_drop(&batch.frame[0], DROP_TX_MTU);
	frame_drop(&batch.frame[4], DROP_TX_SHORT);
	kernel.answer[1].err = EAGAIN; /* of frame 2 */
	send_all();
	assert_fate(0, FATE_DROPPED, DROP_TX_MTU);
	assert_fate(1, FATE_SENT, DROP_NONE);
	assert_fate(2, FATE_KEPT, DROP_NONE);
	assert_fate(3, FATE_KEPT, DROP_NONE);
	assert_fate(4, FATE_DROPPED, DROP_TX_SHORT);
	assert_fate(5, FATE_KEPT, DROP_NONE);
	ck_assert_uint_eq(kernel.calls, 2);
}
END_TEST

/* A frame that is lent goes out in one writev: header and head from the slot, then its parts. */
START_TEST(header_head_and_rest_in_one_write)
{
	static uint8_t part[130];
	struct iovec rest[130];
	struct frame *f = &batch.frame[0];
	int parts = _i;

	for (int i = 0; i < 130; i++) {
		part[i] = (uint8_t)(i + 100);
		rest[i] = (struct iovec){ &part[i], 1 };
	}
	fill();
	batch.count = 1;
	f->hdr = (struct vnet_hdr){ .flags = 1,
				    .gso_type = 4,
				    .hdr_len = 0x0102,
				    .gso_size = 0x0304,
				    .csum_start = 0x0506,
				    .csum_offset = 0x0708 };
	f->rest = parts > 0 ? rest : NULL;
	f->rest_count = parts;
	f->len += (uint32_t)parts;
	send_all();
	if (parts > 128) { /* more than are ever lent */
		assert_fate(0, FATE_DROPPED, DROP_TX_REFUSED);
		ck_assert_uint_eq(kernel.calls, 0);
		ck_assert_uint_eq(counters(0).syscalls, 0);
		return;
	}
	assert_fate(0, FATE_SENT, DROP_NONE);
	ck_assert_uint_eq(kernel.calls, 1);
	ck_assert_uint_eq(kernel.writevs, parts > 0);
	ck_assert_uint_eq(kernel.len[0], VNET_HDR_BYTES + LEN + (size_t)parts);
	ck_assert_mem_eq(kernel.bytes, "\x01\x04\x02\x01\x04\x03\x06\x05\x08\x07\x00\x00",
			 VNET_HDR_BYTES);
	ck_assert_mem_eq(kernel.bytes + VNET_HDR_BYTES, slots[0] + VNET_HDR_MAX, LEN);
	ck_assert_mem_eq(kernel.bytes + VNET_HDR_BYTES + LEN, part, (size_t)parts);
	ck_assert_msg(slots[0][VNET_HDR_MAX - VNET_HDR_BYTES - 1] == 0x40,
		      "written before the header");
}
END_TEST

/* ---- the rest ---- */

START_TEST(offloads_in_the_kernels_words)
{
	static const struct {
		struct backend_offloads wanted;
		intptr_t value;
	} sets[] = {
		{ { 0 }, 0 },
		{ { .csum = true }, TUN_F_CSUM },
		{ { .csum = true, .tso4 = true }, TUN_F_CSUM | TUN_F_TSO4 },
		{ { .csum = true, .tso6 = true, .ecn = true },
		  TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO_ECN },
		{ { .csum = true, .uso = true }, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(sets); i++) {
		ck_assert(!err_is(be->ops->set_offloads(be, sets[i].wanted)));
		ck_assert_uint_eq(kernel.request, TUNSETOFFLOAD);
		ck_assert_int_eq(kernel.value, sets[i].value);
	}
}
END_TEST

START_TEST(carrier_on_and_off)
{
	for (int on = 0; on < 2; on++) {
		ck_assert(!err_is(be->ops->set_carrier(be, on == 1)));
		ck_assert_uint_eq(kernel.request, TUNSETCARRIER);
		ck_assert_int_eq(kernel.value, on);
	}
}
END_TEST

START_TEST(a_failing_setting_is_told)
{
	struct err e;

	kernel.ioctl_err = EINVAL;
	e = be->ops->set_offloads(be, (struct backend_offloads){ .csum = true });
	ck_assert_msg(err_is(e) && strstr(e.text, "0x1 of t0") != NULL, "got \"%s\"", e.text);
	e = be->ops->set_carrier(be, true);
	ck_assert_msg(err_is(e) && strstr(e.text, "carrier of t0") != NULL, "got \"%s\"", e.text);
}
END_TEST

/* The one line was written when it went: nothing is asked of it any more, and nothing told. */
START_TEST(what_is_gone_is_left_alone)
{
	kernel.answer[0].err = EBADFD;
	fill();
	send_all();
	ck_assert(be->ops->gone(be));
	kernel.ioctl_err = EBADFD;
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	ck_assert(!err_is(be->ops->set_offloads(be, (struct backend_offloads){ .csum = true })));
	ck_assert_uint_eq(kernel.request, 0);
}
END_TEST

/* Deleted while nothing moved: a setting is the first to meet it, and that is no fault of its. */
START_TEST(a_setting_may_find_it_gone)
{
	kernel.ioctl_err = EBADFD;
	if (_i == 0)
		ck_assert(!err_is(be->ops->set_carrier(be, false)));
	else
		ck_assert(!err_is(be->ops->set_offloads(be, (struct backend_offloads){ 0 })));
	ck_assert(be->ops->gone(be));
}
END_TEST

START_TEST(a_kernel_without_carrier_is_not_asked)
{
	be->caps.carrier = false;
	ck_assert(!err_is(be->ops->set_carrier(be, true)));
	ck_assert_uint_eq(kernel.request, 0);
}
END_TEST

/* Somebody else's header while it is lent; the kernel is asked only for what is not so already. */
START_TEST(the_header_of_whoever_has_it)
{
	static const struct {
		unsigned lend;
		intptr_t asked; /* 0: nothing */
	} steps[] = { { 10, 10 }, { 10, 0 }, { 12, 12 }, { 0, 0 }, { 10, 10 }, { 0, 12 } };
	struct err e;

	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		kernel.value = 0;
		ck_assert(!err_is(be->ops->lend(be, steps[i].lend)));
		ck_assert_msg(kernel.value == steps[i].asked, "step %u: %ld", i,
			      (long)kernel.value);
	}
	ck_assert_uint_eq(kernel.request, TUNSETVNETHDRSZ);
	kernel.ioctl_err = EINVAL;
	e = be->ops->lend(be, 10);
	ck_assert_msg(err_is(e) && strstr(e.text, "header of 10 bytes for t0") != NULL,
		      "got \"%s\"", e.text);
}
END_TEST

START_TEST(queues_and_their_end)
{
	struct backend_tap_config c = config();
	struct backend *other;

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(be->ops->poll_fd(be, i), fds[i]);
	fill();
	be->ops->send(be, 2, &batch);
	ck_assert_int_eq(kernel.fd[0], fds[2]);
	ck_assert_uint_eq(counters(2).syscalls, FRAMES);
	ck_assert_uint_eq(counters(0).syscalls, 0);
	ck_assert(!err_is(backend_tap_create(&c, &other)));
	other->ops->destroy(other); /* last first: the others keep their index */
	ck_assert_uint_eq(kernel.close_count, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(kernel.closed[i], fds[2 - i]);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
	struct backend_tap_config c = config();
	struct backend *none = NULL;

	c.fd_count = 0;
	ck_assert(err_is(backend_tap_create(&c, &none)));
	c = config();
	c.hdr_bytes = 10; /* without num_buffers */
	ck_assert(err_is(backend_tap_create(&c, &none)));
	c.hdr_bytes = VNET_HDR_MAX + 1;
	ck_assert(err_is(backend_tap_create(&c, &none)));
	ck_assert_ptr_null(none);
	ck_assert_uint_eq(kernel.close_count, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tap backend, send");
	TCase *tc = tcase_create("tap");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_answer_of_write_is_a_fate, 0, (int)ARRAY_LEN(writes));
	tcase_add_test(tc, an_unknown_answer_is_one_line_a_second);
	tcase_add_test(tc, what_has_a_fate_keeps_it);
	tcase_add_loop_test(tc, header_head_and_rest_in_one_write, 0, 4);
	tcase_add_loop_test(tc, header_head_and_rest_in_one_write, 127, 130);
	tcase_add_test(tc, offloads_in_the_kernels_words);
	tcase_add_test(tc, carrier_on_and_off);
	tcase_add_test(tc, a_failing_setting_is_told);
	tcase_add_test(tc, what_is_gone_is_left_alone);
	tcase_add_loop_test(tc, a_setting_may_find_it_gone, 0, 2);
	tcase_add_test(tc, a_kernel_without_carrier_is_not_asked);
	tcase_add_test(tc, the_header_of_whoever_has_it);
	tcase_add_test(tc, queues_and_their_end);
	tcase_add_test(tc, what_cannot_be_is_refused);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
