/* vmm/hostnet/notes.c: who changed what of a host, and what stood there before: the text of a file,
 * a line a note. Pure. */
#include <stdio.h>
#include <string.h>

#include "vmm/hostnet/hostnet_priv.h"

static bool find_kind(const char *word, enum change_kind *ret)
{
	for (unsigned i = 0; i < CHANGE_KINDS; i++) {
		if (strcmp(word, change_word((enum change_kind)i)) != 0)
			continue;
		*ret = (enum change_kind)i;
		return true;
	}
	return false;
}

/* "1234 98765 vm0 sysctl net/ipv4/conf/eth0/forwarding 0": none of the names has a blank in it. */
static bool note_parse(const char *line, struct note *ret)
{
	struct note n;
	char word[16];
	int end = 0;

	if (sscanf(line, "%d %llu %15s %15s %63s %15s%n", &n.user.pid, &n.user.started, n.user.tap,
		   word, n.change.what, n.change.with, &end) != 6 ||
	    line[end] != '\0' || n.user.pid <= 0 || !find_kind(word, &n.change.kind))
		return false;
	*ret = n;
	return true;
}

struct err notes_parse(const char *text, struct notes *ret)
{
	ret->count = 0;
	for (unsigned number = 1; *text != '\0'; number++) {
		size_t length = strcspn(text, "\n");
		char line[NOTE_BYTES];

		if (length >= sizeof(line) || text[length] != '\n' || ret->count == NOTES_MAX)
			return err_make(ERR_SETUP, 0, "line %u is no note of tapvm", number);
		memcpy(line, text, length);
		line[length] = '\0';
		if (!note_parse(line, &ret->list[ret->count]))
			return err_make(ERR_SETUP, 0, "line %u is no note of tapvm", number);
		ret->count++;
		text += length + 1;
	}
	return err_none();
}

void notes_print(const struct notes *n, char *ret_text, size_t size)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (unsigned i = 0; i < n->count && used < size; i++) {
		const struct user *u = &n->list[i].user;
		const struct change *c = &n->list[i].change;

		used += (size_t)snprintf(ret_text + used, size - used, "%d %llu %s %s %s %s\n",
					 u->pid, u->started, u->tap, change_word(c->kind), c->what,
					 c->with);
	}
}

struct err notes_add(struct notes *n, const struct user *user, const struct change *c)
{
	if (n->count == NOTES_MAX)
		return err_make(ERR_SETUP, 0,
				"more than %d changes of one host are noted; end some "
				"of its guests",
				NOTES_MAX);
	n->list[n->count++] = (struct note){ .user = *user, .change = *c };
	return err_none();
}

void notes_remove(struct notes *n, unsigned index)
{
	n->count--;
	memmove(&n->list[index], &n->list[index + 1], (n->count - index) * sizeof(n->list[0]));
}

const struct change *notes_find(const struct notes *n, const struct change *c)
{
	for (unsigned i = 0; i < n->count; i++)
		if (change_is_same(&n->list[i].change, c))
			return &n->list[i].change;
	return NULL;
}

bool notes_shared(const struct notes *n, unsigned index)
{
	for (unsigned i = 0; i < n->count; i++)
		if (i != index && change_is_same(&n->list[i].change, &n->list[index].change))
			return true;
	return false;
}
