/* devices/tap/name.c: names of interfaces, judged before the kernel sees them: its EINVAL would not
 * say which rule was broken, and a name of 16 bytes it cuts in silence (Linux net/core/dev.c). */
#include <ctype.h>
#include <string.h>

#include "devices/tap/tap.h"

/* The kernel's isspace is Latin-1: 0xa0 is white space there, also as a part of UTF-8 (c3 a0, an
 * a with a grave accent). Source: Linux lib/ctype.c. */
static bool kernel_space(char c) { return isspace((unsigned char)c) || (unsigned char)c == 0xa0; }

/* One %d at most, and no other directive. */
static bool pattern_ok(const char *name)
{
	const char *percent = strchr(name, '%');

	return percent == NULL || (percent[1] == 'd' && strchr(percent + 1, '%') == NULL);
}

struct err tap_name_check(const char *name)
{
	static const char *const reserved[] = { ".", "..", "all", "default" };

	if (name[0] == '\0')
		return err_make(
			ERR_USAGE, 0,
			"the name is empty: give one, or leave it out for an automatic one");
	if (strlen(name) >= IFNAMSIZ)
		return err_make(ERR_USAGE, 0,
				"interface name '%s' has %zu bytes: at most %d are possible", name,
				strlen(name), IFNAMSIZ - 1);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return err_make(ERR_USAGE, 0,
					"interface name '%s' is reserved: choose another", name);
	for (const char *c = name; *c != '\0'; c++)
		if (*c == '/' || *c == ':' || kernel_space(*c))
			return err_make(
				ERR_USAGE, 0,
				"interface name '%s': '/', ':', white space and the byte 0xa0 "
				"are not possible in it",
				name);
	if (!pattern_ok(name))
		return err_make(ERR_USAGE, 0,
				"interface name '%s': a pattern has one %%d and no other %%", name);
	return err_none();
}

/* FNV-1a, 64 bits: spreads near names over the address. */
void tap_mac(const char *name, unsigned index, uint8_t ret_mac[static 6])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	hash = (hash ^ (index + 1)) * UINT64_C(0x100000001b3);
	for (unsigned i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)(hash >> (8 * i));
	ret_mac[0] = (uint8_t)((ret_mac[0] & 0xfc) | 0x02); /* locally administered, unicast */
}
