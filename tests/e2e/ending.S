/* tests/e2e/ending.S: kernels of a few instructions, one for each way a run can end. Which one is
 * chosen by -DIDLE, -DBUSY, -DVERDICT=v, -DRESET, -DCRASH, -DEMULATION, -DPANIC, -DSPAM or -DECHO.
 * -DLARGE is verdict 0 with 8 MiB to load.
 *   gcc -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-Ttext-segment=0x100000 -DIDLE ending.S -o idle.elf */
	.section .note.Xen, "a", @note
	.align 4
	.long 4, 4, 18			/* name, descriptor, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long _start

	.section .text
	.code32
	.globl _start
_start:
	cli
#if defined(IDLE)
1:	hlt
	jmp 1b
#elif defined(BUSY)
1:	jmp 1b
#elif defined(VERDICT)
	movb $VERDICT, %al
	outb %al, $0xf4
#elif defined(RESET)
	movb $0xfe, %al
	outb %al, $0x64
#elif defined(CRASH)
	lidt nowhere
	xorl %ecx, %ecx
	divl %ecx			/* a fault that every emulator of KVM knows */
nowhere:
	.word 0
	.long 0
#elif defined(EMULATION)
	flds 0xd0000000			/* where no memory is, by what no emulator of KVM knows */
#elif defined(LARGE)
	movb $0, %al
	outb %al, $0xf4
	.section .data
	.fill 0x100000, 8, 0x6c617267
	.section .text
#elif defined(PANIC)
	movw $0x505, %dx
	movb $1, %al
	outb %al, %dx
#elif defined(SPAM)
	movw $0x3f8, %dx		/* for ever, whether anybody reads or not */
	movb $'s', %al
1:	outb %al, %dx
	jmp 1b
#elif defined(ECHO)
	movw $0x3f8, %dx		/* a prompt, then each byte back */
	movb $'>', %al
	outb %al, %dx
1:	movw $0x3fd, %dx
	inb %dx, %al
	testb $1, %al
	jz 1b
	movw $0x3f8, %dx
	inb %dx, %al
	outb %al, %dx
	jmp 1b
#else
#error "which ending?"
#endif
2:	hlt
	jmp 2b
	.section .note.GNU-stack, "", @progbits
