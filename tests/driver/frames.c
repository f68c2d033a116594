/* tests/driver/frames.c: frames for tests. */
#include <string.h>

#include "tests/driver/rig.h"

void rig_fill(uint8_t *frame, uint32_t len, unsigned number)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = i < 6     ? 0xff
			   : i < 12  ? 2
			   : i == 12 ? 0x88
			   : i == 13 ? 0xb5
				     : (uint8_t)(i * 7 + number * 31);
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t sum(const uint8_t *at, uint32_t len)
{
	uint32_t s = 0;

	for (uint32_t i = 0; i < len; i += 2)
		s += (uint32_t)at[i] << 8 | (i + 1 < len ? at[i + 1] : 0);
	return s;
}

static uint32_t fold(uint32_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

uint32_t rig_fill_ip(uint8_t *frame, bool v6, bool tcp, uint32_t payload)
{
	uint32_t l4_header = tcp ? 20 : 8, l4_len = l4_header + payload, ip_len = v6 ? 40 : 20,
		 at = 14 + ip_len;
	uint8_t *ip = frame + 14, *l4 = frame + at, protocol = tcp ? 6 : 17;

	rig_fill(frame, at + l4_len, 0);
	put16(frame + 12, v6 ? 0x86dd : 0x0800);
	memset(ip, 0, ip_len);
	if (v6) {
		ip[0] = 0x60;
		put16(ip + 4, l4_len);
		ip[6] = protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, ip_len + l4_len);
		ip[8] = 64;
		ip[9] = protocol;
		ip[12] = ip[16] = 10;
		ip[15] = 1;
		ip[19] = 2;
		put16(ip + 10, ~fold(sum(ip, 20)) & 0xffff);
	}
	memset(l4, 0, l4_header);
	put16(l4, 1000);
	put16(l4 + 2, 2000);
	if (tcp)
		l4[12] = 0x50;
	else
		put16(l4 + 4, l4_len);
	put16(l4 + (tcp ? 16 : 6),
	      fold(sum(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8) + protocol + l4_len));
	return at + l4_len;
}
