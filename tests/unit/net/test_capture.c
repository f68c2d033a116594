/* What a capture holds of a NIC's traffic: frames sent, received and dropped, each as the guest saw
 * it, with its direction and what became of it; and a file that is slow, stuck, full or gone: the
 * traffic goes on, and what is not in the file is counted. */
#include <check.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/driver/pcapng_file.h"
#include "tests/driver/rig.h"
#include "tests/driver/suite.h"

enum {
	SIZE = 64,
	LEN = 60,
	LARGE = 1000,
	ROOM = 256,
	COMMENT = 1,
	IN = 1,
	OUT = 2,
	PARTIAL = 1 << 9,
	SEGMENTS = 1 << 11,
	SMALL_RING = 65536,
	FRAMES = 600, /* LARGE ones: more than ring, buffer and pipe hold */
};

static struct rig r;
static uint8_t frame[70000], sent[70000];
static const struct vnet_hdr plain;

static void send_one(uint32_t len)
{
	struct vnet_hdr h;

	rig_send(&r, plain, frame, len);
	ck_assert_int_eq(rig_await_sent(&r, &h, sent, sizeof(sent)), (int)len);
	rig_await_used(&r, RIG_TX, r.queue[RIG_TX].avail_index);
}

static void make_on_file(int *ret_fd)
{
	*ret_fd = memfd_create("capture", MFD_CLOEXEC);
	ck_assert_int_ge(*ret_fd, 0);
	rig_make_captured(&r, dup(*ret_fd), CAPTURE_RING_BYTES);
}

static struct pf_file *end_and_read(int fd)
{
	struct pf_file *f;

	rig_end(&r);
	f = pf_read(fd);
	(void)close(fd);
	return f;
}

static void assert_packet(const struct pf_packet *p, uint32_t flags, const void *bytes,
			  uint32_t len)
{
	ck_assert_uint_eq(p->flags, flags);
	ck_assert_uint_eq(p->original, len);
	ck_assert_uint_eq(p->captured, len);
	ck_assert(memcmp(p->data, bytes, len) == 0);
}

static void assert_uncommented(const struct pf_packet *p)
{
	ck_assert_ptr_null(pf_option(&p->block, COMMENT, 0));
}

START_TEST(sent_and_received)
{
	int fd;
	struct pf_file *f;
	uint8_t other[LEN];

	make_on_file(&fd);
	rig_up(&r, RIG_ALL, SIZE);
	rig_fill(frame, LEN, 1);
	send_one(LEN);
	rig_fill(other, LEN, 2);
	(void)rig_post(&r, 1, ROOM);
	ck_assert(loopback_give(r.backend, 0, plain, other, LEN));
	rig_await_used(&r, RIG_RX, 1);
	f = end_and_read(fd);
	ck_assert_uint_eq(f->packets, 2);
	assert_packet(&f->packet[0], OUT, frame, LEN);
	assert_packet(&f->packet[1], IN, other, LEN);
	assert_uncommented(&f->packet[0]);
	assert_uncommented(&f->packet[1]);
	ck_assert_uint_le(f->packet[0].time_ns, f->packet[1].time_ns);
	ck_assert_uint_eq(f->received, 2);
	ck_assert_uint_eq(f->dropped, 0);
	pf_free(f);
}
END_TEST

/* A super-frame out, its rest lent; one in, over several buffers. */
START_TEST(super_frames_with_what_their_headers_say)
{
	struct vnet_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = 1448,
			      .csum_start = 34,
			      .csum_offset = 16 };
	uint32_t len = rig_fill_ip(frame, false, true, 20000);
	struct vnet_hdr got;
	struct pf_file *f;
	int fd;

	make_on_file(&fd);
	rig_up(&r, RIG_ALL, SIZE);
	rig_send(&r, h, frame, len);
	ck_assert_int_eq(rig_await_sent(&r, &got, sent, sizeof(sent)), (int)len);
	(void)rig_post(&r, 3, 8192);
	ck_assert(loopback_give(r.backend, 0, h, frame, len));
	rig_await_used(&r, RIG_RX, 3);
	f = end_and_read(fd);
	ck_assert_uint_eq(f->packets, 2);
	assert_packet(&f->packet[0], OUT | PARTIAL | SEGMENTS, frame, len);
	pf_assert_text(&f->packet[0].block, COMMENT, 0,
		       "vnet_hdr: NEEDS_CSUM start 34 offset 16, TCPV4 gso_size 1448");
	assert_packet(&f->packet[1], IN | PARTIAL | SEGMENTS, frame, len);
	pf_assert_text(&f->packet[1].block, COMMENT, 0,
		       "vnet_hdr: NEEDS_CSUM start 34 offset 16, TCPV4 gso_size 1448, hdr_len 54, "
		       "num_buffers 3");
	pf_free(f);
}
END_TEST

