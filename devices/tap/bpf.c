/* devices/tap/bpf.c: an assembler for eBPF: enough of one for steer.c. */
#include "devices/tap/bpf.h"

#include <assert.h>

void bpf_emit(struct bpf_program *p, unsigned code, unsigned to, unsigned from, int offset,
	      int32_t value)
{
	assert(p->count < BPF_INSNS_MAX);
	p->insn[p->count++] = (struct bpf_insn){ .code = (uint8_t)code,
						 .dst_reg = to & 15,
						 .src_reg = from & 15,
						 .off = (int16_t)offset,
						 .imm = value };
}

/* to = to OP value, OP one of BPF_ADD, BPF_AND, BPF_MOV ... */
void bpf_with(struct bpf_program *p, unsigned op, unsigned to, int32_t value)
{
	bpf_emit(p, BPF_ALU64 | op | BPF_K, to, 0, 0, value);
}
void bpf_with_register(struct bpf_program *p, unsigned op, unsigned to, unsigned from)
{
	bpf_emit(p, BPF_ALU64 | op | BPF_X, to, from, 0, 0);
}
/* size: BPF_B, BPF_H, BPF_W, BPF_DW. */
void bpf_load(struct bpf_program *p, unsigned size, unsigned to, unsigned base, int offset)
{
	bpf_emit(p, BPF_LDX | size | BPF_MEM, to, base, offset, 0);
}
void bpf_store(struct bpf_program *p, unsigned size, int offset, unsigned from)
{
	bpf_emit(p, BPF_STX | size | BPF_MEM, BPF_REG_10, from, offset, 0);
}

/* Goes to `label` if left OP value, OP one of BPF_JEQ, BPF_JLT ...; BPF_JA: always. */
void bpf_jump(struct bpf_program *p, unsigned op, unsigned left, int32_t value, unsigned label)
{
	assert(p->jumps < BPF_JUMPS_MAX);
	p->jump[p->jumps++] = (struct jump){ p->count, label };
	bpf_emit(p, BPF_JMP | op | BPF_K, left, 0, 0, value);
}
void bpf_jump_register(struct bpf_program *p, unsigned op, unsigned left, unsigned right,
		       unsigned label)
{
	assert(p->jumps < BPF_JUMPS_MAX);
	p->jump[p->jumps++] = (struct jump){ p->count, label };
	bpf_emit(p, BPF_JMP | op | BPF_X, left, right, 0, 0);
}
void bpf_here(struct bpf_program *p, unsigned label) { p->place[label] = p->count; }

void bpf_resolve(struct bpf_program *p)
{
	for (unsigned i = 0; i < p->jumps; i++)
		p->insn[p->jump[i].from].off =
			(int16_t)((int)p->place[p->jump[i].to] - (int)p->jump[i].from - 1);
}

/* Skips the instructions from here to skip_end if left OP value. */
unsigned bpf_skip(struct bpf_program *p, unsigned op, unsigned left, int32_t value)
{
	bpf_emit(p, BPF_JMP | op | BPF_K, left, 0, 0, value);
	return p->count - 1;
}
void bpf_skip_end(struct bpf_program *p, unsigned from)
{
	p->insn[from].off = (int16_t)(p->count - from - 1);
}

unsigned bpf_loop(struct bpf_program *p, int counter)
{
	bpf_with(p, BPF_MOV, BPF_REG_1, 0);
	bpf_store(p, BPF_DW, counter, BPF_REG_1);
	return p->count;
}

void bpf_loop_end(struct bpf_program *p, unsigned from, int counter, int32_t times)
{
	bpf_load(p, BPF_DW, BPF_REG_1, BPF_REG_10, counter);
	bpf_with(p, BPF_ADD, BPF_REG_1, 1);
	bpf_store(p, BPF_DW, counter, BPF_REG_1);
	bpf_emit(p, BPF_JMP | BPF_JLT | BPF_K, BPF_REG_1, 0, (int)from - (int)p->count - 1, times);
}
