/* devices/tap/steer_tunnel.c: the steering program's way into a tunnel, as devices/frame/tunnel.c
 * goes. */
#include <endian.h>
#include <stddef.h>

#include "devices/frame/tunnel.h"
#include "devices/tap/steer_priv.h"

/* Whether the type in BPF_REG_3 is enabled. */
static void unless_enabled(struct bpf_program *p, enum label none)
{
	bpf_load(p, BPF_W, BPF_REG_2, MAP, offsetof(struct steer_map, hash.tunnels));
	bpf_with_register(p, BPF_AND, BPF_REG_3, BPF_REG_2);
	bpf_jump(p, BPF_JEQ, BPF_REG_3, 0, none);
}

static void unless_type_enabled(struct bpf_program *p, uint32_t type, enum label none)
{
	bpf_with(p, BPF_MOV, BPF_REG_3, (int32_t)type);
	unless_enabled(p, none);
}

/* AT: where the ethertype at `slot` begins. */
static void enter(struct bpf_program *p, int slot)
{
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, slot);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(TYPE_ETHERNET), ETHERNET_AT + INNER);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(TYPE_IPV4), IPV4_AT + INNER);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(TYPE_IPV6), IPV6_AT + INNER);
	bpf_jump(p, BPF_JA, 0, 0, UNCLASSIFIED);
}

/* BPF_REG_2: those of BPF_REG_1's flags. */
static void flags(struct bpf_program *p, uint16_t which)
{
	bpf_with_register(p, BPF_MOV, BPF_REG_2, BPF_REG_1);
	bpf_with(p, BPF_AND, BPF_REG_2, htobe16(which));
}

/* At MORE + offset. BPF_REG_1: its flags; BPF_REG_3: its types. */
static void gre(struct bpf_program *p, int32_t offset, uint32_t type, enum label none)
{
	unsigned without, other;

	steer_fetch(p, MORE, offset, SMALL, GRE_BYTES, none);
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
	flags(p, GRE_MUST_BE_0);
	bpf_jump(p, BPF_JNE, BPF_REG_2, 0, none);
	bpf_with_register(p, BPF_MOV, AT, MORE);
	bpf_with(p, BPF_ADD, AT, offset + GRE_BYTES);
	for (uint16_t word = GRE_CHECKSUM; word >= GRE_SEQUENCE; word >>= 1) {
		flags(p, word);
		without = bpf_skip(p, BPF_JEQ, BPF_REG_2, 0);
		bpf_with(p, BPF_ADD, AT, 4);
		bpf_skip_end(p, without);
	}
	bpf_with(p, BPF_MOV, BPF_REG_3, (int32_t)type);
	if (type == TUNNEL_GRE_2784) {
		flags(p, GRE_KEY | GRE_SEQUENCE);
		without = bpf_skip(p, BPF_JEQ, BPF_REG_2, 0);
		bpf_with(p, BPF_MOV, BPF_REG_3, TUNNEL_GRE_2890);
		bpf_skip_end(p, without);
	}
	if (type != TUNNEL_GRE_UDP) {
		flags(p, GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE);
		without = bpf_skip(p, BPF_JNE, BPF_REG_2, htobe16(GRE_KEY));
		bpf_load(p, BPF_H, BPF_REG_2, BPF_REG_10, SMALL + 2);
		other = bpf_skip(p, BPF_JNE, BPF_REG_2, htobe16(TYPE_ETHERNET));
		bpf_with(p, BPF_OR, BPF_REG_3, TUNNEL_NVGRE);
		bpf_skip_end(p, without);
		bpf_skip_end(p, other);
	}
	unless_enabled(p, none);
	enter(p, SMALL + 2);
}

/* The header of the port in BPF_REG_1, to SMALL; another port: on. Returns what is to be ended. */
static unsigned header(struct bpf_program *p, uint16_t port, uint32_t type, enum label none)
{
	unsigned other = bpf_skip(p, BPF_JNE, BPF_REG_1, htobe16(port));

	steer_fetch(p, MORE, UDP_BYTES, SMALL, VXLAN_BYTES, none);
	unless_type_enabled(p, type, none);
	bpf_with_register(p, BPF_MOV, AT, MORE);
	bpf_with(p, BPF_ADD, AT, UDP_BYTES + VXLAN_BYTES);
	return other;
}

/* Without the flag Ethernet follows. */
static void gpe(struct bpf_program *p)
{
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_with(p, BPF_AND, BPF_REG_1, GPE_PROTOCOL);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 0, ETHERNET_AT + INNER);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 3);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 1, IPV4_AT + INNER);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 2, IPV6_AT + INNER);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 3, ETHERNET_AT + INNER);
	bpf_jump(p, BPF_JA, 0, 0, UNCLASSIFIED);
}

static void udp(struct bpf_program *p, enum label none)
{
	unsigned other;

	steer_fetch(p, MORE, 0, SMALL, UDP_BYTES, none);
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL + 2);
	other = bpf_skip(p, BPF_JNE, BPF_REG_1, htobe16(PORT_GRE));
	gre(p, UDP_BYTES, TUNNEL_GRE_UDP, none);
	bpf_skip_end(p, other);
	other = header(p, PORT_VXLAN, TUNNEL_VXLAN, none);
	bpf_jump(p, BPF_JA, 0, 0, ETHERNET_AT + INNER);
	bpf_skip_end(p, other);
	other = header(p, PORT_VXLAN_GPE, TUNNEL_VXLAN_GPE, none);
	gpe(p);
	bpf_skip_end(p, other);
	other = header(p, PORT_GENEVE, TUNNEL_GENEVE, none);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_with(p, BPF_AND, BPF_REG_1, 0x3f);
	bpf_with(p, BPF_LSH, BPF_REG_1, 2);
	bpf_with_register(p, BPF_ADD, AT, BPF_REG_1);
	enter(p, SMALL + 2);
	bpf_skip_end(p, other);
	bpf_jump(p, BPF_JA, 0, 0, none);
}

void steer_tunnel(struct bpf_program *p, unsigned ip_version, enum label none)
{
	unsigned other;

	bpf_load(p, BPF_W, BPF_REG_2, MAP, offsetof(struct steer_map, hash.tunnels));
	bpf_jump(p, BPF_JEQ, BPF_REG_2, 0, none);
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, PROTOCOL);
	other = bpf_skip(p, BPF_JNE, BPF_REG_1, PROTO_UDP);
	udp(p, none);
	bpf_skip_end(p, other);
	if (ip_version == 4) {
		other = bpf_skip(p, BPF_JNE, BPF_REG_1, PROTO_IPIP);
		unless_type_enabled(p, TUNNEL_IPIP, none);
		bpf_with_register(p, BPF_MOV, AT, MORE);
		bpf_jump(p, BPF_JA, 0, 0, IPV4_AT + INNER);
		bpf_skip_end(p, other);
	}
	bpf_jump(p, BPF_JNE, BPF_REG_1, PROTO_GRE, none);
	gre(p, 0, ip_version == 4 ? TUNNEL_GRE_2784 : TUNNEL_GRE_7676, none);
}
