/* devices/tap/steer_parse.c: the steering program's way through a frame, as devices/frame/parse.c
 * goes. */
#include <endian.h>
#include <stddef.h>

#include "devices/tap/steer_priv.h"

/* ---- what a program does often ---- */

void steer_fetch(struct bpf_program *p, unsigned at, int32_t offset, int to, int32_t bytes,
		 enum label beyond)
{
	bpf_with_register(p, BPF_MOV, BPF_REG_1, FRAME);
	bpf_with_register(p, BPF_MOV, BPF_REG_2, at);
	bpf_with(p, BPF_ADD, BPF_REG_2, offset);
	bpf_with_register(p, BPF_MOV, BPF_REG_3, BPF_REG_10);
	bpf_with(p, BPF_ADD, BPF_REG_3, to);
	bpf_with(p, BPF_MOV, BPF_REG_4, bytes);
	bpf_emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
	bpf_jump(p, BPF_JNE, BPF_REG_0, 0, beyond);
}

void steer_left_from(struct bpf_program *p, unsigned to, unsigned at)
{
	bpf_load(p, BPF_W, to, FRAME, offsetof(struct __sk_buff, len));
	bpf_with_register(p, BPF_SUB, to, at);
}

void steer_unless_enabled(struct bpf_program *p, uint32_t type, enum label label)
{
	bpf_load(p, BPF_W, BPF_REG_1, MAP, offsetof(struct steer_map, hash.types));
	bpf_with(p, BPF_AND, BPF_REG_1, (int32_t)type);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 0, label);
}

static void set(struct bpf_program *p, int slot, int32_t value)
{
	bpf_with(p, BPF_MOV, BPF_REG_1, value);
	bpf_store(p, BPF_DW, slot, BPF_REG_1);
}

void steer_copy(struct bpf_program *p, int to, int from, int bytes)
{
	for (int at = 0; at < bytes; at += 8) {
		bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, from + at);
		bpf_store(p, BPF_DW, to + at, BPF_REG_1);
	}
}

/* ---- Ethernet ---- */

/* AT: where the packet begins, behind up to two VLAN tags. One that the kernel keeps beside the
 * frame is in it when it is read. MORE: tags that may come. */
void steer_ethernet(struct bpf_program *p, enum level level)
{
	bpf_here(p, ETHERNET_AT + level);
	bpf_with(p, BPF_MOV, MORE, VLAN_TAGS_MAX);
	if (level == OUTER) {
		unsigned none;

		bpf_load(p, BPF_W, BPF_REG_1, FRAME, offsetof(struct __sk_buff, vlan_present));
		none = bpf_skip(p, BPF_JEQ, BPF_REG_1, 0);
		bpf_with(p, BPF_MOV, MORE, VLAN_TAGS_MAX - 1);
		bpf_skip_end(p, none);
	}
	steer_fetch(p, AT, ETH_TYPE, SMALL, 2, UNCLASSIFIED);
	bpf_with(p, BPF_ADD, AT, ETH_BYTES);
	for (unsigned tag = 0; tag < VLAN_TAGS_MAX; tag++) {
		unsigned is_vlan, no_tag;

		bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
		is_vlan = bpf_skip(p, BPF_JEQ, BPF_REG_1, htobe16(TYPE_VLAN));
		no_tag = bpf_skip(p, BPF_JNE, BPF_REG_1, htobe16(TYPE_QINQ));
		bpf_skip_end(p, is_vlan);
		bpf_jump(p, BPF_JEQ, MORE, 0, UNCLASSIFIED);
		bpf_with(p, BPF_SUB, MORE, 1);
		steer_fetch(p, AT, VLAN_BYTES - 2, SMALL, 2, UNCLASSIFIED);
		bpf_with(p, BPF_ADD, AT, VLAN_BYTES);
		bpf_skip_end(p, no_tag);
	}
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(TYPE_IPV4), IPV4_AT + level);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(TYPE_IPV6), IPV6_AT + level);
	bpf_jump(p, BPF_JA, 0, 0, UNCLASSIFIED);
}

/* ---- IP ---- */

