/* devices/tap/steer.c: the eBPF program by which a TAP chooses the queue of a frame (RSS, virtio
 * 1.4, 5.1.9.5.7): the hash of devices/frame/hash.h over a frame that is still in the kernel.
 * It is written here, instruction by instruction: read steer_program first. Source: Linux
 * Documentation/bpf/standardization/instruction-set.rst; drivers/net/tun.c, tun_ebpf_select_queue.
 */
#include <assert.h>
#include <endian.h>
#include <linux/bpf.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>

#include "devices/tap/steer_map.h"
#include "devices/tap/tap_priv.h"

enum {
	INSNS_MAX = 2048,
	JUMPS_MAX = 128,
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

struct program {
	struct bpf_insn insn[INSNS_MAX];
	unsigned count;
	struct jump {
		unsigned from;
		enum label to;
	} jump[JUMPS_MAX];
	unsigned jumps;
	unsigned place[LABELS];
};

/* ---- an assembler ---- */

static void emit(struct program *p, unsigned code, unsigned to, unsigned from, int offset,
		 int32_t value)
{
	assert(p->count < INSNS_MAX);
	p->insn[p->count++] = (struct bpf_insn){ .code = (uint8_t)code,
						 .dst_reg = to & 15,
						 .src_reg = from & 15,
						 .off = (int16_t)offset,
						 .imm = value };
}

/* to = to OP value, OP one of BPF_ADD, BPF_AND, BPF_MOV ... */
static void with(struct program *p, unsigned op, unsigned to, int32_t value)
{
	emit(p, BPF_ALU64 | op | BPF_K, to, 0, 0, value);
}
static void with_register(struct program *p, unsigned op, unsigned to, unsigned from)
{
	emit(p, BPF_ALU64 | op | BPF_X, to, from, 0, 0);
}
/* size: BPF_B, BPF_H, BPF_W, BPF_DW. */
static void load(struct program *p, unsigned size, unsigned to, unsigned base, int offset)
{
	emit(p, BPF_LDX | size | BPF_MEM, to, base, offset, 0);
}
static void store(struct program *p, unsigned size, int offset, unsigned from)
{
	emit(p, BPF_STX | size | BPF_MEM, BPF_REG_10, from, offset, 0);
}

/* Goes to `label` if left OP value, OP one of BPF_JEQ, BPF_JLT ...; BPF_JA: always. */
static void jump(struct program *p, unsigned op, unsigned left, int32_t value, enum label label)
{
	assert(p->jumps < JUMPS_MAX);
	p->jump[p->jumps++] = (struct jump){ p->count, label };
	emit(p, BPF_JMP | op | BPF_K, left, 0, 0, value);
}
static void jump_register(struct program *p, unsigned op, unsigned left, unsigned right,
			  enum label label)
{
	assert(p->jumps < JUMPS_MAX);
	p->jump[p->jumps++] = (struct jump){ p->count, label };
	emit(p, BPF_JMP | op | BPF_X, left, right, 0, 0);
}
static void here(struct program *p, enum label label) { p->place[label] = p->count; }

static void resolve(struct program *p)
{
	for (unsigned i = 0; i < p->jumps; i++)
		p->insn[p->jump[i].from].off =
			(int16_t)((int)p->place[p->jump[i].to] - (int)p->jump[i].from - 1);
}

/* Skips the instructions from here to skip_end if left OP value. */
static unsigned skip(struct program *p, unsigned op, unsigned left, int32_t value)
{
	emit(p, BPF_JMP | op | BPF_K, left, 0, 0, value);
	return p->count - 1;
}
static void skip_end(struct program *p, unsigned from)
{
	p->insn[from].off = (int16_t)(p->count - from - 1);
}

/* `bytes` of the frame from register `at` + offset on to the stack; beyond its end: to `label`. */
static void fetch(struct program *p, unsigned at, int32_t offset, int to, int32_t bytes,
		  enum label beyond)
{
	with_register(p, BPF_MOV, BPF_REG_1, FRAME);
	with_register(p, BPF_MOV, BPF_REG_2, at);
	with(p, BPF_ADD, BPF_REG_2, offset);
	with_register(p, BPF_MOV, BPF_REG_3, BPF_REG_10);
	with(p, BPF_ADD, BPF_REG_3, to);
	with(p, BPF_MOV, BPF_REG_4, bytes);
	emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes);
	jump(p, BPF_JNE, BPF_REG_0, 0, beyond);
}

