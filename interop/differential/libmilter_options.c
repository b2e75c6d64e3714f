/* The command line: that of the example filter_blocking, where the test needs it. */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfdef.h>

#include "libmilter_filter.h"

const struct stage_row stages[STAGES] = {
	[CONNECT] = { "connect", SMFIP_NR_CONN, SMFIM_CONNECT },
	[HELO] = { "helo", SMFIP_NR_HELO, SMFIM_HELO },
	[MAIL] = { "mail", SMFIP_NR_MAIL, SMFIM_ENVFROM },
	[RCPT] = { "rcpt", SMFIP_NR_RCPT, SMFIM_ENVRCPT },
	[DATA] = { "data", SMFIP_NR_DATA, SMFIM_DATA },
	[HEADER] = { "header", SMFIP_NR_HDR, -1 },
	[EOH] = { "eoh", SMFIP_NR_EOH, SMFIM_EOH },
	[BODY] = { "body", SMFIP_NR_BODY, -1 },
	[EOM] = { "eom", 0, SMFIM_EOM },
	[UNKNOWN] = { "unknown", SMFIP_NR_UNKN, -1 },
};

static const struct {
	const char *name;
	sfsistat status;
} verdicts[] = {
	{ "continue", SMFIS_CONTINUE }, { "accept", SMFIS_ACCEPT }, { "reject", SMFIS_REJECT },
	{ "tempfail", SMFIS_TEMPFAIL }, { "discard", SMFIS_DISCARD }, { "skip", SMFIS_SKIP },
};

struct rule *rules;
struct edit *edits;
unsigned long actions, required_steps, wished_steps;
bool wanted[STAGES];
char *symbols[STAGES];
char *shown_macros[64];
bool prints_events;

/* The options that are no edits. */
enum option_code {
	LISTEN = QUARANTINE + 1, AT, REJECT_RCPT, ONLY, NO_REPLY, SKIP, REJECTED_RCPT, LEADING_SPACE, MAY, MACROS,
	EVENTS, SHOW_MACROS, IGNORED,
};

static const struct option options[] = {
	{ "listen", 1, NULL, LISTEN },
	{ "at", 1, NULL, AT },
	{ "reject-rcpt", 1, NULL, REJECT_RCPT },
	{ "add-header", 1, NULL, ADD_HEADER },
	{ "insert-header", 1, NULL, INSERT_HEADER },
	{ "change-header", 1, NULL, CHANGE_HEADER },
	{ "delete-header", 1, NULL, DELETE_HEADER },
	{ "change-sender", 1, NULL, CHANGE_SENDER },
	{ "add-rcpt", 1, NULL, ADD_RCPT },
	{ "delete-rcpt", 1, NULL, DELETE_RCPT },
	{ "replace-body", 1, NULL, REPLACE_BODY },
	{ "quarantine", 1, NULL, QUARANTINE },
	{ "progress", 1, NULL, PROGRESS },
	{ "only", 1, NULL, ONLY },
	{ "no-reply", 1, NULL, NO_REPLY },
	{ "skip", 0, NULL, SKIP },
	{ "rejected-rcpt", 0, NULL, REJECTED_RCPT },
	{ "leading-space", 0, NULL, LEADING_SPACE },
	{ "may", 1, NULL, MAY },
	{ "macros", 1, NULL, MACROS },
	{ "events", 0, NULL, EVENTS },
	{ "show-macros", 1, NULL, SHOW_MACROS },
	{ "policy", 1, NULL, IGNORED },
	{ 0 },
};

static const struct {
	const char *name;
	unsigned long bit;
} action_names[] = {
	{ "add-headers", SMFIF_ADDHDRS },
	{ "change-headers", SMFIF_CHGHDRS },
	{ "change-body", SMFIF_CHGBODY },
	{ "add-rcpt", SMFIF_ADDRCPT },
	{ "delete-rcpt", SMFIF_DELRCPT },
	{ "quarantine", SMFIF_QUARANTINE },
	{ "change-from", SMFIF_CHGFROM },
	{ "add-rcpt-args", SMFIF_ADDRCPT_PAR },
};

