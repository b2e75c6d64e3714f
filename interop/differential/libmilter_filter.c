/*
 * A filter on libmilter with the command line of the example filter_blocking, as far as the
 * differential test needs it. It prints one line for each callback, so that the two can be compared.
 *
 *     cc -O2 -Wall -Wextra libmilter_filter.c libmilter_options.c -lmilter -lpthread
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <libmilter/mfdef.h>

#include "libmilter_filter.h"

/* --- the line of a callback --- */

struct event {
	SMFICTX *ctx;
	FILE *line;
	char *bytes;
	size_t length;
};

/*
 * In the place of a pointer to private data: the connection's number from 1 on, doubled, and whether
 * leading spaces were agreed on. It outlives the close callback, which may come twice.
 */
static intptr_t private_of(SMFICTX *ctx)
{
	static atomic_long last;
	intptr_t private = (intptr_t)smfi_getpriv(ctx);

	if (private == 0) {
		private = 2 * (atomic_fetch_add(&last, 1) + 1);
		smfi_setpriv(ctx, (void *)private);
	}
	return private;
}

static void put_bytes(struct event *event, const char *bytes, size_t length)
{
	if (length == 0)
		fputs("\"\"", event->line);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (byte < 0x21 || byte > 0x7e || byte == '\\')
			fprintf(event->line, "\\x%02x", byte);
		else
			putc(byte, event->line);
	}
}

static void put(struct event *event, const char *text)
{
	putc(' ', event->line);
	put_bytes(event, text, strlen(text));
}

static void begin(struct event *event, SMFICTX *ctx, const char *name)
{
	event->ctx = ctx;
	event->line = open_memstream(&event->bytes, &event->length);
	if (event->line == NULL)
		err(1, "open_memstream");
	fprintf(event->line, "%ld %s", (long)(private_of(ctx) / 2), name);
}

static void end(struct event *event)
{
	for (char **name = shown_macros; *name != NULL; name++) {
		const char *value = smfi_getsymval(event->ctx, *name);

		if (value != NULL) {
			fprintf(event->line, " %s=", *name);
			put_bytes(event, value, strlen(value));
		}
	}
	putc('\n', event->line);
	if (fclose(event->line) != 0)
		err(1, "fclose");
	/* One write for a line: lines of several threads do not mix. */
	if (prints_events && (fwrite(event->bytes, 1, event->length, stdout) != event->length || fflush(stdout) != 0))
		err(1, "standard output");
	free(event->bytes);
}

static void tell(SMFICTX *ctx, const char *name)
{
	struct event event;

	begin(&event, ctx, name);
	end(&event);
}

/* --- verdicts --- */

/* Whether a shell pattern of * and ? matches, in any case. */
static bool matches(const char *pattern, const char *text, size_t length)
{
	for (; *pattern != '\0'; pattern++, text++, length--) {
		if (*pattern == '*') {
			for (size_t skip = 0; skip <= length; skip++)
				if (matches(pattern + 1, text + skip, length - skip))
					return true;
			return false;
		}
		if (length == 0)
			return false;
		if (*pattern != '?' && tolower((unsigned char)*pattern) != tolower((unsigned char)*text))
			return false;
	}
	return length == 0;
}

static sfsistat decide(SMFICTX *ctx, enum stage stage, const char *text, size_t length)
{
	for (struct rule *rule = rules; rule != NULL; rule = rule->next) {
		if (rule->stage != stage || (rule->pattern != NULL && !matches(rule->pattern, text, length)))
			continue;
		if (rule->code != NULL && rule->lines[1] == NULL)
			smfi_setreply(ctx, rule->code, rule->xcode, rule->lines[0]);
		else if (rule->code != NULL)
			smfi_setmlreply(ctx, rule->code, rule->xcode, rule->lines[0], rule->lines[1], rule->lines[2],
			                rule->lines[3], NULL);
		return rule->status;
	}
	return SMFIS_CONTINUE;
}

static sfsistat decide_text(SMFICTX *ctx, enum stage stage, const char *text)
{
	return decide(ctx, stage, text, strlen(text));
}

/* --- callbacks --- */

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long offered_actions, unsigned long offered_steps,
                             unsigned long f2, unsigned long f3, unsigned long *answered_actions,
                             unsigned long *answered_steps, unsigned long *pf2, unsigned long *pf3)
{
	(void)offered_actions, (void)f2, (void)f3;
	tell(ctx, "negotiate");
	if (wished_steps & offered_steps & SMFIP_HDR_LEADSPC)
		smfi_setpriv(ctx, (void *)(private_of(ctx) | 1));
	*answered_actions = actions;
	*answered_steps &= ~SMFIP_SKIP;
	*answered_steps |= required_steps | (wished_steps & offered_steps);
	*pf2 = *pf3 = 0;
	for (int stage = 0; stage < STAGES; stage++)
		if (symbols[stage] != NULL)
			smfi_setsymlist(ctx, stages[stage].symbols, symbols[stage]);
	return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	struct event event;
	char text[INET6_ADDRSTRLEN] = "", where[128] = "U", *both;
	sfsistat status;

	if (address != NULL && address->sa_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		snprintf(where, sizeof where, "4:%u:%s", ntohs(in->sin_port), text);
	} else if (address != NULL && address->sa_family == AF_INET6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
		snprintf(where, sizeof where, "6:%u:%s", ntohs(in->sin6_port), text);
	} else if (address != NULL && address->sa_family == AF_UNIX) {
		/* There is no port in such an address: 0. */
		snprintf(where, sizeof where, "L:0:%s", ((struct sockaddr_un *)address)->sun_path);
	}
	begin(&event, ctx, "connect");
	put(&event, host);
	put(&event, where);
	end(&event);
	if (asprintf(&both, "%s %s", host, text) < 0)
		err(1, "asprintf");
	status = decide_text(ctx, CONNECT, both);
	free(both);
	return status;
}

