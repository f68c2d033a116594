/* vmm/keeper/cmdline.c: the command line of a kernel: what its NICs add, and the user's own behind
 * it, whose word counts where both say it. An image of ours reads none of this. */
#include <stdio.h>
#include <string.h>

#include "vmm/boot/boot.h"
#include "vmm/keeper/keeper_priv.h"

struct err cmdline_ready(const struct keeper_options *o, struct machine_config *config,
			 char ret_line[static CMDLINE_BYTES])
{
	size_t used = 0;

	if (boot_is_own(config->kernel, config->kernel_bytes))
		return err_none();
	for (unsigned i = 0; i < o->nic_count; i++) {
		const struct hostnet_nic nic = net_hostnet(&o->nic[i], "", o->nic[i].mac);
		char words[128];

		hostnet_kernel_words(&nic, i, words, sizeof(words));
		if (words[0] != '\0')
			used += (size_t)snprintf(ret_line + used, CMDLINE_BYTES - used, "%s ",
						 words);
	}
	if (used == 0)
		return err_none();
	if (used + strlen(o->append) > BOOT_CMDLINE_MAX)
		return err_make(
			ERR_USAGE, 0,
			"--append: %zu bytes and the ip= words of guest-ip are more than the %d "
			"that a guest takes; shorten it",
			strlen(o->append), BOOT_CMDLINE_MAX);
	memcpy(ret_line + used, o->append, strlen(o->append) + 1);
	config->append = ret_line;
	return err_none();
}
