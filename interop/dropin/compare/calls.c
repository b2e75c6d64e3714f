/* The lines of a script: one call of a library function each, and a few helpers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "filter.h"

SMFICTX *closed_context;

/* The description that "register" hands over. */
static struct smfiDesc registered;

struct call {
	SMFICTX *ctx;
	struct answer *answer;
	struct line line;
	char prefix[48]; /* of the line that tells the result */
};

/* --- words --- */

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static struct word read_word(const char *start, size_t size)
{
	struct word word = {0};

	if (size == 1 && *start == '-')
		return word;
	if (*start == '*') {
		/* *LENGTH:XX is one byte many times. */
		char *end;

		word.length = strtoul(start + 1, &end, 10);
		word.text = malloc(word.length + 1);
		memset(word.text, hex_digit(end[1]) << 4 | hex_digit(end[2]), word.length);
		word.text[word.length] = '\0';
		return word;
	}
	if (*start != '"') {
		word.number = strtol(start, NULL, 0);
		return word;
	}
	word.text = malloc(size);
	for (size_t i = 1; i < size; i++) {
		if (start[i] == '\\') {
			word.text[word.length++] = (char)(hex_digit(start[i + 2]) << 4 | hex_digit(start[i + 3]));
			i += 3;
		} else {
			word.text[word.length++] = start[i];
		}
	}
	word.text[word.length] = '\0';
	return word;
}

struct line read_line(const char *text)
{
	struct line line = {0};
	size_t size = strcspn(text, " ");

	line.name = strndup(text, size);
	for (text += size; *text == ' '; text += size) {
		text++;
		size = strcspn(text, " ");
		if (line.count == WORDS)
			errx(2, "too many words: %s", line.name);
		line.words[line.count++] = read_word(text, size);
	}
	return line;
}

void free_line(struct line *line)
{
	for (int i = 0; i < line->count; i++)
		free(line->words[i].text);
	free(line->name);
}

char *escaped(const char *text, size_t length)
{
	char *out = malloc(4 * length + 1), *to = out;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte < 0x21 || byte > 0x7e || byte == '\\')
			to += sprintf(to, "\\x%02x", byte);
		else
			*to++ = (char)byte;
	}
	*to = '\0';
	return out;
}

/* --- calls --- */

#define TEXT(n) call->line.words[n].text
#define NUMBER(n) ((int)call->line.words[n].number)
#define CTX call->ctx

static void tell(struct call *call, long result)
{
	say("%s%s = %ld", call->prefix, call->line.name, result);
}

static void call_register(struct call *call)
{
	tell(call, smfi_register(registered));
}

static void call_setconn(struct call *call)
{
	tell(call, smfi_setconn(TEXT(0)));
}

static void call_opensocket(struct call *call)
{
	tell(call, smfi_opensocket(NUMBER(0)));
}

static void call_setbacklog(struct call *call)
{
	tell(call, smfi_setbacklog(NUMBER(0)));
}

static void call_setdbg(struct call *call)
{
	tell(call, smfi_setdbg(NUMBER(0)));
}

static void call_settimeout(struct call *call)
{
	tell(call, smfi_settimeout(NUMBER(0)));
}

static void call_setmaxdatasize(struct call *call)
{
	tell(call, (long)smfi_setmaxdatasize((size_t)call->line.words[0].number));
}

static void call_stop(struct call *call)
{
	tell(call, smfi_stop());
}

static void call_main(struct call *call)
{
	tell(call, smfi_main());
}

/* A word of 0 is no place to write to. */
static void call_version(struct call *call)
{
	unsigned int parts[3] = {77, 77, 77}, *at[3];
	int result;

	for (int i = 0; i < 3; i++)
		at[i] = NUMBER(i) ? &parts[i] : NULL;
	result = smfi_version(at[0], at[1], at[2]);
	say("%sversion = %d %u %u %u", call->prefix, result, parts[0], parts[1], parts[2]);
}

