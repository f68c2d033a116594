/* devices/tap/steer.c: the eBPF program by which a TAP chooses the queue of a frame (RSS, virtio
 * 1.4, 5.1.9.5.7): the hash of devices/frame/hash.h over a frame that is still in the kernel.
 * It is written here, instruction by instruction: read steer_program first. Source: Linux
 * Documentation/bpf/standardization/instruction-set.rst; drivers/net/tun.c, tun_ebpf_select_queue.
 */
#include <endian.h>
#include <linux/bpf.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>

#include "devices/tap/bpf.h"
#include "devices/tap/steer_map.h"
#include "devices/tap/tap_priv.h"

enum {
	ETH_BYTES = 14,
	ETH_TYPE = 12,
	VLAN_BYTES = 4,
	VLAN_TAGS_MAX = 2,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	EXTENSIONS_MAX = 8,
	PROTO_HOP = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_DESTINATION = 60,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
};

/* Registers that a helper's call leaves alone. */
enum {
	FRAME = BPF_REG_6, /* the skb */
	MAP = BPF_REG_7,   /* struct steer_map */
	AT = BPF_REG_8,    /* offset of what is looked at; then the hash */
	MORE = BPF_REG_9,  /* as said where it is used */
};

/* On the stack, below BPF_REG_10. */
enum {
	INPUT = -40,  /* STEER_INPUT_MAX bytes: addresses, then ports */
	SMALL = -48,  /* 8 bytes: a type, a length */
	HEADER = -88, /* IPV6_BYTES: the IP header */
};

enum label {
	IPV4,
	IPV4_ALONE, /* without ports */
	IPV4_PORTS,
	IPV4_HASH,
	IPV6,
	IPV6_UPPER, /* behind extension headers */
	IPV6_ALONE,
	IPV6_PORTS,
	IPV6_HASH,
	PICK,
	UNCLASSIFIED,
	END,
	LABELS
};
_Static_assert((int)LABELS <= (int)BPF_LABELS_MAX, "places of the labels");

/* ---- what a program does often ---- */

/* `bytes` of the frame from register `at` + offset on to the stack; beyond its end: to `label`. */
static void fetch(struct bpf_program *p, unsigned at, int32_t offset, int to, int32_t bytes,
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

/* Register `to`: bytes of the frame from register `at` on. */
static void left_from(struct bpf_program *p, unsigned to, unsigned at)
{
	bpf_load(p, BPF_W, to, FRAME, offsetof(struct __sk_buff, len));
	bpf_with_register(p, BPF_SUB, to, at);
}

static void jump_unless_enabled(struct bpf_program *p, uint32_t type, enum label label)
{
	bpf_load(p, BPF_W, BPF_REG_1, MAP, offsetof(struct steer_map, types));
	bpf_with(p, BPF_AND, BPF_REG_1, (int32_t)type);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 0, label);
}

/* ---- the program ---- */

