/*
 * A filter on Sendmail's libmilter that does what its rules say, so that each smfi_* function can be
 * seen from the other end of the wire.
 *
 *     libmilter SOCKET RULE...
 *
 * SOCKET is in libmilter's own notation. A rule is STAGE[/TEXT]:CALL[|ARGUMENT...]; it applies if TEXT
 * occurs in the first argument of the callback. All rules of a stage apply, in order; the last one that
 * is a verdict (accept reject tempfail discard skip noreply) is returned, and setreply and setmlreply are
 * verdicts too: REJECT or TEMPFAIL by their code. Before the others:
 *
 *     negotiate:steps|HEX           steps (SMFIP_*) to ask for
 *     negotiate:symlist|NUMBER|NAMES    smfi_setsymlist
 *
 * "listening" on stdout says that the socket is there.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note {			/* what smfi_setpriv keeps of a connection */
	unsigned long callbacks;
	unsigned long body;
};

static char **rules;

/* Takes the next argument of a rule; none left gives NULL, which libmilter must handle. */
static char *next(char **rest)
{
	return strsep(rest, "|");
}

static int edit(SMFICTX *ctx, const char *call, char **rest)
{
	char *a = next(rest), *b = next(rest), *c = next(rest);
	struct note *note = smfi_getpriv(ctx);
	char text[64];

	if (strcmp(call, "addheader") == 0)
		return smfi_addheader(ctx, a, b);
	if (strcmp(call, "insheader") == 0)
		return smfi_insheader(ctx, atoi(a), b, c);
	if (strcmp(call, "chgheader") == 0)
		return smfi_chgheader(ctx, a, atoi(b), c);
	if (strcmp(call, "chgfrom") == 0)
		return smfi_chgfrom(ctx, a, b);
	if (strcmp(call, "addrcpt") == 0)
		return smfi_addrcpt(ctx, a);
	if (strcmp(call, "addrcpt_par") == 0)
		return smfi_addrcpt_par(ctx, a, b);
	if (strcmp(call, "delrcpt") == 0)
		return smfi_delrcpt(ctx, a);
	if (strcmp(call, "quarantine") == 0)
		return smfi_quarantine(ctx, a);
	if (strcmp(call, "progress") == 0)
		return smfi_progress(ctx);
	if (strcmp(call, "replacebody") == 0)
		return smfi_replacebody(ctx, (unsigned char *)a, a ? (int)strlen(a) : 0);
	if (strcmp(call, "replacebody_size") == 0) {
		size_t size = strtoul(a, NULL, 10);
		unsigned char *body = malloc(size);
		int result = MI_FAILURE;

		if (body != NULL) {
			memset(body, 'x', size);
			result = smfi_replacebody(ctx, body, (int)size);
			free(body);
		}
		return result;
	}
	if (strcmp(call, "setreply") == 0)
		return smfi_setreply(ctx, a, b, c);
	if (strcmp(call, "setmlreply") == 0)
		return smfi_setmlreply(ctx, a, b, c, next(rest), NULL);
	if (strcmp(call, "symval") == 0) {
		char *value = smfi_getsymval(ctx, b);

		return smfi_addheader(ctx, a, value ? value : "(none)");
	}
	if (strcmp(call, "notes") == 0) {
		snprintf(text, sizeof text, "%lu callbacks, %lu bytes", note->callbacks, note->body);
		return smfi_addheader(ctx, a, text);
	}
	if (strcmp(call, "version") == 0) {
		unsigned int major, minor, patch;

		smfi_version(&major, &minor, &patch);
		snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch);
		return smfi_addheader(ctx, a, text);
	}
	if (strcmp(call, "stop") == 0)
		return smfi_stop();
	if (strcmp(call, "die") == 0)
		_Exit(3);
	fprintf(stderr, "no call %s\n", call);
	return MI_FAILURE;
}

static int verdict(const char *call)
{
	static const char *names[] = { "continue", "reject", "discard", "accept", "tempfail", NULL, NULL, "noreply", "skip" };

	for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
		if (names[i] != NULL && strcmp(names[i], call) == 0)
			return i;
	return -1;
}

