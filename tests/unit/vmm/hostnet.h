/* tests/unit/vmm/hostnet.h: a NIC with addresses, for the tests of vmm/hostnet. */
#ifndef TAPVM_TESTS_VMM_HOSTNET_H
#define TAPVM_TESTS_VMM_HOSTNET_H

#include <check.h>

#include "vmm/hostnet/hostnet_priv.h"

enum { ADDRESSES = 3 };

static inline unsigned prefixes(const char *const text[static ADDRESSES],
				struct ip_prefix ret[static ADDRESSES])
{
	unsigned count = 0;

	while (count < ADDRESSES && text[count] != NULL) {
		struct err e = ip_prefix_parse(text[count], &ret[count]);

		ck_assert_msg(!err_is(e), "got \"%s\"", e.text);
		count++;
	}
	return count;
}

static inline struct hostnet_nic nic_of(struct ip_prefix *address,
					const char *const text[static ADDRESSES])
{
	return (struct hostnet_nic){ .tap = "vm0",
				     .mac = { 2, 0, 0, 0, 0, 0xfe },
				     .address = address,
				     .address_count = prefixes(text, address) };
}

#endif
