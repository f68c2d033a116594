/* devices/tap/bpf.h: an assembler for eBPF, for steer.c: instructions one behind the other, and
 * jumps to labels that are numbers. Source: Linux
 * Documentation/bpf/standardization/instruction-set.rst. */
#ifndef TAPVM_TAP_BPF_H
#define TAPVM_TAP_BPF_H

#include <linux/bpf.h>
#include <stdint.h>

enum { BPF_INSNS_MAX = 2048, BPF_JUMPS_MAX = 256, BPF_LABELS_MAX = 32 };

struct bpf_program {
	struct bpf_insn insn[BPF_INSNS_MAX];
	unsigned count;
	struct jump {
		unsigned from, to; /* an instruction, a label */
	} jump[BPF_JUMPS_MAX];
	unsigned jumps;
	unsigned place[BPF_LABELS_MAX];
};

void bpf_emit(struct bpf_program *p, unsigned code, unsigned to, unsigned from, int offset,
	      int32_t value);
/* to = to OP value, OP one of BPF_ADD, BPF_AND, BPF_MOV ... */
void bpf_with(struct bpf_program *p, unsigned op, unsigned to, int32_t value);
void bpf_with_register(struct bpf_program *p, unsigned op, unsigned to, unsigned from);
/* size: BPF_B, BPF_H, BPF_W, BPF_DW; store: to the stack. */
void bpf_load(struct bpf_program *p, unsigned size, unsigned to, unsigned base, int offset);
void bpf_store(struct bpf_program *p, unsigned size, int offset, unsigned from);
/* Goes to `label` if left OP value, OP one of BPF_JEQ, BPF_JLT ...; BPF_JA: always. */
void bpf_jump(struct bpf_program *p, unsigned op, unsigned left, int32_t value, unsigned label);
void bpf_jump_register(struct bpf_program *p, unsigned op, unsigned left, unsigned right,
		       unsigned label);
void bpf_here(struct bpf_program *p, unsigned label);
/* Passes over the instructions from here to bpf_skip_end of what it returns, if left OP value. */
unsigned bpf_skip(struct bpf_program *p, unsigned op, unsigned left, int32_t value);
void bpf_skip_end(struct bpf_program *p, unsigned from);
/* What is between the two is done `times` times over, counted on the stack (which jumps out of it
 * leave alone). Changes BPF_REG_1. Needs Linux 5.3. */
unsigned bpf_loop(struct bpf_program *p, int counter);
void bpf_loop_end(struct bpf_program *p, unsigned from, int counter, int32_t times);
/* At the end: every label has its place. */
void bpf_resolve(struct bpf_program *p);

#endif
