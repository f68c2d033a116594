/* devices/tap/steer.c: the eBPF program by which a TAP or a TUN chooses the queue of a frame (RSS,
 * virtio 1.4, 5.1.9.5.7): the hash of devices/frame/hash.h over a frame that is still in the
 * kernel. It is written here, instruction by instruction: read steer_program first. Source: Linux
 * Documentation/bpf/standardization/instruction-set.rst; drivers/net/tun.c, tun_ebpf_select_queue.
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>

#include "devices/tap/steer_priv.h"
#include "devices/tap/tap_priv.h"

static void begin(struct bpf_program *p, int map_fd)
{
	bpf_with_register(p, BPF_MOV, FRAME, BPF_REG_1);
	bpf_with(p, BPF_MOV, BPF_REG_0, 0);
	for (int at = STACK_BOTTOM; at < 0; at += 8)
		bpf_store(p, BPF_DW, at, BPF_REG_0);
	/* Two instructions in one: the map's address. */
	bpf_emit(p, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd);
	bpf_emit(p, 0, 0, 0, 0, 0);
	bpf_with_register(p, BPF_MOV, BPF_REG_2, BPF_REG_10);
	bpf_with(p, BPF_ADD, BPF_REG_2, SMALL);
	bpf_emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	bpf_jump(p, BPF_JEQ, BPF_REG_0, 0, END);
	bpf_with_register(p, BPF_MOV, MAP, BPF_REG_0);
	bpf_with(p, BPF_MOV, AT, 0);
}

/* On a TUN there is no Ethernet: the packet says itself what it is. */
static void packet(struct bpf_program *p)
{
	steer_fetch(p, AT, 0, SMALL, 1, UNCLASSIFIED);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 4, IPV4_AT + OUTER);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 6, IPV6_AT + OUTER);
	bpf_jump(p, BPF_JA, 0, 0, UNCLASSIFIED);
}

/* TCP or UDP at MORE, protocol in BPF_REG_1: its ports to the input, behind two addresses of so
 * many bytes. A header that does not end inside the frame has none. */
static void ports(struct bpf_program *p, int addresses, uint32_t tcp, uint32_t udp,
		  enum label found, enum label alone)
{
	unsigned not_udp = bpf_skip(p, BPF_JNE, BPF_REG_1, PROTO_UDP);

	steer_left_from(p, BPF_REG_2, MORE);
	bpf_jump(p, BPF_JLT, BPF_REG_2, UDP_BYTES, alone);
	steer_unless_enabled(p, udp, alone);
	steer_fetch(p, MORE, 0, INPUT + addresses, 4, alone);
	bpf_jump(p, BPF_JA, 0, 0, found);
	bpf_skip_end(p, not_udp);
	bpf_jump(p, BPF_JNE, BPF_REG_1, PROTO_TCP, alone);
	steer_unless_enabled(p, tcp, alone);
	steer_fetch(p, MORE, 12, SMALL, 1, alone);
	bpf_load(p, BPF_B, BPF_REG_1, BPF_REG_10, SMALL);
	bpf_with(p, BPF_RSH, BPF_REG_1, 4);
	bpf_with(p, BPF_LSH, BPF_REG_1, 2);
	bpf_jump(p, BPF_JLT, BPF_REG_1, TCP_BYTES_MIN, alone);
	steer_left_from(p, BPF_REG_2, MORE);
	bpf_jump_register(p, BPF_JGT, BPF_REG_1, BPF_REG_2, alone);
	steer_fetch(p, MORE, 0, INPUT + addresses, 4, alone);
	bpf_jump(p, BPF_JA, 0, 0, found);
}

