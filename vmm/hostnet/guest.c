/* vmm/hostnet/guest.c: the guest's address, and which wishes go together. Pure. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "vmm/hostnet/hostnet_priv.h"

static uint32_t mask(const struct ip_prefix *p)
{
	return p->prefix_len == 0 ? 0 : UINT32_MAX << (32 - p->prefix_len);
}

static uint32_t host_order(const struct ip_prefix *p) { return ntohl(p->addr.v4.s_addr); }

/* Somebody else's in the TAP's network; its first and last addresses are nobody's, but where there
 * are but two (RFC 3021). */
static bool may_be_guest(const struct ip_prefix *tap, uint32_t address)
{
	uint32_t own = host_order(tap), hosts = ~mask(tap);

	if ((address & mask(tap)) != (own & mask(tap)) || address == own)
		return false;
	return hosts == 1 || ((address & hosts) != 0 && (address & hosts) != hosts);
}

/* The lowest that may be. */
static bool choose(const struct ip_prefix *tap, uint32_t *ret_address)
{
	uint32_t network = host_order(tap) & mask(tap);

	for (uint32_t i = 0; i < 4; i++) {
		if (may_be_guest(tap, network + i)) {
			*ret_address = network + i;
			return true;
		}
	}
	return false;
}

static bool find(const struct hostnet_wish *w, const struct ip_prefix *address, unsigned count,
		 struct in_addr *ret_guest, struct ip_prefix *ret_tap)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t guest = ntohl(w->guest.s_addr);

		if (address[i].family != AF_INET ||
		    !(w->has_guest ? may_be_guest(&address[i], guest)
				   : choose(&address[i], &guest)))
			continue;
		ret_guest->s_addr = htonl(guest);
		*ret_tap = address[i];
		return true;
	}
	return false;
}

bool hostnet_guest(const struct hostnet_nic *nic, struct in_addr *ret_guest,
		   struct ip_prefix *ret_tap)
{
	return find(&nic->wish, nic->address, nic->address_count, ret_guest, ret_tap);
}

struct err hostnet_judge(const struct hostnet_wish *w, const struct ip_prefix *address,
			 unsigned count)
{
	struct in_addr guest;
	struct ip_prefix tap;
	char text[INET_ADDRSTRLEN];

	if (w->bridge != NULL && count > 0)
		return err_make(ERR_USAGE, 0,
				"ip does not go with bridge: addresses go to the bridge; 'ip addr "
				"add ... dev %s', and leave ip= out",
				w->bridge);
	if (w->nat && count == 0)
		return err_make(ERR_USAGE, 0,
				"nat needs an address of the TAP that the guest goes by; add "
				"ip=192.168.77.1/24");
	if ((w->dhcp || w->has_guest) && !find(w, address, count, &guest, &tap)) {
		if (w->has_guest && count > 0)
			return err_make(
				ERR_USAGE, 0,
				"guest-ip=%s is no address for a guest in a network that ip= "
				"gives the TAP; choose another",
				inet_ntop(AF_INET, &w->guest, text, sizeof(text)));
		return err_make(ERR_USAGE, 0,
				"%s needs an IPv4 network of the TAP to take the guest's address "
				"from; add ip=192.168.77.1/24",
				w->has_guest ? "guest-ip" : "dhcp=on");
	}
	return err_none();
}

/* Linux, Documentation/admin-guide/nfs/nfsroot.rst. */
void hostnet_kernel_words(const struct hostnet_nic *nic, unsigned index, char *ret_text,
			  unsigned size)
{
	struct in_addr guest, netmask;
	struct ip_prefix tap;
	char address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN], of[INET_ADDRSTRLEN];

	ret_text[0] = '\0';
	if (!nic->wish.has_guest || !hostnet_guest(nic, &guest, &tap))
		return;
	netmask.s_addr = htonl(mask(&tap));
	(void)snprintf(ret_text, size, "ip=%s::%s:%s::eth%u:off%s%s",
		       inet_ntop(AF_INET, &guest, address, sizeof(address)),
		       inet_ntop(AF_INET, &tap.addr.v4, gateway, sizeof(gateway)),
		       inet_ntop(AF_INET, &netmask, of, sizeof(of)), index,
		       nic->wish.dhcp ? ":" : "", nic->wish.dhcp ? gateway : "");
}
