/* vmm/machine/request.c: what the keeper asks of a machine that runs: a row a request. On the
 * control loop's thread. */
#include <string.h>

#include "vmm/machine/parts.h"

enum { WORDS_MAX = 3 };

struct request {
	const struct running *running;
	struct nic *nic; /* of those that are about one */
	unsigned index;
	const char *value; /* of those that have one */
	struct text *answer;
};

/* One line: what --stats has on lines of their own. */
static struct err do_stats(const struct request *r)
{
	char *from = r->answer->at;

	stats_text(r->running, from, r->answer->left);
	for (char *at = from; *at != '\0'; at++)
		if (*at == '\n')
			*at = at[1] == '\0' ? '\0' : ' ';
	return err_none();
}

static struct err do_link(const struct request *r)
{
	bool up = strcmp(r->value, "up") == 0;

	if (!up && strcmp(r->value, "down") != 0)
		return err_make(ERR_USAGE, 0, "'%s' is neither up nor down", r->value);
	net_set_link(r->nic->net, up);
	return err_none();
}

static struct err do_rate(const struct request *r)
{
	struct net_rate rate = *net_rate(r->nic->net);
	struct err e = rate_parse(r->value, &rate);

	if (!err_is(e))
		net_set_rate(r->nic->net, &rate);
	return e;
}

static struct err do_vhost(const struct request *r)
{
	bool on = strcmp(r->value, "on") == 0;

	if (!on && strcmp(r->value, "off") != 0)
		return err_make(ERR_USAGE, 0, "'%s' is neither on nor off", r->value);
	return nic_set_path(r->nic, on ? PATH_VHOST : PATH_WORKER);
}

static const struct {
	const char *name;
	unsigned words; /* with its name; from 2 on the second is a NIC */
	struct err (*run)(const struct request *r);
} rows[] = {
	{ "stats", 1, do_stats },
	{ "link", 3, do_link },
	{ "rate", 3, do_rate },
	{ "vhost", 3, do_vhost },
};

/* Cuts text at each blank. ret: how many words; 0: too many. */
static unsigned cut(char *text, char *ret_words[static WORDS_MAX])
{
	unsigned count = 0;

	while (text != NULL) {
		if (count == WORDS_MAX)
			return 0;
		ret_words[count++] = strsep(&text, " ");
	}
	return count;
}

/* NIC: a digit. NULL: none of ours. */
static struct nic *find_nic(const struct running *running, const char *word, unsigned *ret_index)
{
	if (word[0] < '0' || word[1] != '\0')
		return NULL;
	*ret_index = (unsigned)(word[0] - '0');
	return *ret_index < running->nic_count ? &running->nic[*ret_index] : NULL;
}

struct err request_do(const struct running *running, const char *text, struct text *answer)
{
	char copy[REQUEST_BYTES] = "";
	char *words[WORDS_MAX];
	unsigned count = 0;

	if (strlen(text) < sizeof(copy)) {
		(void)strcpy(copy, text);
		count = cut(copy, words);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows) && count > 0; i++) {
		struct request r = { .running = running, .answer = answer };

		if (strcmp(rows[i].name, words[0]) != 0 || rows[i].words != count)
			continue;
		if (count > 1) {
			r.nic = find_nic(running, words[1], &r.index);
			if (r.nic == NULL)
				return err_make(ERR_USAGE, 0, "there is no NIC '%s'", words[1]);
			r.value = words[2];
		}
		return rows[i].run(&r);
	}
	return err_make(ERR_USAGE, 0, "'%s' is no request", text);
}