/* NET-48, NET-49: with extension headers first by a type that minds them. */
static void transports(struct bpf_program *p)
{
	bpf_here(p, IPV4_TRANSPORT);
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, PROTOCOL);
	ports(p, 8, HASH_TCPV4, HASH_UDPV4, IPV4_PORTS, IPV4_ALONE);

	bpf_here(p, IPV6_TRANSPORT);
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, EXTENDED);
	bpf_jump(p, BPF_JEQ, BPF_REG_1, 0, IPV6_PLAIN);
	steer_home(p);
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, PROTOCOL);
	ports(p, 32, HASH_TCP_EX, HASH_UDP_EX, HOME_PORTS, HOME_ALONE);
	bpf_here(p, HOME_PORTS);
	steer_copy(p, INPUT, HOME, 2 * ADDRESS_BYTES);
	bpf_jump(p, BPF_JA, 0, 0, IPV6_PORTS);
	bpf_here(p, HOME_ALONE);
	steer_unless_enabled(p, HASH_IP_EX, IPV6_PLAIN);
	steer_copy(p, INPUT, HOME, 2 * ADDRESS_BYTES);
	bpf_jump(p, BPF_JA, 0, 0, IPV6_HASH_ALONE);
	bpf_here(p, IPV6_PLAIN);
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, PROTOCOL);
	ports(p, 32, HASH_TCPV6, HASH_UDPV6, IPV6_PORTS, IPV6_ALONE);
}

/* Bytes [from, to) of the input into the hash, AT. */
static void add_bytes(struct bpf_program *p, int from, int to)
{
	enum { HALF = sizeof(((struct hash_config *)0)->share[0]) };

	for (int i = from; i < to; i++) {
		int share = (int)offsetof(struct steer_map, hash.share) + 2 * i * HALF;

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
static void hash(struct bpf_program *p, int addresses, uint32_t ip, const enum label at[static 4])
{
	bpf_here(p, at[0]);
	steer_unless_enabled(p, ip, UNCLASSIFIED);
	bpf_here(p, at[1]);
	bpf_with(p, BPF_MOV, MORE, 0);
	bpf_jump(p, BPF_JA, 0, 0, at[3]);
	bpf_here(p, at[2]);
	bpf_with(p, BPF_MOV, MORE, 1);
	bpf_here(p, at[3]);
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

static void steer_program(struct bpf_program *p, enum tap_kind kind, int map_fd)
{
	static const enum label by_ipv4[] = { IPV4_ALONE, IPV4_HASH_ALONE, IPV4_PORTS, IPV4_HASH };
	static const enum label by_ipv6[] = { IPV6_ALONE, IPV6_HASH_ALONE, IPV6_PORTS, IPV6_HASH };

	p->count = p->jumps = 0;
	begin(p, map_fd);
	if (kind == TAP_KIND_TUN)
		packet(p);
	else
		steer_ethernet(p, OUTER);
	steer_ipv4(p, OUTER);
	steer_ipv6(p, OUTER);
	steer_ethernet(p, INNER);
	steer_ipv4(p, INNER);
	steer_ipv6(p, INNER);
	transports(p);
	hash(p, 8, HASH_IPV4, by_ipv4);
	hash(p, 32, HASH_IPV6, by_ipv6);
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

/* The program, or -1. */
static int load(const struct sys *sys, enum tap_kind kind, int map)
{
	struct bpf_program *program = malloc(sizeof(*program));
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				.license = (uintptr_t) "BSD",
				.prog_name = "tapvm_steer" };
	int fd;

	if (program == NULL)
		return -1;
	steer_program(program, kind, map);
	attr.insns = (uintptr_t)program->insn;
	attr.insn_cnt = program->count;
	fd = sys->bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	free(program);
	return fd;
}

void tap_steer_load(const struct sys *sys, struct tap *tap)
{
	int map = make_map(sys);
	int fd;

	if (map < 0)
		return;
	fd = load(sys, tap->kind, map);
	if (fd < 0) {
		(void)sys->close(map);
		return;
	}
	tap->steers = true;
	tap->steer_program = fd;
	tap->steer_map = map;
}