static void begin(struct bpf_program *p, int map_fd)
{
	bpf_with_register(p, BPF_MOV, FRAME, BPF_REG_1);
	bpf_with(p, BPF_MOV, BPF_REG_0, 0);
	for (int at = HEADER; at < 0; at += 8)
		bpf_store(p, BPF_DW, at, BPF_REG_0);
	/* Two instructions in one: the map's address. */
	bpf_emit(p, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	bpf_emit(p, 0, 0, 0, 0, 0);
	bpf_with_register(p, BPF_MOV, BPF_REG_2, BPF_REG_10);
	bpf_with(p, BPF_ADD, BPF_REG_2, SMALL);
	bpf_emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	bpf_jump(p, BPF_JEQ, BPF_REG_0, 0, END);
	bpf_with_register(p, BPF_MOV, MAP, BPF_REG_0);
}

/* AT: where the packet begins, behind up to two VLAN tags. One that the kernel keeps beside the
 * frame is in it when it is read. MORE: tags that may come. */
static void ethernet(struct bpf_program *p)
{
	unsigned none;

	bpf_with(p, BPF_MOV, AT, 0);
	bpf_with(p, BPF_MOV, MORE, VLAN_TAGS_MAX);
	bpf_load(p, BPF_W, BPF_REG_1, FRAME, offsetof(struct __sk_buff, vlan_present));
	none = bpf_skip(p, BPF_JEQ, BPF_REG_1, 0);
	bpf_with(p, BPF_MOV, MORE, VLAN_TAGS_MAX - 1);
	bpf_skip_end(p, none);
	fetch(p, AT, ETH_TYPE, SMALL, 2, UNCLASSIFIED);
	bpf_with(p, BPF_MOV, AT, ETH_BYTES);
	for (unsigned tag = 0; tag < VLAN_TAGS_MAX; tag++) {
		unsigned is_vlan, no_tag;

		bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
		is_vlan = bpf_skip(p, BPF_JEQ, BPF_REG_1, htobe16(0x8100));
		no_tag = bpf_skip(p, BPF_JNE, BPF_REG_1, htobe16(0x88a8));
		bpf_skip_end(p, is_vlan);
		bpf_jump(p, BPF_JEQ, MORE, 0, UNCLASSIFIED);
		bpf_with(p, BPF_SUB, MORE, 1);
		fetch(p, AT, VLAN_BYTES - 2, SMALL, 2, UNCLASSIFIED);
		bpf_with(p, BPF_ADD, AT, VLAN_BYTES);
		bpf_skip_end(p, no_tag);
	}
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(0x0800), IPV4);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, htobe16(0x86dd), IPV6);
	bpf_jump(p, BPF_JA, 0, 0, UNCLASSIFIED);
}

/* TCP or UDP at MORE, protocol in BPF_REG_1: its ports to the input, behind two addresses of so
 * many bytes. A header that does not end inside the frame has none. */
static void ports(struct bpf_program *p, int addresses, uint32_t tcp, uint32_t udp,
		  enum label found, enum label alone)
{
	unsigned not_udp = bpf_skip(p, BPF_JNE, BPF_REG_1, PROTO_UDP);

	left_from(p, BPF_REG_2, MORE);
	bpf_jump(p, BPF_JLT, BPF_REG_2, UDP_BYTES, alone);
	jump_unless_enabled(p, udp, alone);
	fetch(p, MORE, 0, INPUT + addresses, 4, alone);
	bpf_jump(p, BPF_JA, 0, 0, found);
	bpf_skip_end(p, not_udp);
	bpf_jump(p, BPF_JNE, BPF_REG_1, PROTO_TCP, alone);
	jump_unless_enabled(p, tcp, alone);
	fetch(p, MORE, 12, SMALL, 1, alone);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_with(p, BPF_LSH, BPF_REG_1, 2);
	bpf_jump(p, BPF_JLT, BPF_REG_1, TCP_BYTES, alone);
	left_from(p, BPF_REG_2, MORE);
	bpf_jump_register(p, BPF_JGT, BPF_REG_1, BPF_REG_2, alone);
	fetch(p, MORE, 0, INPUT + addresses, 4, alone);
	bpf_jump(p, BPF_JA, 0, 0, found);
}

