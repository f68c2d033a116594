/* One contract, every backend: devices/backend/backend.h, row by row, over each kind of kind.h. */
#include "tests/contract/contract.h"
#include "tests/driver/suite.h"
#include "tests/host/host.h"

static void setup_loopback(void)
{
	kind = &kind_loopback;
	be = kind->make();
}

static void setup_tap(void)
{
	kind = &kind_tap;
	be = kind->make();
}

static void setup_tun(void)
{
	kind = &kind_tun;
	be = kind->make();
}

static void teardown(void) { kind->destroy(be); }

static TCase *contract(const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	contract_send(tc);
	contract_recv(tc);
	contract_life(tc);
	contract_queues(tc);
	return tc;
}

int main(void)
{
	Suite *s = suite_create("backend");

	suite_add_tcase(s, contract("loopback", setup_loopback));
	if (host_ready("the contract over a TAP and a TUN") &&
	    host_packet_hdr_ready("the contract over a TAP and a TUN")) {
		suite_add_tcase(s, contract("tap", setup_tap));
		suite_add_tcase(s, contract("tun", setup_tun));
	}
	return suite_run(s);
}