static void call_setpriv(struct call *call)
{
	tell(call, smfi_setpriv(CTX, (void *)(intptr_t)call->line.words[0].number));
}

static void call_getpriv(struct call *call)
{
	tell(call, (long)(intptr_t)smfi_getpriv(CTX));
}

static void call_getsymval(struct call *call)
{
	const char *value = smfi_getsymval(CTX, TEXT(0));
	char *shown = value == NULL ? NULL : escaped(value, strlen(value));

	say("%sgetsymval = %s%s", call->prefix, shown == NULL ? "NULL" : "\"", shown == NULL ? "" : shown);
	free(shown);
}

static void call_setsymlist(struct call *call)
{
	tell(call, smfi_setsymlist(CTX, NUMBER(0), TEXT(1)));
}

static void call_setreply(struct call *call)
{
	tell(call, smfi_setreply(CTX, TEXT(0), TEXT(1), TEXT(2)));
}

static void call_setmlreply(struct call *call)
{
	/* Forty-one lines at most: those that are not in the script are the NULL at the end. */
#define L(n) TEXT(2 + (n))
	tell(call, smfi_setmlreply(CTX, TEXT(0), TEXT(1), L(0), L(1), L(2), L(3), L(4), L(5), L(6), L(7), L(8), L(9),
	                           L(10), L(11), L(12), L(13), L(14), L(15), L(16), L(17), L(18), L(19), L(20), L(21),
	                           L(22), L(23), L(24), L(25), L(26), L(27), L(28), L(29), L(30), L(31), L(32), L(33),
	                           L(34), L(35), L(36), L(37), L(38), L(39), L(40), NULL));
#undef L
}

static void call_addheader(struct call *call)
{
	tell(call, smfi_addheader(CTX, TEXT(0), TEXT(1)));
}

static void call_insheader(struct call *call)
{
	tell(call, smfi_insheader(CTX, NUMBER(0), TEXT(1), TEXT(2)));
}

static void call_chgheader(struct call *call)
{
	tell(call, smfi_chgheader(CTX, TEXT(0), NUMBER(1), TEXT(2)));
}

static void call_chgfrom(struct call *call)
{
	tell(call, smfi_chgfrom(CTX, TEXT(0), TEXT(1)));
}

static void call_addrcpt(struct call *call)
{
	tell(call, smfi_addrcpt(CTX, TEXT(0)));
}

static void call_addrcpt_par(struct call *call)
{
	tell(call, smfi_addrcpt_par(CTX, TEXT(0), TEXT(1)));
}

static void call_delrcpt(struct call *call)
{
	tell(call, smfi_delrcpt(CTX, TEXT(0)));
}

static void call_replacebody(struct call *call)
{
	tell(call, smfi_replacebody(CTX, (unsigned char *)TEXT(0), NUMBER(1)));
}

static void call_progress(struct call *call)
{
	tell(call, smfi_progress(CTX));
}

static void call_quarantine(struct call *call)
{
	tell(call, smfi_quarantine(CTX, TEXT(0)));
}

/* --- helpers --- */

static void call_describe(struct call *call)
{
	registered = description(&call->line);
}

/* What a negotiate callback sets: four words, "." where it leaves what it was given. */
static void call_put(struct call *call)
{
	for (int i = 0; call->answer != NULL && i < 4; i++)
		if (TEXT(i) == NULL || strcmp(TEXT(i), ".") != 0)
			*call->answer->values[i] = (unsigned long)call->line.words[i].number;
}

static void call_gate(struct call *call)
{
	(void)call;
	wait_at_gate();
}

static void call_fork(struct call *call)
{
	(void)call;
	become_daemon();
}

static void call_say(struct call *call)
{
	say("%s", TEXT(0));
}

static void call_kill(struct call *call)
{
	kill(getpid(), NUMBER(0));
}