static sfsistat on_text(SMFICTX *ctx, enum stage stage, const char *text)
{
	struct event event;

	begin(&event, ctx, stages[stage].name);
	put(&event, text);
	end(&event);
	return decide_text(ctx, stage, text);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	return on_text(ctx, HELO, name);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *line)
{
	return on_text(ctx, UNKNOWN, line);
}

static sfsistat on_envelope(SMFICTX *ctx, enum stage stage, char **arguments)
{
	struct event event;

	begin(&event, ctx, stages[stage].name);
	for (char **argument = arguments; *argument != NULL; argument++)
		put(&event, *argument);
	end(&event);
	return decide_text(ctx, stage, arguments[0]);
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
	return on_envelope(ctx, MAIL, arguments);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
	return on_envelope(ctx, RCPT, arguments);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct event event;
	sfsistat status;
	char *both;

	begin(&event, ctx, "header");
	put(&event, name);
	put(&event, value);
	end(&event);
	if (asprintf(&both, "%s: %s", name, value) < 0)
		err(1, "asprintf");
	status = decide_text(ctx, HEADER, both);
	free(both);
	return status;
}

static sfsistat on_data(SMFICTX *ctx)
{
	tell(ctx, "data");
	return decide_text(ctx, DATA, "");
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	tell(ctx, "eoh");
	return decide_text(ctx, EOH, "");
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t length)
{
	struct event event;

	begin(&event, ctx, "body");
	putc(' ', event.line);
	put_bytes(&event, (char *)chunk, length);
	end(&event);
	return decide(ctx, BODY, (char *)chunk, length);
}

static void perform(SMFICTX *ctx, const struct edit *edit)
{
	/* Header values are kept with the space behind the colon. */
	char *value = edit->value == NULL || private_of(ctx) & 1 ? edit->value : edit->value + 1;

	switch (edit->code) {
	case PROGRESS:
		for (int i = 0; i < edit->index; i++)
			smfi_progress(ctx);
		break;
	case ADD_HEADER:
		smfi_addheader(ctx, edit->name, value);
		break;
	case INSERT_HEADER:
		smfi_insheader(ctx, edit->index, edit->name, value);
		break;
	case CHANGE_HEADER:
	case DELETE_HEADER:
		smfi_chgheader(ctx, edit->name, edit->index, value);
		break;
	case CHANGE_SENDER:
		smfi_chgfrom(ctx, edit->name, edit->value);
		break;
	case ADD_RCPT:
		if (edit->value == NULL)
			smfi_addrcpt(ctx, edit->name);
		else
			smfi_addrcpt_par(ctx, edit->name, edit->value);
		break;
	case DELETE_RCPT:
		smfi_delrcpt(ctx, edit->name);
		break;
	case REPLACE_BODY:
		smfi_replacebody(ctx, (unsigned char *)edit->value, (int)edit->length);
		break;
	case QUARANTINE:
		smfi_quarantine(ctx, edit->name);
		break;
	}
}

static sfsistat on_eom(SMFICTX *ctx)
{
	tell(ctx, "eom");
	for (struct edit *edit = edits; edit != NULL; edit = edit->next)
		perform(ctx, edit);
	return decide_text(ctx, EOM, "");
}

static sfsistat on_abort(SMFICTX *ctx)
{
	tell(ctx, "abort");
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
	tell(ctx, "close");
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	const char *where = read_options(argc, argv);
	struct smfiDesc filter = {
		.xxfi_name = "libmilter_filter",
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = actions,
		.xxfi_connect = wanted[CONNECT] ? on_connect : NULL,
		.xxfi_helo = wanted[HELO] ? on_helo : NULL,
		.xxfi_envfrom = wanted[MAIL] ? on_mail : NULL,
		.xxfi_envrcpt = wanted[RCPT] ? on_rcpt : NULL,
		.xxfi_header = wanted[HEADER] ? on_header : NULL,
		.xxfi_eoh = wanted[EOH] ? on_eoh : NULL,
		.xxfi_body = wanted[BODY] ? on_body : NULL,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_unknown = wanted[UNKNOWN] ? on_unknown : NULL,
		.xxfi_data = wanted[DATA] ? on_data : NULL,
		.xxfi_negotiate = on_negotiate,
	};
	if (smfi_register(filter) != MI_SUCCESS)
		errx(1, "smfi_register");
	if (smfi_opensocket(true) != MI_SUCCESS)
		errx(1, "cannot listen on %s", where);
	printf("listening on %s\n", where);
	fflush(stdout);
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