/* Register `to`: bytes of the frame from register `at` on. */
static void left_from(struct program *p, unsigned to, unsigned at)
{
	load(p, BPF_W, to, FRAME, offsetof(struct __sk_buff, len));
	with_register(p, BPF_SUB, to, at);
}

static void jump_unless_enabled(struct program *p, uint32_t type, enum label label)
{
	load(p, BPF_W, BPF_REG_1, MAP, offsetof(struct steer_map, types));
	with(p, BPF_AND, BPF_REG_1, (int32_t)type);
	jump(p, BPF_JEQ, BPF_REG_1, 0, label);
}

/* ---- the program ---- */

static void begin(struct program *p, int map_fd)
{
	with_register(p, BPF_MOV, FRAME, BPF_REG_1);
	with(p, BPF_MOV, BPF_REG_0, 0);
	for (int at = HEADER; at < 0; at += 8)
		store(p, BPF_DW, at, BPF_REG_0);
	/* Two instructions in one: the map's address. */
	emit(p, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	emit(p, 0, 0, 0, 0, 0);
	with_register(p, BPF_MOV, BPF_REG_2, BPF_REG_10);
	with(p, BPF_ADD, BPF_REG_2, SMALL);
	emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	jump(p, BPF_JEQ, BPF_REG_0, 0, END);
	with_register(p, BPF_MOV, MAP, BPF_REG_0);
}

/* AT: where the packet begins, behind up to two VLAN tags. One that the kernel keeps beside the
 * frame is in it when it is read. MORE: tags that may come. */
static void ethernet(struct program *p)
{
	unsigned none;

	with(p, BPF_MOV, AT, 0);
	with(p, BPF_MOV, MORE, VLAN_TAGS_MAX);
	load(p, BPF_W, BPF_REG_1, FRAME, offsetof(struct __sk_buff, vlan_present));
	none = skip(p, BPF_JEQ, BPF_REG_1, 0);
	with(p, BPF_MOV, MORE, VLAN_TAGS_MAX - 1);
	skip_end(p, none);
	fetch(p, AT, ETH_TYPE, SMALL, 2, UNCLASSIFIED);
	with(p, BPF_MOV, AT, ETH_BYTES);
	for (unsigned tag = 0; tag < VLAN_TAGS_MAX; tag++) {
		unsigned is_vlan, no_tag;

		load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
		is_vlan = skip(p, BPF_JEQ, BPF_REG_1, htobe16(0x8100));
		no_tag = skip(p, BPF_JNE, BPF_REG_1, htobe16(0x88a8));
		skip_end(p, is_vlan);
		jump(p, BPF_JEQ, MORE, 0, UNCLASSIFIED);
		with(p, BPF_SUB, MORE, 1);
		fetch(p, AT, VLAN_BYTES - 2, SMALL, 2, UNCLASSIFIED);
		with(p, BPF_ADD, AT, VLAN_BYTES);
		skip_end(p, no_tag);
	}
	load(p, BPF_H, BPF_REG_1, BPF_REG_10, SMALL);
	jump(p, BPF_JEQ, BPF_REG_1, htobe16(0x0800), IPV4);
	jump(p, BPF_JEQ, BPF_REG_1, htobe16(0x86dd), IPV6);
	jump(p, BPF_JA, 0, 0, UNCLASSIFIED);
}

/* TCP or UDP at MORE, protocol in BPF_REG_1: its ports to the input, behind two addresses of so
 * many bytes. A header that does not end inside the frame has none. */
static void ports(struct program *p, int addresses, uint32_t tcp, uint32_t udp, enum label found,
		  enum label alone)
{
	unsigned not_udp = skip(p, BPF_JNE, BPF_REG_1, PROTO_UDP);

	left_from(p, BPF_REG_2, MORE);
	jump(p, BPF_JLT, BPF_REG_2, UDP_BYTES, alone);
	jump_unless_enabled(p, udp, alone);
	fetch(p, MORE, 0, INPUT + addresses, 4, alone);
	jump(p, BPF_JA, 0, 0, found);
	skip_end(p, not_udp);
	jump(p, BPF_JNE, BPF_REG_1, PROTO_TCP, alone);
	jump_unless_enabled(p, tcp, alone);
	fetch(p, MORE, 12, SMALL, 1, alone);
	load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	with(p, BPF_RSH, BPF_REG_1, 4);
	with(p, BPF_LSH, BPF_REG_1, 2);
	jump(p, BPF_JLT, BPF_REG_1, TCP_BYTES, alone);
	left_from(p, BPF_REG_2, MORE);
	jump_register(p, BPF_JGT, BPF_REG_1, BPF_REG_2, alone);
	fetch(p, MORE, 0, INPUT + addresses, 4, alone);
	jump(p, BPF_JA, 0, 0, found);
}

static void ipv4(struct program *p)
{
	here(p, IPV4);
	fetch(p, AT, 0, HEADER, IPV4_BYTES, UNCLASSIFIED);
	load(p, BPF_B, MORE, BPF_REG_10, HEADER);
	with_register(p, BPF_MOV, BPF_REG_1, MORE);
	with(p, BPF_RSH, BPF_REG_1, 4);
	jump(p, BPF_JNE, BPF_REG_1, 4, UNCLASSIFIED);
	with(p, BPF_AND, MORE, 15);
	with(p, BPF_LSH, MORE, 2);
	jump(p, BPF_JLT, MORE, IPV4_BYTES, UNCLASSIFIED);
	left_from(p, BPF_REG_2, AT);
	jump_register(p, BPF_JGT, MORE, BPF_REG_2, UNCLASSIFIED);
	for (int at = 0; at < 8; at += 4) {
		load(p, BPF_W, BPF_REG_1, BPF_REG_10, HEADER + 12 + at);
		store(p, BPF_W, INPUT + at, BPF_REG_1);
	}
	/* A fragment has no ports. */
	load(p, BPF_H, BPF_REG_1, BPF_REG_10, HEADER + 6);
	with(p, BPF_AND, BPF_REG_1, htobe16(0x3fff));
	jump(p, BPF_JNE, BPF_REG_1, 0, IPV4_ALONE);
	with_register(p, BPF_ADD, MORE, AT);
	load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEADER + 9);
	ports(p, 8, VIRTIO_NET_RSS_HASH_TYPE_TCPv4, VIRTIO_NET_RSS_HASH_TYPE_UDPv4, IPV4_PORTS,
	      IPV4_ALONE);
}