/* From AT on. MORE: where the transport header begins. */
void steer_ipv4(struct bpf_program *p, enum level level)
{
	bpf_here(p, IPV4_AT + level);
	steer_fetch(p, AT, 0, HEADER, IPV4_BYTES_MIN, UNCLASSIFIED);
	bpf_load(p, BPF_B, MORE, BPF_REG_10, HEADER);
	bpf_with_register(p, BPF_MOV, BPF_REG_1, MORE);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_jump(p, BPF_JNE, BPF_REG_1, 4, UNCLASSIFIED);
	bpf_with(p, BPF_AND, MORE, 15);
	bpf_with(p, BPF_LSH, MORE, 2);
	bpf_jump(p, BPF_JLT, MORE, IPV4_BYTES_MIN, UNCLASSIFIED);
	steer_left_from(p, BPF_REG_2, AT);
	bpf_jump_register(p, BPF_JGT, MORE, BPF_REG_2, UNCLASSIFIED);
	for (int at = 0; at < 8; at += 4) {
		bpf_load(p, BPF_W, BPF_REG_1, BPF_REG_10, HEADER + 12 + at);
		bpf_store(p, BPF_W, INPUT + at, BPF_REG_1);
	}
	/* A fragment has no ports, and is no tunnel. */
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, HEADER + 6);
	bpf_with(p, BPF_AND, BPF_REG_1, htobe16(0x3fff));
	bpf_jump(p, BPF_JNE, BPF_REG_1, 0, IPV4_ALONE);
	bpf_with_register(p, BPF_ADD, MORE, AT);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEADER + 9);
	bpf_store(p, BPF_DW, PROTOCOL, BPF_REG_1);
	if (level == OUTER)
		steer_tunnel(p, 4, IPV4_TRANSPORT);
	else
		bpf_jump(p, BPF_JA, 0, 0, IPV4_TRANSPORT);
}

/* What the extension header of kind AT at MORE says of the addresses. */
static void note_home(struct bpf_program *p)
{
	unsigned no_routing, not_home, other_size, no_options;

	no_routing = bpf_skip(p, BPF_JNE, AT, PROTO_ROUTING);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 2);
	not_home = bpf_skip(p, BPF_JNE, BPF_REG_1, ROUTING_HOME);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 1);
	other_size = bpf_skip(p, BPF_JNE, BPF_REG_1, ADDRESS_BYTES / 8);
	steer_fetch(p, MORE, 8, HOME + ADDRESS_BYTES, ADDRESS_BYTES, UNCLASSIFIED);
	bpf_skip_end(p, no_routing);
	bpf_skip_end(p, not_home);
	bpf_skip_end(p, other_size);
	no_options = bpf_skip(p, BPF_JNE, AT, PROTO_DESTINATION);
	set(p, OPTIONS_SEEN, 1);
	bpf_store(p, BPF_DW, OPTIONS_AT, MORE);
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, HEADER_END);
	bpf_store(p, BPF_DW, OPTIONS_END, BPF_REG_1);
	bpf_skip_end(p, no_options);
}

/* AT: the kind of the header at MORE. More extension headers than that have nothing behind them. */
static void extensions(struct bpf_program *p, enum level level)
{
	unsigned loop = bpf_loop(p, EXTENSIONS);
	unsigned hop = bpf_skip(p, BPF_JEQ, AT, PROTO_HOP);
	unsigned routing = bpf_skip(p, BPF_JEQ, AT, PROTO_ROUTING);
	unsigned destination = bpf_skip(p, BPF_JEQ, AT, PROTO_DESTINATION);

	bpf_jump(p, BPF_JA, 0, 0, IPV6_UPPER + level);
	bpf_skip_end(p, hop);
	bpf_skip_end(p, routing);
	bpf_skip_end(p, destination);
	set(p, EXTENDED, 1);
	steer_fetch(p, MORE, 0, SMALL, 8, IPV6_CUT + level);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 1);
	bpf_with(p, BPF_ADD, BPF_REG_1, 1);
	bpf_with(p, BPF_LSH, BPF_REG_1, 3);
	steer_left_from(p, BPF_REG_2, MORE);
	bpf_jump_register(p, BPF_JGT, BPF_REG_1, BPF_REG_2, IPV6_CUT + level);
	bpf_with_register(p, BPF_ADD, BPF_REG_1, MORE);
	bpf_store(p, BPF_DW, HEADER_END, BPF_REG_1);
	note_home(p);
	bpf_load(p, BPF_B, AT, BPF_REG_10, SMALL);
	bpf_load(p, BPF_DW, MORE, BPF_REG_10, HEADER_END);
	bpf_loop_end(p, loop, EXTENSIONS, EXTENSIONS_MAX);
	bpf_jump(p, BPF_JA, 0, 0, IPV6_UPPER + level);
	bpf_here(p, IPV6_CUT + level);
	bpf_with(p, BPF_MOV, AT, PROTO_NONE);
}

