/* guest/checks/main.c: runs the checks and prints the table. */
#include "guest/checks/check.h"

enum { LINE = 420 };

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool ends_with(const char *text, const char *end)
{
	while (*text != '\0' && !same(text, end))
		text++;
	return same(text, end);
}

static void append(char *line, uint32_t *used, const char *text)
{
	while (*text != '\0' && *used < LINE - 1)
		line[(*used)++] = *text++;
	line[*used] = '\0';
}

static void append_number(char *line, uint32_t *used, unsigned v)
{
	char digits[12];
	unsigned at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	append(line, used, digits + at);
}

static const char *const words[VERDICTS] = { "ok", "FAIL", "skip", "-" };
static const char *const layouts[LAYOUTS] = { "split", "packed" };

/* What a check came to on each ring layout. */
struct result {
	enum verdict verdict[LAYOUTS];
	char detail[LAYOUTS][sizeof(((struct guest *)NULL)->detail)];
};

/* One failure fails the row; it is skipped where it was on each layout. */
static enum verdict overall(const struct result *r)
{
	enum verdict v = VERDICT_NOT_ASKED;

	for (unsigned i = 0; i < LAYOUTS; i++) {
		if (r->verdict[i] == VERDICT_FAIL)
			return VERDICT_FAIL;
		if (r->verdict[i] == VERDICT_OK ||
		    (r->verdict[i] == VERDICT_SKIP && v != VERDICT_OK))
			v = r->verdict[i];
	}
	return v;
}

/* "ok NAME ok ok detail": the row, the columns, and the details where they differ. */
static void row(struct guest *g, const struct result *r, const char *name)
{
	bool differ = !same(r->detail[0], r->detail[1]) && r->detail[1][0] != '\0';
	char line[LINE];
	uint32_t used = 0;

	append(line, &used, words[overall(r)]);
	append(line, &used, " ");
	append(line, &used, name);
	for (unsigned i = 0; i < LAYOUTS; i++) {
		append(line, &used, " ");
		append(line, &used, words[r->verdict[i]]);
	}
	for (unsigned i = 0; i < LAYOUTS; i++) {
		if (i > 0 && !differ)
			continue;
		append(line, &used, i > 0 ? "; " : " ");
		if (differ) {
			append(line, &used, layouts[i]);
			append(line, &used, ": ");
		}
		append(line, &used, r->detail[i]);
	}
	g->seam->print(g->seam->self, line);
}

static void last_line(struct guest *g, const unsigned count[VERDICTS])
{
	char line[LINE];
	uint32_t used = 0;

	append(line, &used, "= ");
	append_number(line, &used, count[VERDICT_OK]);
	append(line, &used, " passed, ");
	append_number(line, &used, count[VERDICT_FAIL]);
	append(line, &used, " failed, ");
	append_number(line, &used, count[VERDICT_SKIP]);
	append(line, &used, " skipped");
	g->seam->print(g->seam->self, line);
}

static enum verdict judge(struct guest *g, const struct check *c)
{
	g->detail[0] = '\0';
	g->detail_len = 0;
	g->on_frame = NULL;
	if (c->ours && !g->our_device)
		return skip(g, "the specification leaves it to the device");
	/* Each check finds the NIC fresh, on the rings that it is asked for. */
	if (!same(c->name, "negotiate") && !same(c->name, "arp") && !bring_up(g, 0))
		return fail(g, "the NIC did not come up: %s", g->answer);
	return c->run(g);
}

/* On each layout that the device has; a split ring is always there. */
static enum verdict check(struct guest *g, const struct check *c)
{
	struct result r = { 0 };

	for (unsigned i = 0; i < LAYOUTS; i++) {
		g->packed = i == 1;
		r.verdict[i] = VERDICT_NOT_ASKED;
		if (g->packed && (g->nic.offered >> F_PACKED & 1) == 0)
			continue;
		r.verdict[i] = judge(g, c);
		__builtin_memcpy(r.detail[i], g->detail, sizeof(g->detail));
	}
	row(g, &r, c->name);
	return overall(&r);
}

static void set_addresses(struct guest *g)
{
	static const uint8_t us4[4] = { 10, 77, 0, 2 }, host4[4] = { 10, 77, 0, 1 },
			     judge4[4] = { 10, 78, 0, 2 };
	static const uint8_t net6[2] = { 0xfd, 0x77 };

	for (unsigned i = 0; i < 4; i++) {
		g->host4.from.bytes[i] = us4[i];
		g->host4.to.bytes[i] = host4[i];
	}
	g->host6.from.v6 = g->host6.to.v6 = true;
	for (unsigned i = 0; i < 2; i++)
		g->host6.from.bytes[i] = g->host6.to.bytes[i] = net6[i];
	g->host6.from.bytes[15] = 2;
	g->host6.to.bytes[15] = 1;
	g->judge4 = g->host4;
	g->judge6 = g->host6;
	for (unsigned i = 0; i < 4; i++)
		g->judge4.to.bytes[i] = judge4[i];
	g->judge6.to.bytes[1] = 0x78;
	g->judge6.to.bytes[15] = 2;
}

const struct check *check_at(unsigned index)
{
	const struct {
		const struct check *checks;
		unsigned count;
	} groups[] = {
		{ basic_checks, basic_count },       { offload_checks, offload_count },
		{ control_checks, control_count },   { filter_checks, filter_count },
		{ queue_checks, queue_count },       { pair_checks, pair_count },
		{ load_checks, load_count },         { odd_checks, odd_count },
		{ register_checks, register_count }, { hostile_checks, hostile_count },
		{ ring_checks, ring_count },         { told_checks, told_count },
	};

	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (index < groups[i].count)
			return &groups[i].checks[index];
		index -= groups[i].count;
	}
	return NULL;
}

unsigned guest_main(const struct seam *seam, struct place_on_bus nic, const char *only)
{
	static struct guest guest;
	struct guest *g = &guest;
	const struct check *c;
	unsigned count[VERDICTS] = { 0 };
	bool found;
	uint64_t at;

	g->seam = seam;
	set_addresses(g);
	g->work = seam->memory(seam->self, 68 * 1024, &at);
	g->reply = seam->memory(seam->self, 68 * 1024, &at);
	found = nic_find(&g->nic, seam, nic);
	if (!found || g->work == NULL || g->reply == NULL || !nic_memory(&g->nic)) {
		g->seam->print(g->seam->self,
			       found ? "FAIL start - - not enough memory"
				     : "FAIL start - - no virtio-net device was found");
		count[VERDICT_FAIL] = 1;
		last_line(g, count);
		return 1;
	}
	/* Whatever comes of it shows in the checks. Until the host side answers we serve: arp,
	 * echo. */
	(void)announce(g);
	g->our_device = step(g, "@hello") && !same(g->answer, "ok peer=qemu") &&
			!same(g->answer, "ok peer=qemu-vhost-user");
	g->control_kept = same(g->answer, "ok peer=qemu-vhost-user");
	g->ip_only = ends_with(g->answer, " tun");
	for (unsigned i = 0; (c = check_at(i)) != NULL; i++)
		if (only == NULL || same(only, c->name))
			count[check(g, c)]++;
	(void)step(g, "@end");
	last_line(g, count);
	return count[VERDICT_FAIL];
}
