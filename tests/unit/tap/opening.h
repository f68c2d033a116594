/* tests/unit/tap/opening.h: tap_open on a scripted kernel, and what a refusal has to be. */
#ifndef TAPVM_TESTS_OPENING_H
#define TAPVM_TESTS_OPENING_H

#include <check.h>
#include <errno.h>
#include <string.h>

#include "devices/base/uapi_compat.h"
#include "devices/tap/tap_priv.h"
#include "tests/host/fake_sys.h"

enum { PLAIN = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

static struct tap tap;

/* No interface of the machine has this name: the scripted kernel does not answer if_nametoindex. */
static struct tap_request request(void)
{
	return (struct tap_request){
		.name = "fake0", .fd = -1, .queues = 1, .owner = -1, .group = -1
	};
}

static void setup(void)
{
	fake_reset();
	tap = (struct tap){ .queues = 77 };
}

static struct err open_with(struct tap_request r) { return tap_open(&fake_sys, &r, &tap); }

static void assert_open(struct err e) { ck_assert_msg(!err_is(e), "got \"%s\"", e.text); }

/* One line that names both; nothing of ours is open; the out parameter is untouched. */
static void assert_refused(struct err e, const char *thing, const char *mend)
{
	ck_assert_msg(err_is(e), "it was taken");
	ck_assert_msg(strstr(e.text, thing) != NULL, "got \"%s\", want \"%s\" in it", e.text,
		      thing);
	ck_assert_msg(strstr(e.text, mend) != NULL, "got \"%s\", want \"%s\" in it", e.text, mend);
	ck_assert_msg(strchr(e.text, '\n') == NULL, "more than one line: \"%s\"", e.text);
	ck_assert_msg(fake.open_fds == 0 && fake.bad_closes == 0,
		      "%d descriptors are left open, %d wrongly closed", fake.open_fds,
		      fake.bad_closes);
	ck_assert_uint_eq(tap.queues, 77);
}

#endif