/* From AT on. Then MORE: where the transport header begins. */
void steer_ipv6(struct bpf_program *p, enum level level)
{
	unsigned whole;

	bpf_here(p, IPV6_AT + level);
	steer_fetch(p, AT, 0, HEADER, IPV6_BYTES, UNCLASSIFIED);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEADER);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_jump(p, BPF_JNE, BPF_REG_1, 6, UNCLASSIFIED);
	steer_copy(p, INPUT, HEADER + 8, 2 * ADDRESS_BYTES);
	steer_copy(p, HOME, HEADER + 8, 2 * ADDRESS_BYTES);
	set(p, OPTIONS_SEEN, 0);
	set(p, EXTENDED, 0);
	bpf_with_register(p, BPF_MOV, MORE, AT);
	bpf_with(p, BPF_ADD, MORE, IPV6_BYTES);
	bpf_load(p, BPF_B, AT, BPF_REG_10, HEADER + 6);
	extensions(p, level);
	bpf_here(p, IPV6_UPPER + level);
	/* A fragment has no ports, and is no tunnel. */
	whole = bpf_skip(p, BPF_JNE, AT, PROTO_FRAGMENT);
	set(p, EXTENDED, 1);
	bpf_skip_end(p, whole);
	bpf_store(p, BPF_DW, PROTOCOL, AT);
	if (level == OUTER)
		steer_tunnel(p, 6, IPV6_TRANSPORT);
	else
		bpf_jump(p, BPF_JA, 0, 0, IPV6_TRANSPORT);
}

void steer_home(struct bpf_program *p)
{
	unsigned none, ended, short_one, found, loop, longer, other, other_size, next;

	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, OPTIONS_SEEN);
	none = bpf_skip(p, BPF_JEQ, BPF_REG_1, 0);
	bpf_load(p, BPF_DW, AT, BPF_REG_10, OPTIONS_AT);
	bpf_with(p, BPF_ADD, AT, 2);
	loop = bpf_loop(p, OPTIONS);
	bpf_load(p, BPF_DW, BPF_REG_2, BPF_REG_10, OPTIONS_END);
	bpf_with_register(p, BPF_SUB, BPF_REG_2, AT);
	ended = bpf_skip(p, BPF_JSLT, BPF_REG_2, 2);
	steer_fetch(p, AT, 0, SMALL, 2, UNCLASSIFIED);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	longer = bpf_skip(p, BPF_JNE, BPF_REG_1, OPTION_PAD1);
	bpf_with(p, BPF_ADD, AT, 1);
	next = bpf_skip(p, BPF_JA, 0, 0);
	bpf_skip_end(p, longer);
	other = bpf_skip(p, BPF_JNE, BPF_REG_1, OPTION_HOME);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 1);
	other_size = bpf_skip(p, BPF_JNE, BPF_REG_1, ADDRESS_BYTES);
	bpf_load(p, BPF_DW, BPF_REG_2, BPF_REG_10, OPTIONS_END);
	bpf_with_register(p, BPF_SUB, BPF_REG_2, AT);
	short_one = bpf_skip(p, BPF_JSLT, BPF_REG_2, 2 + ADDRESS_BYTES);
	steer_fetch(p, AT, 2, HOME, ADDRESS_BYTES, UNCLASSIFIED);
	found = bpf_skip(p, BPF_JA, 0, 0);
	bpf_skip_end(p, other);
	bpf_skip_end(p, other_size);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 1);
	bpf_with_register(p, BPF_ADD, AT, BPF_REG_1);
	bpf_with(p, BPF_ADD, AT, 2);
	bpf_skip_end(p, next);
	bpf_loop_end(p, loop, OPTIONS, OPTIONS_MAX);
	bpf_skip_end(p, none);
	bpf_skip_end(p, ended);
	bpf_skip_end(p, short_one);
	bpf_skip_end(p, found);
}
