/* devices/net/request.c: what the other side of a transport asks of a NIC beside its queues. */
#include <endian.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <string.h>

#include "devices/net/net_priv.h"

enum { MTU_MIN = 68, RARP_BYTES = 60, RARP_REQUEST = 3 };

/* RFC 903: "who am I", broadcast; bridges learn from it where the address is now. */
struct wire_rarp {
	struct ethhdr ethernet;
	struct arphdr arp;
	uint8_t sender[ETH_ALEN], sender_ip[4], target[ETH_ALEN], target_ip[4];
} __attribute__((packed));

/* VHU-20: whatever becomes of the frame: nobody waits for it, and it is no guest's. */
static void announce(struct net *n, const uint8_t mac[static 6])
{
	struct backend *be = n->config.backend;
	struct net_pair *p = &n->pair[0];
	struct wire_rarp r = {
		.ethernet = { .h_proto = htobe16(ETH_P_RARP) },
		.arp = { .ar_hrd = htobe16(ARPHRD_ETHER),
			 .ar_pro = htobe16(ETH_P_IP),
			 .ar_hln = ETH_ALEN,
			 .ar_pln = 4,
			 .ar_op = htobe16(RARP_REQUEST) },
	};

	memset(r.ethernet.h_dest, 0xff, ETH_ALEN);
	memcpy(r.ethernet.h_source, mac, ETH_ALEN);
	memcpy(r.sender, mac, ETH_ALEN);
	memcpy(r.target, mac, ETH_ALEN);
	device_pause(n->device);
	p->tx.count = 1;
	p->tx.frame[0] = (struct frame){ .bytes = p->tx_slots + VNET_HDR_MAX,
					 .local = RARP_BYTES,
					 .len = RARP_BYTES };
	memset(p->tx.frame[0].bytes, 0, RARP_BYTES);
	memcpy(p->tx.frame[0].bytes, &r, sizeof(r));
	be->ops->send(be, p->index, &p->tx);
	p->tx.count = 0;
	device_resume(n->device);
}

bool net_request(void *self, enum device_request what, uint64_t value)
{
	struct net *n = self;
	uint64_t mac = htole64(value);

	switch (what) {
	case DEVICE_REQUEST_MTU:
		/* A TAP takes what is sent up to its own MTU; without one that is known it is not
		 * for us to judge. */
		return value >= MTU_MIN &&
		       value <= (n->config.mtu != 0 ? n->config.mtu : UINT16_MAX);
	case DEVICE_REQUEST_ANNOUNCE: announce(n, (const uint8_t *)&mac); return true;
	}
	return false;
}