static void ipv4(struct bpf_program *p)
{
	bpf_here(p, IPV4);
	fetch(p, AT, 0, HEADER, IPV4_BYTES, UNCLASSIFIED);
	bpf_load(p, BPF_B, MORE, BPF_REG_10, HEADER);
	bpf_with_register(p, BPF_MOV, BPF_REG_1, MORE);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_jump(p, BPF_JNE, BPF_REG_1, 4, UNCLASSIFIED);
	bpf_with(p, BPF_AND, MORE, 15);
	bpf_with(p, BPF_LSH, MORE, 2);
	bpf_jump(p, BPF_JLT, MORE, IPV4_BYTES, UNCLASSIFIED);
	left_from(p, BPF_REG_2, AT);
	bpf_jump_register(p, BPF_JGT, MORE, BPF_REG_2, UNCLASSIFIED);
	for (int at = 0; at < 8; at += 4) {
		bpf_load(p, BPF_W, BPF_REG_1, BPF_REG_10, HEADER + 12 + at);
		bpf_store(p, BPF_W, INPUT + at, BPF_REG_1);
	}
	/* A fragment has no ports. */
	bpf_load(p, BPF_H, BPF_REG_1, BPF_REG_10, HEADER + 6);
	bpf_with(p, BPF_AND, BPF_REG_1, htobe16(0x3fff));
	bpf_jump(p, BPF_JNE, BPF_REG_1, 0, IPV4_ALONE);
	bpf_with_register(p, BPF_ADD, MORE, AT);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEADER + 9);
	ports(p, 8, VIRTIO_NET_RSS_HASH_TYPE_TCPv4, VIRTIO_NET_RSS_HASH_TYPE_UDPv4, IPV4_PORTS,
	      IPV4_ALONE);
}

/* AT: the kind of the header at MORE. More extension headers than that have no ports behind them,
 * and a fragment has none. */
static void ipv6(struct bpf_program *p)
{
	bpf_here(p, IPV6);
	fetch(p, AT, 0, HEADER, IPV6_BYTES, UNCLASSIFIED);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEADER);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_jump(p, BPF_JNE, BPF_REG_1, 6, UNCLASSIFIED);
	for (int at = 0; at < 32; at += 8) {
		bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, HEADER + 8 + at);
		bpf_store(p, BPF_DW, INPUT + at, BPF_REG_1);
	}
	bpf_with_register(p, BPF_MOV, MORE, AT);
	bpf_with(p, BPF_ADD, MORE, IPV6_BYTES);
	bpf_load(p, BPF_B, AT, BPF_REG_10, HEADER + 6);
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		unsigned hop = bpf_skip(p, BPF_JEQ, AT, PROTO_HOP);
		unsigned routing = bpf_skip(p, BPF_JEQ, AT, PROTO_ROUTING);

		bpf_jump(p, BPF_JNE, AT, PROTO_DESTINATION, IPV6_UPPER);
		bpf_skip_end(p, hop);
		bpf_skip_end(p, routing);
		fetch(p, MORE, 0, SMALL, 8, IPV6_ALONE);
		bpf_load(p, BPF_B, AT, BPF_REG_10, SMALL);
		bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 1);
		bpf_with(p, BPF_ADD, BPF_REG_1, 1);
		bpf_with(p, BPF_LSH, BPF_REG_1, 3);
		left_from(p, BPF_REG_2, MORE);
		bpf_jump_register(p, BPF_JGT, BPF_REG_1, BPF_REG_2, IPV6_ALONE);
		bpf_with_register(p, BPF_ADD, MORE, BPF_REG_1);
	}
	bpf_here(p, IPV6_UPPER);
	bpf_with_register(p, BPF_MOV, BPF_REG_1, AT);
	ports(p, 32, VIRTIO_NET_RSS_HASH_TYPE_TCPv6, VIRTIO_NET_RSS_HASH_TYPE_UDPv6, IPV6_PORTS,
	      IPV6_ALONE);
}

/* Bytes [from, to) of the input into the hash, AT. */
static void add_bytes(struct bpf_program *p, int from, int to)
{
	enum { HALF = sizeof(((struct steer_map *)0)->share[0]) };

	for (int i = from; i < to; i++) {
		int share = (int)offsetof(struct steer_map, share) + 2 * i * HALF;

		bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, INPUT + i);
		bpf_with_register(p, BPF_MOV, BPF_REG_2, BPF_REG_1);
		bpf_with(p, BPF_RSH, BPF_REG_2, 4);
		bpf_with(p, BPF_LSH, BPF_REG_2, 2);
		bpf_with_register(p, BPF_ADD, BPF_REG_2, MAP);
		bpf_load(p, BPF_W, BPF_REG_3, BPF_REG_2, share);
		bpf_with_register(p, BPF_XOR, AT, BPF_REG_3);
		bpf_with(p, BPF_AND, BPF_REG_1, 15);
		bpf_with(p, BPF_LSH, BPF_REG_1, 2);
		bpf_with_register(p, BPF_ADD, BPF_REG_1, MAP);
		bpf_load(p, BPF_W, BPF_REG_3, BPF_REG_1, share + HALF);
		bpf_with_register(p, BPF_XOR, AT, BPF_REG_3);
	}
}

