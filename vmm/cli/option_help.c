/* vmm/cli/option_help.c: rows of the help. */
#include "vmm/cli/option_help.h"

#include <stdio.h>

#include "devices/net/features.h"
#include "vmm/cli/net_option.h"

void help_rows(const struct option_table *table, const char *between)
{
	for (unsigned i = 0; i < table->count; i++) {
		const struct option *o = &table->rows[i];
		int used = printf("  %s%s%s", o->name, o->value == NULL ? "" : between,
				  o->value == NULL ? "" : o->value);

		if (used >= HELP_COLUMN)
			(void)printf("\n%*s%s\n", HELP_COLUMN, "", o->help);
		else
			(void)printf("%*s%s\n", HELP_COLUMN - used, "", o->help);
	}
}

void help_net_keys(void)
{
	(void)printf("\nkeys of --net tap and --net tun, where TAP stands for either:\n");
	help_rows(&net_option_table, "=");
	(void)printf("\nfeatures of the device, each =on or =off; those with * are on where the "
		     "host can do it:\n");
	for (unsigned i = 0; i < net_feature_count; i++) {
		const struct net_feature *f = &net_features[i];

		if (f->name != NULL)
			(void)printf("%c %-*s%s\n", f->usual ? '*' : ' ', HELP_COLUMN - 2, f->name,
				     f->means);
	}
}