static enum stage stage_named(const char *name)
{
	for (int stage = 0; stage < STAGES; stage++)
		if (strcmp(stages[stage].name, name) == 0)
			return stage;
	errx(2, "no stage %s", name);
}

static unsigned long action_named(const char *name)
{
	for (size_t i = 0; i < sizeof action_names / sizeof *action_names; i++)
		if (strcmp(action_names[i].name, name) == 0)
			return action_names[i].bit;
	errx(2, "no action %s", name);
}

/* Cuts a text at the first separator: what is behind it, or NULL. */
static char *cut(char *text, char separator)
{
	char *place = strchr(text, separator);

	if (place != NULL)
		*place++ = '\0';
	return place;
}

static char *must_cut(char *text, char separator)
{
	char *rest = cut(text, separator);

	if (rest == NULL)
		errx(2, "there is no %c in %s", separator, text);
	return rest;
}

/* Reads \n, \t and \\ in place. */
static char *unescape(char *text)
{
	char *end = text;

	for (char *next = text; *next != '\0'; next++) {
		if (*next == '\\' && next[1] != '\0')
			*end++ = *++next == 'n' ? '\n' : *next == 't' ? '\t' : *next;
		else
			*end++ = *next;
	}
	*end = '\0';
	return text;
}

/* The value of a header, with the space behind the colon in front. */
static char *header_value(char *text)
{
	char *value;

	if (asprintf(&value, " %s", unescape(text)) < 0)
		err(1, "asprintf");
	return value;
}

static bool is_enhanced(const char *text, size_t length)
{
	int subject, detail, end = 0;

	return length > 0 && strchr("245", *text) != NULL && sscanf(text + 1, ".%3d.%3d%n", &subject, &detail, &end) == 2
	       && (size_t)end + 1 == length;
}

