/* guest/entry.S: from the 32-bit PVH entry to CPL3, and the few instructions that run in ring 0.
 *
 * Everything that loops runs in CPL3: some KVMs emulate ring 0 instruction by instruction. All tables
 * are static data; ring 0 is entered by int3 and int $4 (the only software interrupts that every KVM
 * delivers) and by interrupts. Sources: Intel SDM volume 3; Xen docs/misc/pvh.pandoc. */

	.section .note.xen, "a", @note
	.balign 4
	.long 4, 4, 18			/* name and descriptor bytes, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_entry
	.section .note.tapvm, "a", @note
	.balign 4
	.long 6, 0, 1			/* we take the device tree as a PVH module */
	.asciz "tapvm"
	.balign 4

	.set VECTOR_WORK, 0x40		/* NIC and serial line */
	.set VECTOR_TICK, 0x41		/* LAPIC timer: only wakes */
	.set VECTOR_MESSAGES, 0x48	/* MSI-X: eight, each with a count of its own (seam.h) */
	.set APIC_EOI, 0xfee000b0

/* ---- identity map of 0 to 1 GiB and 3 to 4 GiB in 2 MiB pages, user and writable ---- */
	.section .tables, "aw"
	.balign 4096
pml4:	.quad pdpt + 7
	.fill 511, 8, 0
pdpt:	.quad pd_low + 7, 0, 0, pd_high + 7
	.fill 508, 8, 0
pd_low:	.set page, 0
	.rept 512
	.quad page + 0x87
	.set page, page + 0x200000
	.endr
pd_high: .set page, 0xc0000000
	.rept 512
	.quad page + 0x87
	.set page, page + 0x200000
	.endr

/* Gates of 16 bytes; stubs_low, tss_low and tss_middle are parts of addresses, by the linker script. Every stub is 16 bytes long, DPL 3 for all. */
idt:	.set n, 0
	.rept 256
	.word stubs_low + 16 * n, 8, 0xee00, 0x10
	.quad 0
	.set n, n + 1
	.endr
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08 code, 64-bit, ring 0 */
	.quad 0x00cf93000000ffff	/* 0x10 data, ring 0 */
	.quad 0x00cffb000000ffff	/* 0x18 code, 32-bit, ring 3 */
	.quad 0x00cff3000000ffff	/* 0x20 data, ring 3 */
	.quad 0x00affb000000ffff	/* 0x28 code, 64-bit, ring 3 */
tss_descriptor:
	.word tss_end - tss - 1, tss_low
	.byte tss_middle, 0x89, 0, 0	/* base bits 16 to 23; the image lies below 16 MiB */
	.quad 0
gdt_end:
gdtr:	.word gdt_end - gdt - 1
	.long gdt, 0
idtr:	.word 4095
	.quad idt

/* RSP0 for what comes up, and an I/O bitmap of zeros: CPL3 may use every port. */
	.balign 16
	.globl tss, stubs
tss:	.long 0
	.quad stack0_top
	.fill 90, 1, 0
	.word tss_bitmap - tss
tss_bitmap:
	.fill 8192, 1, 0
	.byte 0xff
tss_end:

	.section .bss.stacks, "aw", @nobits
	.balign 16
	.skip 8192
stack0_top:
	.skip 65536
stack3_top:
	.globl guest_work, guest_messages
guest_work: .skip 8			/* interrupts seen */
guest_messages: .skip 32		/* of which those */

	.section .entry, "ax"
	.balign 16
stubs:	.set n, 0
	.rept 256
	.balign 16
	.if n == 3
	iretq				/* int3: nothing, the cheapest way up and down */
	.elseif n == 4
	jmp sleep
	.elseif n == VECTOR_WORK
	jmp work
	.elseif n == VECTOR_TICK
	jmp tick
	.elseif n >= VECTOR_MESSAGES && n < VECTOR_MESSAGES + 8
	incl guest_messages + 4 * (n - VECTOR_MESSAGES)
	jmp work
	.else
	mov $(32 + (n & 31)), %eax	/* an exception: the verdict names it */
	out %al, $0xf4
	hlt
	.endif
	.set n, n + 1
	.endr
	.balign 16
/* EBX is the count that the caller has seen: compared with memory here, with interrupts off, so that
 * none is slept through. */
sleep:	cmp %ebx, guest_work
	jne 1f
	sti
	hlt
1:	iretq
work:	incl guest_work
tick:	push %rax
	mov $APIC_EOI, %eax
	movl $0, (%rax)
	pop %rax
	iretq

	.code32
	.globl pvh_entry
pvh_entry:
	mov %ebx, %edi			/* start_info, the first argument of guest_start */
	mov $0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE */
	mov $0x900, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80000033, %eax		/* PG, NE, MP, ET, PE */
	mov %eax, %cr0
	lgdt gdtr
	ljmp $8, $long64
	.code64
long64:	lidt idtr
	mov $0x30, %eax
	ltr %ax
	xor %eax, %eax
	mov %eax, %ss
	mov $stack0_top, %esp
	push $0x23
	push $stack3_top - 8		/* as after a call: 8 below a multiple of 16 */
	push $0x202
	push $0x2b
	push $guest_start
	iretq

	.section .note.GNU-stack, "", @progbits