/* MORE: whether there are ports. */
static void hash(struct bpf_program *p, int addresses, uint32_t ip, enum label alone,
		 enum label with_ports, enum label both)
{
	bpf_here(p, alone);
	jump_unless_enabled(p, ip, UNCLASSIFIED);
	bpf_with(p, BPF_MOV, MORE, 0);
	bpf_jump(p, BPF_JA, 0, 0, both);
	bpf_here(p, with_ports);
	bpf_with(p, BPF_MOV, MORE, 1);
	bpf_here(p, both);
	bpf_with(p, BPF_MOV, AT, 0);
	add_bytes(p, 0, addresses);
	bpf_jump(p, BPF_JEQ, MORE, 0, PICK);
	add_bytes(p, addresses, addresses + 4);
	bpf_jump(p, BPF_JA, 0, 0, PICK);
}

/* NET-47. */
static void pick(struct bpf_program *p)
{
	bpf_here(p, PICK);
	bpf_load(p, BPF_W, BPF_REG_1, MAP, offsetof(struct steer_map, mask));
	bpf_with_register(p, BPF_AND, AT, BPF_REG_1);
	bpf_with(p, BPF_AND, AT,
		 STEER_TABLE_MAX - 1); /* the kernel does not know of the mask's limit */
	bpf_with(p, BPF_LSH, AT, 2);
	bpf_with_register(p, BPF_ADD, AT, MAP);
	bpf_load(p, BPF_W, BPF_REG_0, AT, offsetof(struct steer_map, queue));
	bpf_jump(p, BPF_JA, 0, 0, END);
	bpf_here(p, UNCLASSIFIED);
	bpf_load(p, BPF_W, BPF_REG_0, MAP, offsetof(struct steer_map, unclassified));
	bpf_here(p, END);
	bpf_emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void steer_program(struct bpf_program *p, int map_fd)
{
	p->count = p->jumps = 0;
	begin(p, map_fd);
	ethernet(p);
	ipv4(p);
	ipv6(p);
	hash(p, 8, VIRTIO_NET_RSS_HASH_TYPE_IPv4, IPV4_ALONE, IPV4_PORTS, IPV4_HASH);
	hash(p, 32, VIRTIO_NET_RSS_HASH_TYPE_IPv6, IPV6_ALONE, IPV6_PORTS, IPV6_HASH);
	pick(p);
	bpf_resolve(p);
}

/* ---- loaded ---- */

/* One entry, shared by mmap: whoever sets it needs no bpf(). */
static int make_map(const struct sys *sys)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = sizeof(uint32_t),
				.value_size = sizeof(struct steer_map),
				.max_entries = 1,
				.map_flags = BPF_F_MMAPABLE,
				.map_name = "tapvm_steer" };

	return sys->bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

void tap_steer_load(const struct sys *sys, struct tap *tap)
{
	struct bpf_program program;
	int map = make_map(sys);
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				.insns = (uintptr_t)program.insn,
				.license = (uintptr_t) "BSD",
				.prog_name = "tapvm_steer" };
	int fd;

	if (map < 0)
		return;
	steer_program(&program, map);
	attr.insn_cnt = program.count;
	fd = sys->bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0) {
		(void)sys->close(map);
		return;
	}
	tap->steers = true;
	tap->steer_program = fd;
	tap->steer_map = map;
}