/* A driver that agreed to no super-frames sees segments, and so does the capture. */
START_TEST(segments_of_a_frame_that_is_cut)
{
	enum { SEGMENT = 1448, SEGMENTS_OF_20000 = 14, HEADERS = 54 };
	struct vnet_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			      .gso_size = SEGMENT,
			      .csum_start = 34,
			      .csum_offset = 16 };
	uint32_t len = rig_fill_ip(frame, false, true, 20000), payload = 0;
	struct pf_file *f;
	int fd;

	make_on_file(&fd);
	rig_up(&r, 0, SIZE);
	(void)rig_post(&r, SEGMENTS_OF_20000, 2048);
	ck_assert(loopback_give(r.backend, 0, h, frame, len));
	rig_await_used(&r, RIG_RX, SEGMENTS_OF_20000);
	f = end_and_read(fd);
	ck_assert_uint_eq(f->packets, SEGMENTS_OF_20000);
	for (unsigned i = 0; i < f->packets; i++) {
		ck_assert_uint_eq(f->packet[i].flags, IN);
		ck_assert_uint_le(f->packet[i].original, HEADERS + SEGMENT);
		assert_uncommented(&f->packet[i]);
		payload += f->packet[i].original - HEADERS;
	}
	ck_assert_uint_eq(payload, 20000);
	pf_free(f);
}
END_TEST

static void assert_dropped(const struct pf_packet *p, enum drop_reason why)
{
	char want[200];

	(void)snprintf(want, sizeof(want), "dropped: %s: %s", drop_name(why), drop_text(why));
	pf_assert_text(&p->block, COMMENT, 0, want);
}

START_TEST(dropped_on_the_way_out)
{
	struct vnet_hdr wrong = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448 };
	uint64_t at;
	struct pf_file *f;
	int fd;

	make_on_file(&fd);
	rig_up(&r, RIG_ALL, SIZE);
	rig_fill(frame, FRAME_MAX + 1, 1);
	rig_send(&r, plain, frame, 9);    /* too short, but what there is is there */
	rig_send(&r, wrong, frame, 9000); /* lent */
	rig_send(&r, plain, frame, FRAME_MAX + 1);
	at = driver_alloc(&r.memory, RIG_HDR, 16);
	(void)driver_post(&r.queue[RIG_TX], at, RIG_HDR - 1, false);
	rig_kick(&r, RIG_TX);
	rig_await_used(&r, RIG_TX, 4);
	loopback_fail(r.backend, DROP_TX_LINK_DOWN, 1);
	rig_send(&r, plain, frame, LEN);
	rig_await_used(&r, RIG_TX, 5);
	f = end_and_read(fd);
	ck_assert_uint_eq(f->packets, 5);
	assert_packet(&f->packet[0], OUT, frame, 9);
	assert_dropped(&f->packet[0], DROP_TX_SHORT);
	assert_packet(&f->packet[1], OUT | SEGMENTS, frame, 9000);
	assert_dropped(&f->packet[1], DROP_TX_GSO_FIELDS);
	pf_assert_text(&f->packet[1].block, COMMENT, 1, "vnet_hdr: TCPV4 gso_size 1448");
	assert_packet(&f->packet[2], OUT, frame, 0);
	assert_dropped(&f->packet[2], DROP_TX_LONG);
	assert_packet(&f->packet[3], OUT, frame, 0);
	assert_dropped(&f->packet[3], DROP_TX_NO_HEADER);
	assert_packet(&f->packet[4], OUT, frame, LEN);
	assert_dropped(&f->packet[4], DROP_TX_LINK_DOWN);
	pf_free(f);
}
END_TEST

/* Before the driver is up, and too big for its buffers. */
START_TEST(dropped_on_the_way_in)
{
	struct pf_file *f;
	int fd;

	make_on_file(&fd);
	rig_fill(frame, LARGE, 1);
	rig_prepare(&r, 0, SIZE);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_go(&r);
	(void)rig_post(&r, 1, ROOM);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LARGE));
	rig_await_drops(&r, DROP_RX_TOO_BIG, 1);
	ck_assert(loopback_give(r.backend, 0, plain, frame, LEN));
	rig_await_used(&r, RIG_RX, 1);
	f = end_and_read(fd);
	ck_assert_uint_eq(f->packets, 3);
	assert_packet(&f->packet[0], IN, frame, LEN);
	assert_dropped(&f->packet[0], DROP_RX_STALE);
	assert_packet(&f->packet[1], IN, frame, LARGE);
	assert_dropped(&f->packet[1], DROP_RX_TOO_BIG);
	assert_packet(&f->packet[2], IN, frame, LEN);
	assert_uncommented(&f->packet[2]);
	pf_free(f);
}
END_TEST

/* It is offered again, and is there once. */
START_TEST(a_frame_put_off_is_there_when_it_is_sent)
{
	struct vnet_hdr h;
	struct pf_file *f;
	int fd;

	make_on_file(&fd);
	rig_up(&r, RIG_ALL, SIZE);
	rig_fill(frame, LEN, 1);
	loopback_set_room(r.backend, 0);
	rig_send(&r, plain, frame, LEN);
	rig_await_blocked(&r, 1);
	loopback_set_room(r.backend, UINT32_MAX);
	ck_assert_int_eq(rig_await_sent(&r, &h, sent, sizeof(sent)), LEN);
	f = end_and_read(fd);
	ck_assert_uint_eq(f->packets, 1);
	assert_packet(&f->packet[0], OUT, frame, LEN);
	assert_uncommented(&f->packet[0]);
	pf_free(f);
}
END_TEST

