/* vmm/cli/value.c: words as values. */
#include "vmm/cli/value.h"

#include <string.h>

#include "devices/base/number.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct err value_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	const char *at = text;
	uint64_t number = 0;
	enum number took = number_take(&at, &number);

	if (took == NUMBER_NONE || (took == NUMBER_TAKEN && *at != '\0'))
		return err_make(ERR_USAGE, 0, "'%.64s' is no number; it takes %llu to %llu", text,
				(unsigned long long)min, (unsigned long long)max);
	if (took == NUMBER_LARGE || number < min || number > max)
		return err_make(ERR_USAGE, 0, "%.64s is out of range; it takes %llu to %llu", text,
				(unsigned long long)min, (unsigned long long)max);
	*ret_number = number;
	return err_none();
}

struct err value_bytes(const char *text, uint64_t *ret_bytes)
{
	const char *at = text;
	uint64_t number = 0;
	enum number took = number_take_scaled(&at, 1024, &number);

	if (took == NUMBER_NONE || (took == NUMBER_TAKEN && *at != '\0'))
		return err_make(ERR_USAGE, 0, "'%.64s' is no size; write it like 128M (K, M, G)",
				text);
	if (took == NUMBER_LARGE)
		return err_make(ERR_USAGE, 0, "%.64s does not fit in 64 bits; ask for less", text);
	*ret_bytes = number;
	return err_none();
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool read_mac(const char *text, uint8_t ret_mac[static 6])
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		ret_mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct err value_mac(const char *text, uint8_t ret_mac[static 6])
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	if (!read_mac(text, mac))
		return err_make(ERR_USAGE, 0,
				"'%.64s' is no MAC address; write it like 02:00:00:00:00:01", text);
	if ((mac[0] & 1) != 0)
		return err_make(
			ERR_USAGE, 0,
			"%s is a multicast address; a NIC's first byte is even, as in 02:...",
			text);
	if (memcmp(mac, zero, sizeof(mac)) == 0)
		return err_make(ERR_USAGE, 0,
				"%s is nobody's address; write one like 02:00:00:00:00:01", text);
	memcpy(ret_mac, mac, sizeof(mac));
	return err_none();
}

struct err value_file(const char *text, const char **ret_path)
{
	if (strcmp(text, "-") == 0)
		return err_make(ERR_USAGE, 0,
				"- is no file; give one, or a FIFO (/dev/stdout is one of them)");
	*ret_path = text;
	return err_none();
}

struct err value_switch(const char *text, bool *ret_on)
{
	bool on = strcmp(text, "on") == 0;

	if (!on && strcmp(text, "off") != 0)
		return err_make(ERR_USAGE, 0, "'%.64s' is neither on nor off", text);
	*ret_on = on;
	return err_none();
}
