/* devices/frame/tunnel.h: the packet that another one carries. Pure. */
#ifndef TAPVM_FRAME_TUNNEL_H
#define TAPVM_FRAME_TUNNEL_H

#include "devices/frame/parse.h"

/* Encapsulations, bits as in supported_tunnel_types: virtio 1.4, 5.1.9.4.4.2. */
enum {
	TUNNEL_GRE_2784 = 1 << 0, /* GRE over IPv4 without key and sequence number */
	TUNNEL_GRE_2890 = 1 << 1, /* with one of them */
	TUNNEL_GRE_7676 = 1 << 2, /* GRE over IPv6 */
	TUNNEL_GRE_UDP = 1 << 3,  /* GRE in UDP, RFC 8086 */
	TUNNEL_VXLAN = 1 << 4,
	TUNNEL_VXLAN_GPE = 1 << 5,
	TUNNEL_GENEVE = 1 << 6,
	TUNNEL_IPIP = 1 << 7,  /* IPv4 in IPv4, RFC 2003 */
	TUNNEL_NVGRE = 1 << 8, /* GRE with a key that carries Ethernet, RFC 7637 */
	TUNNELS_ALL = (1 << 9) - 1,
};

/* Whether the packet that `outer` describes is a tunnel of one of these types; then what it
 * carries, which may be nothing that is understood. One level only. */
bool tunnel_parse(const uint8_t *bytes, uint32_t len, const struct parsed *outer, uint32_t types,
		  struct parsed *ret_inner);

#endif
