/* What the command line says, and the callbacks go by. */
#ifndef LIBMILTER_FILTER_H
#define LIBMILTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include <libmilter/mfapi.h>

enum stage { CONNECT, HELO, MAIL, RCPT, DATA, HEADER, EOH, BODY, EOM, UNKNOWN, STAGES };

struct stage_row {
	const char *name;
	unsigned long no_reply;
	int symbols; /* its list of macros; -1: none */
};

extern const struct stage_row stages[STAGES];

#define LINES 4

/* --at STAGE[/PATTERN]=VERDICT */
struct rule {
	struct rule *next;
	enum stage stage;
	const char *pattern; /* or NULL */
	sfsistat status;
	char *code, *xcode;  /* of an SMTP reply; either may be NULL */
	char *lines[LINES];  /* of an SMTP reply */
};

/* One edit at the end of a message. */
struct edit {
	struct edit *next;
	int code, index;
	char *name, *value; /* value may be NULL */
	size_t length;      /* of value */
};

/* Edits are made in this order, whatever that of the command line. */
enum edit_code {
	PROGRESS = 1, ADD_HEADER, INSERT_HEADER, CHANGE_HEADER, DELETE_HEADER, CHANGE_SENDER, ADD_RCPT, DELETE_RCPT,
	REPLACE_BODY, QUARANTINE,
};

extern struct rule *rules;
extern struct edit *edits;
extern unsigned long actions, required_steps, wished_steps;
extern bool wanted[STAGES];
extern char *symbols[STAGES];
extern char *shown_macros[64]; /* up to a NULL */
extern bool prints_events;

/* Reads the command line, and says where to listen. */
const char *read_options(int argc, char **argv);

#endif
