/* tests/unit/vmm/test_wire.c: the doorbells and the interrupt of a NIC as they are told to KVM,
 * before its driver has agreed on anything. */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/driver/suite.h"
#include "tests/unit/vmm/fake_kvm.h"

enum { INDEX = 2 };

static void log_line(void *self, const char *text) { (void)self, (void)text; }

START_TEST(each_queue_has_a_doorbell)
{
	struct machine_nic config = { .tap = { .name = "w0", .queues = 1, .hdr_bytes = 12 },
				      .mac = { 2 },
				      .queue_size = 256,
				      .capture_fd = -1 };
	struct vm vm = { .fd = VM_FD };
	struct nic nic = { .backend = NULL };
	struct loop *loop;
	struct ram ram;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	config.tap.fd[0] = pair[0]; /* the NIC's from here on */
	ck_assert(!err_is(loop_create(&loop)));
	ck_assert(!err_is(ram_init(&ram, 4 << 20)));
	ck_assert(!err_is(
		nic_init(&nic, &config, INDEX, ram.mem, loop, (struct log){ .line = log_line })));
	ck_assert(!err_is(vm_wire(&vm, net_device(nic.net), INDEX)));
	ck_assert_uint_eq(kvm.irqfds, 1);
	ck_assert_uint_eq(kvm.irqfd[0].gsi, NIC_GSI_BASE + INDEX);
	/* Receive, transmit, control. */
	ck_assert_uint_eq(kvm.bells, 3);
	for (unsigned q = 0; q < kvm.bells; q++) {
		ck_assert_uint_eq(kvm.bell[q].addr,
				  WINDOW_BASE + INDEX * WINDOW_STEP + MMIO_QUEUE_NOTIFY);
		ck_assert_uint_eq(kvm.bell[q].datamatch, q);
		ck_assert_int_eq(kvm.bell[q].fd, device_kick_fd(net_device(nic.net), q));
	}
	nic_fini(&nic, NULL);
	ram_fini(&ram);
	loop_destroy(loop);
	(void)close(pair[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmm/wire");
	TCase *tc = tcase_create("wire");

	tcase_add_test(tc, each_queue_has_a_doorbell);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
