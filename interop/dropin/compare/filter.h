/* A filter on libmilter that follows a script, line by line. See README.md for the lines. */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include <libmilter/mfapi.h>

/* The values that a negotiate callback may set. NULL in every other callback. */
struct answer {
	unsigned long *values[4];
};

/* One word of a line: NULL, a number, or a text of any bytes. */
struct word {
	char *text; /* NULL for "-"; ends with a NUL that is not counted */
	size_t length;
	long number;
};

#define WORDS 48

struct line {
	char *name;
	struct word words[WORDS]; /* up to `count`; NULL after that */
	int count;
};

/* Writes one line to the driver, in one piece. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text with everything escaped that is not a printable byte. The caller frees it. */
char *escaped(const char *text, size_t length);

/* Reads a line of the script. */
struct line read_line(const char *text);
void free_line(struct line *line);

/* Runs one line. Its first byte may be '&' for another thread, '!' for no context, '~' for a closed one. */
void run_line(SMFICTX *ctx, struct answer *answer, const char *text);

/* The context of the connection that was closed last. */
extern SMFICTX *closed_context;

/* With "tagged" in the script: the name of the client of a connection, "" if it is not known. */
const char *tag_of(SMFICTX *ctx);

/* Tells the driver that a gate was reached, and waits until the driver opens it. */
void wait_at_gate(void);

/* Goes on in a child, as daemons do. */
void become_daemon(void);

/* The names of macros that every callback looks up. */
extern struct line looked_up;

/* Runs the lines of the next section of a callback, up to the end or to "return VALUE". */
sfsistat run_section(SMFICTX *ctx, const char *name, struct answer *answer);

/* Names a connection after its client, or takes the name away if `client` is NULL. */
void set_tag(SMFICTX *ctx, const char *client);

/* describe VERSION FLAGS CALLBACKS NAME: bit 0 of CALLBACKS is xxfi_connect, bit 12 xxfi_negotiate. */
struct smfiDesc description(const struct line *line);

#endif
