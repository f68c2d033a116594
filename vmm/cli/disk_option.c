/* vmm/cli/disk_option.c: --disk FILE[,ro|snapshot] */
#include "vmm/cli/disk_option.h"

#include <string.h>

static struct err take_ro(void *into, const char *value)
{
	struct disk_options *disk = into;

	(void)value;
	disk->read_only = true;
	return err_none();
}

static struct err take_snapshot(void *into, const char *value)
{
	struct disk_options *disk = into;

	(void)value;
	disk->snapshot = true;
	return err_none();
}

static const struct option rows[] = {
	{ .name = "ro", .take = take_ro },
	{ .name = "snapshot", .take = take_snapshot },
};
static const struct option_table disk_option_table = { .rows = rows, .count = ARRAY_LEN(rows) };

static struct err take_word(char *word, uint64_t *seen, struct disk_options *disk)
{
	char *value = word;
	size_t length = strlen(strsep(&value, "="));
	const struct option *row = option_find(&disk_option_table, word, length);
	const char *near = nearest_option(&disk_option_table, word, length);

	if (row != NULL)
		return option_take(&disk_option_table, row, seen, row->name, value, disk);
	if (length == 0)
		return err_make(ERR_USAGE, 0, "a comma with nothing behind it; leave it out");
	return err_make(ERR_USAGE, 0, "unknown word %.64s; %s%s", word,
			near != NULL ? "did you mean " : "behind the file it takes ro or snapshot",
			near != NULL ? near : "");
}

struct err disk_option_parse(char *text, struct disk_options *ret_disk)
{
	struct disk_options disk = { .path = NULL };
	char *rest = text;
	uint64_t seen = 0;
	struct err e = err_none();

	disk.path = strsep(&rest, ",");
	if (*disk.path == '\0')
		return err_make(ERR_USAGE, 0,
				"no file in front of the comma; write it like root.img,snapshot");
	while (rest != NULL && !err_is(e))
		e = take_word(strsep(&rest, ","), &seen, &disk);
	if (!err_is(e) && disk.read_only && disk.snapshot)
		return err_make(
			ERR_USAGE, 0,
			"ro does not go with snapshot, which can be written; leave one out");
	if (!err_is(e))
		*ret_disk = disk;
	return e;
}
