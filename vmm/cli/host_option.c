/* vmm/cli/host_option.c: --net tap,dhcp=,nat=,guest-ip=,bridge= */
#include "vmm/cli/host_option.h"

#include <arpa/inet.h>
#include <string.h>

#include "devices/tap/tap.h"
#include "vmm/cli/value.h"

struct err take_dhcp(void *into, const char *value)
{
	struct nic_options *nic = into;

	return value_switch(value, &nic->host.dhcp);
}

/* on, off, or the name of an interface. */
struct err take_nat(void *into, const char *value)
{
	struct nic_options *nic = into;

	if (!err_is(value_switch(value, &nic->host.nat)))
		return err_none();
	nic->host.nat = true;
	nic->host.uplink = value;
	return tap_name_check(value);
}

struct err take_guest_ip(void *into, const char *value)
{
	struct nic_options *nic = into;

	nic->host.has_guest = true;
	if (inet_pton(AF_INET, value, &nic->host.guest) == 1)
		return err_none();
	return err_make(ERR_USAGE, 0, "'%.64s' is no IPv4 address; write it like 192.168.77.2",
			value);
}

struct err take_bridge(void *into, const char *value)
{
	struct nic_options *nic = into;

	nic->host.bridge = value;
	return tap_name_check(value);
}

struct err host_option_judge(const struct nic_options *nic)
{
	const struct hostnet_wish *w = &nic->host;

	if (nic->kind == TAP_KIND_TUN && (w->dhcp || w->bridge != NULL))
		return err_make(ERR_USAGE, 0,
				"%s needs Ethernet, which a TUN does not carry; write --net tap",
				w->dhcp ? "dhcp=on" : "bridge");
	if ((w->nat || w->bridge != NULL) && nic->netns != NULL &&
	    strcmp(nic->netns, "private") == 0)
		return err_make(ERR_USAGE, 0,
				"%s does not go with netns=private, from which nothing leads out; "
				"leave one out",
				w->nat ? "nat" : "bridge");
	return hostnet_judge(w, nic->address, nic->address_count);
}