/* AT: the kind of the header at MORE. More extension headers than that have no ports behind them,
 * and a fragment has none. */
static void ipv6(struct program *p)
{
	here(p, IPV6);
	fetch(p, AT, 0, HEADER, IPV6_BYTES, UNCLASSIFIED);
	load(p, BPF_B, BPF_REG_1, BPF_REG_10, HEADER);
	with(p, BPF_RSH, BPF_REG_1, 4);
	jump(p, BPF_JNE, BPF_REG_1, 6, UNCLASSIFIED);
	for (int at = 0; at < 32; at += 8) {
		load(p, BPF_DW, BPF_REG_1, BPF_REG_10, HEADER + 8 + at);
		store(p, BPF_DW, INPUT + at, BPF_REG_1);
	}
	with_register(p, BPF_MOV, MORE, AT);
	with(p, BPF_ADD, MORE, IPV6_BYTES);
	load(p, BPF_B, AT, BPF_REG_10, HEADER + 6);
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		unsigned hop = skip(p, BPF_JEQ, AT, PROTO_HOP);
		unsigned routing = skip(p, BPF_JEQ, AT, PROTO_ROUTING);

		jump(p, BPF_JNE, AT, PROTO_DESTINATION, IPV6_UPPER);
		skip_end(p, hop);
		skip_end(p, routing);
		fetch(p, MORE, 0, SMALL, 8, IPV6_ALONE);
		load(p, BPF_B, AT, BPF_REG_10, SMALL);
		load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL + 1);
		with(p, BPF_ADD, BPF_REG_1, 1);
		with(p, BPF_LSH, BPF_REG_1, 3);
		left_from(p, BPF_REG_2, MORE);
		jump_register(p, BPF_JGT, BPF_REG_1, BPF_REG_2, IPV6_ALONE);
		with_register(p, BPF_ADD, MORE, BPF_REG_1);
	}
	here(p, IPV6_UPPER);
	with_register(p, BPF_MOV, BPF_REG_1, AT);
	ports(p, 32, VIRTIO_NET_RSS_HASH_TYPE_TCPv6, VIRTIO_NET_RSS_HASH_TYPE_UDPv6, IPV6_PORTS,
	      IPV6_ALONE);
}