/* Every socket that listens: its address, and whether a program that is started inherits it. */
static void call_listeners(struct call *call)
{
	for (int fd = 0; fd < 100; fd++) {
		union {
			struct sockaddr any;
			struct sockaddr_in in;
			struct sockaddr_in6 in6;
			struct sockaddr_un un;
		} address = {0};
		socklen_t size = sizeof address, option_size = sizeof(int);
		const char *inherits = fcntl(fd, F_GETFD) & FD_CLOEXEC ? "" : " inherited";
		char text[INET6_ADDRSTRLEN] = "";
		struct stat file;
		int listens = 0;

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &option_size) != 0 || !listens)
			continue;
		getsockname(fd, &address.any, &size);
		if (address.any.sa_family == AF_INET) {
			inet_ntop(AF_INET, &address.in.sin_addr, text, sizeof text);
			say("%slistens inet %s port %s%s", call->prefix, text, address.in.sin_port ? "some" : "none", inherits);
		} else if (address.any.sa_family == AF_INET6) {
			inet_ntop(AF_INET6, &address.in6.sin6_addr, text, sizeof text);
			say("%slistens inet6 %s port %s%s", call->prefix, text, address.in6.sin6_port ? "some" : "none", inherits);
		} else {
			char *path = escaped(address.un.sun_path, strnlen(address.un.sun_path, size - sizeof(sa_family_t)));
			unsigned int mode = stat(address.un.sun_path, &file) == 0 ? file.st_mode : 0;

			say("%slistens unix %s %u bytes, mode %o%s", call->prefix, path, size, mode, inherits);
			free(path);
		}
	}
}

static const struct {
	const char *name;
	void (*run)(struct call *);
} calls[] = {
	{"register", call_register}, {"setconn", call_setconn}, {"opensocket", call_opensocket},
	{"setbacklog", call_setbacklog}, {"setdbg", call_setdbg}, {"settimeout", call_settimeout},
	{"setmaxdatasize", call_setmaxdatasize}, {"stop", call_stop}, {"main", call_main},
	{"version", call_version}, {"setpriv", call_setpriv}, {"getpriv", call_getpriv},
	{"getsymval", call_getsymval}, {"setsymlist", call_setsymlist}, {"setreply", call_setreply},
	{"setmlreply", call_setmlreply}, {"addheader", call_addheader}, {"insheader", call_insheader},
	{"chgheader", call_chgheader}, {"chgfrom", call_chgfrom}, {"addrcpt", call_addrcpt},
	{"addrcpt_par", call_addrcpt_par}, {"delrcpt", call_delrcpt}, {"replacebody", call_replacebody},
	{"progress", call_progress}, {"quarantine", call_quarantine},
	{"describe", call_describe}, {"put", call_put}, {"gate", call_gate}, {"fork", call_fork}, {"say", call_say},
	{"kill", call_kill}, {"listeners", call_listeners},
};

static void *run_call(void *argument)
{
	struct call *call = argument;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, call->line.name) == 0) {
			calls[i].run(call);
			return NULL;
		}
	errx(2, "unknown line: %s", call->line.name);
}

void run_line(SMFICTX *ctx, struct answer *answer, const char *text)
{
	struct call call = {.ctx = ctx, .answer = answer};
	bool elsewhere = false;

	snprintf(call.prefix, sizeof call.prefix, "%s%s", tag_of(ctx), ctx == NULL ? "main: " : "  ");
	for (; *text == '&' || *text == '!' || *text == '~'; text++) {
		elsewhere |= *text == '&';
		if (*text != '&')
			call.ctx = *text == '!' ? NULL : closed_context;
	}
	call.line = read_line(text);
	/* "$ is the name of the client. */
	for (int i = 0; i < call.line.count; i++)
		if (call.line.words[i].text != NULL && strcmp(call.line.words[i].text, "$") == 0) {
			free(call.line.words[i].text);
			call.line.words[i].text = strdup(tag_of(ctx));
		}
	if (elsewhere) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run_call, &call) != 0)
			errx(2, "no thread");
		pthread_join(thread, NULL);
	} else {
		run_call(&call);
	}
	free_line(&call.line);
}
