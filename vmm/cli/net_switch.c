/* vmm/cli/net_switch.c: --net tap,FEATURE=on|off */
#include "vmm/cli/net_switch.h"

#include <string.h>

#include "vmm/cli/value.h"

/* on and off of a feature go into two sets: what is in neither is as usual. */
struct err net_switch_take(const struct net_feature *f, const char *value, struct nic_options *nic)
{
	struct net_switches *s = &nic->switches;
	bool on = false;
	struct err e;

	if (value == NULL)
		return err_make(ERR_USAGE, 0, "%s needs a value: on|off", f->name);
	if (features_has(&s->on, f->bit) || features_has(&s->off, f->bit))
		return err_make(ERR_USAGE, 0, "%s is given twice; leave one out", f->name);
	e = value_switch(value, &on);
	if (err_is(e))
		return err_within(e, "%s", f->name);
	features_set(on ? &s->on : &s->off, f->bit, true);
	return e;
}

const struct net_feature *net_switch_find(const char *name, size_t length)
{
	for (unsigned i = 0; i < net_feature_count; i++) {
		const char *is = net_features[i].name;

		if (is != NULL && strlen(is) == length && memcmp(is, name, length) == 0)
			return &net_features[i];
	}
	return NULL;
}
