/* tests/e2e/kexec.c: kexec KERNEL INITRD COMMAND_LINE: becomes that kernel, without a reset of the
 * machine. Returns only if it cannot: status 1, with one line that says why. */
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	int kernel, initrd;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: kexec KERNEL INITRD COMMAND_LINE\n");
		return 1;
	}
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	initrd = open(argv[2], O_RDONLY | O_CLOEXEC);
	/* The command line's length is with its end. */
	if (kernel < 0 || initrd < 0 ||
	    syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0ul) < 0) {
		perror("kexec: load");
		return 1;
	}
	(void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
		      NULL);
	perror("kexec: start");
	return 1;
}