/* The arguments of a rule for this stage and text in a copy of the caller's, or NULL. */
static char *matching(const char *rule, const char *stage, const char *text, char *copy, size_t size)
{
	size_t length = strlen(stage);
	char *call;

	if (strncmp(rule, stage, length) != 0 || (rule[length] != ':' && rule[length] != '/'))
		return NULL;
	snprintf(copy, size, "%s", rule + length);
	call = strchr(copy, ':');
	if (call == NULL)
		return NULL;
	*call++ = '\0';
	return copy[0] == '\0' || strstr(text, copy + 1) != NULL ? call : NULL;
}

static sfsistat apply(SMFICTX *ctx, const char *stage, const char *text)
{
	struct note *note = smfi_getpriv(ctx);
	sfsistat result = SMFIS_CONTINUE;
	char copy[4096];

	if (note == NULL) {
		note = calloc(1, sizeof *note);
		if (note == NULL || smfi_setpriv(ctx, note) != MI_SUCCESS)
			return SMFIS_TEMPFAIL;
	}
	note->callbacks++;
	for (char **rule = rules; *rule != NULL; rule++) {
		char *rest = matching(*rule, stage, text, copy, sizeof copy), *call;

		if (rest == NULL)
			continue;
		call = next(&rest);
		if (strncmp(call, "set", 3) == 0 && rest != NULL)
			result = rest[0] == '4' ? SMFIS_TEMPFAIL : SMFIS_REJECT;
		if (verdict(call) >= 0)
			result = verdict(call);
		else if (edit(ctx, call, &rest) != MI_SUCCESS)
			fprintf(stderr, "failed: %s\n", *rule);
	}
	return result;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long r2, unsigned long r3,
	unsigned long *want_actions, unsigned long *want_steps, unsigned long *w2, unsigned long *w3)
{
	char copy[4096];

	(void)r2, (void)r3;
	*want_actions = actions;
	*want_steps = 0;
	*w2 = *w3 = 0;
	for (char **rule = rules; *rule != NULL; rule++) {
		char *rest = matching(*rule, "negotiate", "", copy, sizeof copy), *call, *a;

		if (rest == NULL)
			continue;
		call = next(&rest);
		a = next(&rest);
		if (strcmp(call, "steps") == 0)
			*want_steps |= strtoul(a, NULL, 16) & steps;
		else if (smfi_setsymlist(ctx, atoi(a), next(&rest)) != MI_SUCCESS)
			fprintf(stderr, "failed: %s\n", *rule);
	}
	return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	(void)address;
	return apply(ctx, "connect", host);
}

static sfsistat on_helo(SMFICTX *ctx, char *name) { return apply(ctx, "helo", name); }
static sfsistat on_mail(SMFICTX *ctx, char **words) { return apply(ctx, "mail", words[0]); }
static sfsistat on_rcpt(SMFICTX *ctx, char **words) { return apply(ctx, "rcpt", words[0]); }
static sfsistat on_data(SMFICTX *ctx) { return apply(ctx, "data", ""); }
static sfsistat on_eoh(SMFICTX *ctx) { return apply(ctx, "eoh", ""); }
static sfsistat on_eom(SMFICTX *ctx) { return apply(ctx, "eom", ""); }
static sfsistat on_unknown(SMFICTX *ctx, const char *line) { return apply(ctx, "unknown", line); }

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)value;
	return apply(ctx, "header", name);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t length)
{
	sfsistat result = apply(ctx, "body", "");
	struct note *note = smfi_getpriv(ctx);

	(void)chunk;
	note->body += length;
	return result;
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct note *note = smfi_getpriv(ctx);

	if (note != NULL)
		note->body = 0;
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
	free(smfi_getpriv(ctx));
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	struct smfiDesc filter = {
		"milter-proto-interop", SMFI_VERSION, SMFIF_NONE,
		on_connect, on_helo, on_mail, on_rcpt, on_header, on_eoh, on_body, on_eom, on_abort, on_close,
		on_unknown, on_data, on_negotiate,
	};

	if (argc < 2) {
		fprintf(stderr, "usage: libmilter SOCKET RULE...\n");
		return 2;
	}
	rules = argv + 2;
	if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS
	    || smfi_settimeout(60) != MI_SUCCESS || smfi_setbacklog(16) != MI_SUCCESS || smfi_setdbg(0) != MI_SUCCESS
	    || smfi_opensocket(1) != MI_SUCCESS) {
		fprintf(stderr, "libmilter did not start on %s\n", argv[1]);
		return 1;
	}
	printf("listening\n");
	fflush(stdout);
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
