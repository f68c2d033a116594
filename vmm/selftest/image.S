/* vmm/selftest/image.S: the tiny guest, inside the binary. GUEST_ELF comes from the Makefile. */
	.section .rodata
	.balign 16
	.globl selftest_image, selftest_image_end
selftest_image:
	.incbin GUEST_ELF
selftest_image_end:
	.section .note.GNU-stack, "", @progbits