/* "550 5.7.1 text\nmore": % is written twice, for the MTA takes it for a format. */
static void set_reply(struct rule *rule, char *text)
{
	char *doubled = calloc(2, strlen(text) + 1), *end = doubled;
	size_t length;

	for (unescape(text); *text != '\0'; text++) {
		*end++ = *text;
		if (*text == '%')
			*end++ = '%';
	}
	rule->code = doubled;
	text = must_cut(doubled, ' ');
	length = strcspn(text, " \n");
	if (is_enhanced(text, length)) {
		rule->xcode = text;
		text += length;
		if (*text != '\0')
			*text++ = '\0';
	}
	for (int i = 0; text != NULL; i++) {
		if (i == LINES)
			errx(2, "a reply of more than %d lines", LINES);
		rule->lines[i] = text;
		text = cut(text, '\n');
	}
	rule->status = *rule->code == '4' ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

static void add_rule(enum stage stage, const char *pattern, char *verdict)
{
	struct rule *rule = calloc(1, sizeof *rule), **end = &rules;

	rule->stage = stage;
	rule->pattern = pattern;
	rule->status = -1;
	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		if (strcmp(verdicts[i].name, verdict) == 0)
			rule->status = verdicts[i].status;
	if (isdigit((unsigned char)*verdict))
		set_reply(rule, verdict);
	else if (rule->status == -1)
		errx(2, "no verdict %s", verdict);
	while (*end != NULL)
		end = &(*end)->next;
	*end = rule;
}

static struct edit *add_edit(int code, unsigned long action, char *name, char *value)
{
	struct edit *edit = calloc(1, sizeof *edit), **place = &edits;

	actions |= action;
	edit->code = code;
	edit->name = name;
	edit->value = value;
	while (*place != NULL)
		place = &(*place)->next;
	edit->next = *place;
	*place = edit;
	return edit;
}

static void add_body(const char *path)
{
	struct edit *edit = add_edit(REPLACE_BODY, SMFIF_CHGBODY, NULL, NULL);
	FILE *file = fopen(path, "r");
	int byte;

	if (file == NULL)
		err(1, "%s", path);
	FILE *copy = open_memstream(&edit->value, &edit->length);
	while ((byte = getc(file)) != EOF)
		putc(byte, copy);
	fclose(copy);
	fclose(file);
}

/* One option; those that begin with an index or hold a pair are cut at it. */
static void take_option(int option, char *value)
{
	char *rest, *name, *state = NULL;
	int stage;

	switch (option) {
	case LISTEN:
		if (smfi_setconn(value) != MI_SUCCESS)
			errx(1, "cannot listen on %s", value);
		break;
	case AT:
		/* Neither pattern nor verdict holds a =. */
		rest = must_cut(value, '=');
		name = cut(value, '/');
		add_rule(stage_named(value), name, rest);
		break;
	case REJECT_RCPT:
		add_rule(RCPT, value, "reject");
		break;
	case ADD_HEADER:
		rest = must_cut(value, '=');
		add_edit(option, SMFIF_ADDHDRS, value, header_value(rest));
		break;
	case INSERT_HEADER:
		name = must_cut(value, ':');
		rest = must_cut(name, '=');
		add_edit(option, SMFIF_ADDHDRS, name, header_value(rest))->index = atoi(value);
		break;
	case CHANGE_HEADER:
		name = must_cut(value, ':');
		rest = must_cut(name, '=');
		add_edit(option, SMFIF_CHGHDRS, name, header_value(rest))->index = atoi(value);
		break;
	case DELETE_HEADER:
		name = must_cut(value, ':');
		add_edit(option, SMFIF_CHGHDRS, name, NULL)->index = atoi(value);
		break;
	case CHANGE_SENDER:
		rest = cut(value, ' ');
		add_edit(option, SMFIF_CHGFROM, value, rest);
		break;
	case ADD_RCPT:
		rest = cut(value, ' ');
		add_edit(option, rest == NULL ? SMFIF_ADDRCPT : SMFIF_ADDRCPT_PAR, value, rest);
		break;
	case DELETE_RCPT:
		add_edit(option, SMFIF_DELRCPT, value, NULL);
		break;
	case REPLACE_BODY:
		add_body(value);
		break;
	case QUARANTINE:
		add_edit(option, SMFIF_QUARANTINE, value, NULL);
		break;
	case PROGRESS:
		add_edit(option, 0, NULL, NULL)->index = atoi(value);
		break;
	case ONLY:
		memset(wanted, 0, sizeof wanted);
		for (name = strtok_r(value, ",", &state); name != NULL; name = strtok_r(NULL, ",", &state))
			wanted[stage_named(name)] = true;
		break;
	case NO_REPLY:
		for (name = strtok_r(value, ",", &state); name != NULL; name = strtok_r(NULL, ",", &state))
			required_steps |= stages[stage_named(name)].no_reply;
		break;
	case SKIP:
		wished_steps |= SMFIP_SKIP;
		break;
	case REJECTED_RCPT:
		wished_steps |= SMFIP_RCPT_REJ;
		break;
	case LEADING_SPACE:
		wished_steps |= SMFIP_HDR_LEADSPC;
		break;
	case MAY:
		for (name = strtok_r(value, ",", &state); name != NULL; name = strtok_r(NULL, ",", &state))
			actions |= action_named(name);
		break;
	case MACROS:
		rest = must_cut(value, '=');
		stage = stage_named(value);
		if (stages[stage].symbols < 0)
			errx(2, "no macros for %s", value);
		symbols[stage] = rest;
		break;
	case EVENTS:
		prints_events = true;
		break;
	case SHOW_MACROS:
		name = strtok_r(value, ", ", &state);
		for (size_t i = 0; name != NULL && i + 1 < sizeof shown_macros / sizeof *shown_macros; i++, name = strtok_r(NULL, ", ", &state))
			shown_macros[i] = name;
		break;
	case IGNORED:
		break;
	default:
		exit(2);
	}
}

const char *read_options(int argc, char **argv)
{
	const char *where = NULL;
	int option;

	memset(wanted, 1, sizeof wanted);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == LISTEN)
			where = optarg;
		take_option(option, optarg);
	}
	if (where == NULL || optind != argc)
		errx(2, "usage: libmilter_filter --listen SPEC [option ...]");
	return where;
}