/* Bytes [from, to) of the input into the hash, AT. */
static void add_bytes(struct program *p, int from, int to)
{
	enum { HALF = sizeof(((struct steer_map *)0)->share[0]) };

	for (int i = from; i < to; i++) {
		int share = (int)offsetof(struct steer_map, share) + 2 * i * HALF;

		load(p, BPF_B, BPF_REG_1, BPF_REG_10, INPUT + i);
		with_register(p, BPF_MOV, BPF_REG_2, BPF_REG_1);
		with(p, BPF_RSH, BPF_REG_2, 4);
		with(p, BPF_LSH, BPF_REG_2, 2);
		with_register(p, BPF_ADD, BPF_REG_2, MAP);
		load(p, BPF_W, BPF_REG_3, BPF_REG_2, share);
		with_register(p, BPF_XOR, AT, BPF_REG_3);
		with(p, BPF_AND, BPF_REG_1, 15);
		with(p, BPF_LSH, BPF_REG_1, 2);
		with_register(p, BPF_ADD, BPF_REG_1, MAP);
		load(p, BPF_W, BPF_REG_3, BPF_REG_1, share + HALF);
		with_register(p, BPF_XOR, AT, BPF_REG_3);
	}
}

/* MORE: whether there are ports. */
static void hash(struct program *p, int addresses, uint32_t ip, enum label alone,
		 enum label with_ports, enum label both)
{
	here(p, alone);
	jump_unless_enabled(p, ip, UNCLASSIFIED);
	with(p, BPF_MOV, MORE, 0);
	jump(p, BPF_JA, 0, 0, both);
	here(p, with_ports);
	with(p, BPF_MOV, MORE, 1);
	here(p, both);
	with(p, BPF_MOV, AT, 0);
	add_bytes(p, 0, addresses);
	jump(p, BPF_JEQ, MORE, 0, PICK);
	add_bytes(p, addresses, addresses + 4);
	jump(p, BPF_JA, 0, 0, PICK);
}

/* NET-47. */
static void pick(struct program *p)
{
	here(p, PICK);
	load(p, BPF_W, BPF_REG_1, MAP, offsetof(struct steer_map, mask));
	with_register(p, BPF_AND, AT, BPF_REG_1);
	with(p, BPF_AND, AT,
	     STEER_TABLE_MAX - 1); /* the kernel does not know of the mask's limit */
	with(p, BPF_LSH, AT, 2);
	with_register(p, BPF_ADD, AT, MAP);
	load(p, BPF_W, BPF_REG_0, AT, offsetof(struct steer_map, queue));
	jump(p, BPF_JA, 0, 0, END);
	here(p, UNCLASSIFIED);
	load(p, BPF_W, BPF_REG_0, MAP, offsetof(struct steer_map, unclassified));
	here(p, END);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void steer_program(struct program *p, int map_fd)
{
	p->count = p->jumps = 0;
	begin(p, map_fd);
	ethernet(p);
	ipv4(p);
	ipv6(p);
	hash(p, 8, VIRTIO_NET_RSS_HASH_TYPE_IPv4, IPV4_ALONE, IPV4_PORTS, IPV4_HASH);
	hash(p, 32, VIRTIO_NET_RSS_HASH_TYPE_IPv6, IPV6_ALONE, IPV6_PORTS, IPV6_HASH);
	pick(p);
	resolve(p);
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
	struct program program;
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