/* ---- files that do not take it ---- */

static void make_on_pipe(int fds[2])
{
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	rig_make_captured(&r, fds[1], SMALL_RING);
	rig_up(&r, RIG_ALL, SIZE);
	rig_fill(frame, LARGE, 1);
}

/* As a program at the other end of a pipe. */
static void *read_all(void *arg)
{
	static struct {
		uint8_t *bytes;
		size_t len;
	} all;
	const int *fd = arg;
	ssize_t got = 1;

	all.len = 0;
	all.bytes = malloc(FRAMES * 2 * LARGE);
	while (got > 0) {
		got = read(*fd, all.bytes + all.len, FRAMES * 2 * LARGE - all.len);
		all.len += got > 0 ? (size_t)got : 0;
	}
	return pf_of(all.bytes, all.len);
}

START_TEST(a_pipe_that_nobody_reads_stops_no_traffic)
{
	struct capture_counters before;
	struct pf_file *f;
	pthread_t reader;
	void *file;
	int fds[2];

	make_on_pipe(fds);
	for (unsigned i = 0; i < FRAMES; i++)
		send_one(LARGE);
	before = rig_stats(&r).capture;
	ck_assert_uint_eq(before.frames, FRAMES);
	ck_assert_uint_gt(before.lost, 0);
	/* Somebody reads again: sooner or later one finds room. */
	ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &fds[0]), 0);
	do {
		before = rig_stats(&r).capture;
		send_one(LARGE);
	} while (rig_stats(&r).capture.lost > before.lost);
	rig_end(&r);
	ck_assert_int_eq(pthread_join(reader, &file), 0);
	f = file;
	/* The last one is there, and so all that were lost came before one that is. */
	ck_assert_uint_eq(f->lost, f->dropped);
	ck_assert_uint_eq(f->dropped, before.lost);
	ck_assert_uint_eq(f->packets + f->dropped, f->received);
	ck_assert_uint_eq(f->received, before.frames + 1);
	pf_free(f);
	(void)close(fds[0]);
}
END_TEST

static int gone_reader(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	(void)close(fds[0]);
	return fds[1];
}

/* Where the wait is over, and where whoever waits is gone. */
START_TEST(a_reader_that_takes_no_more_does_not_hold_up_the_end)
{
	int fds[2];

	make_on_pipe(fds);
	r.wait = _i == 0 ? (struct capture_wait){ 0, -1 }
			 : (struct capture_wait){ UINT64_MAX, gone_reader() };
	for (unsigned i = 0; i < FRAMES; i++)
		send_one(LARGE);
	rig_end(&r);
	ck_assert_uint_eq(r.log_lines, 1);
	ck_assert_str_eq(r.last_log, "t0: the capture ends here: its reader takes no more");
	(void)close(fds[0]);
}
END_TEST

static int full_disk(void) { return open("/dev/full", O_WRONLY | O_CLOEXEC); }

static const struct {
	int (*open)(void);
	const char *line;
} ends[] = {
	{ gone_reader, "t0: the capture ends here: Broken pipe" },
	{ full_disk, "t0: the capture ends here: No space left on device" },
};

START_TEST(a_file_that_fails_ends_the_capture_alone)
{
	struct capture_counters n;

	(void)signal(SIGPIPE, SIG_IGN);
	rig_make_captured(&r, ends[_i].open(), SMALL_RING);
	rig_up(&r, RIG_ALL, SIZE);
	rig_fill(frame, LARGE, 1);
	for (unsigned i = 0; i < FRAMES; i++)
		send_one(LARGE);
	n = rig_stats(&r).capture;
	ck_assert_uint_eq(n.frames, FRAMES);
	ck_assert_uint_eq(n.lost, FRAMES);
	rig_end(&r);
	ck_assert_uint_eq(r.log_lines, 1);
	ck_assert_str_eq(r.last_log, ends[_i].line);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("net/capture");
	TCase *tc = tcase_create("capture");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, sent_and_received);
	tcase_add_test(tc, super_frames_with_what_their_headers_say);
	tcase_add_test(tc, segments_of_a_frame_that_is_cut);
	tcase_add_test(tc, dropped_on_the_way_out);
	tcase_add_test(tc, dropped_on_the_way_in);
	tcase_add_test(tc, a_frame_put_off_is_there_when_it_is_sent);
	tcase_add_test(tc, a_pipe_that_nobody_reads_stops_no_traffic);
	tcase_add_loop_test(tc, a_reader_that_takes_no_more_does_not_hold_up_the_end, 0, 2);
	tcase_add_loop_test(tc, a_file_that_fails_ends_the_capture_alone, 0, ARRAY_LEN(ends));
	suite_add_tcase(s, tc);
	return suite_run(s);
}
