/*
 * A filter on libmilter that does what a script tells it, and reports every callback and every call.
 *
 *     cc -O2 -Wall -Wextra filter.c calls.c -lmilter -lpthread
 *
 * Standard input is a socket to the driver. It sends "S", the length of a script in decimal, a line feed
 * and the script. A child runs the script, so a crash ends no more than that one script. While it runs, "g" opens
 * a gate and "q" ends the child. The last line that comes back for a script is its exit status.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"

#define DRIVER 0

/* --- the script --- */

/* What one callback does: the lines after "@NAME". "@NAME*" is for every call that has none of its own. */
struct section {
	struct section *next;
	char *name;
	char **lines; /* up to a NULL */
	bool is_used, is_for_all;
};

static struct section *sections;
static struct line looked_up; /* names of macros that every callback looks up */
static pthread_mutex_t section_lock = PTHREAD_MUTEX_INITIALIZER;

static void read_script(char *script)
{
	struct section **end = &sections, *section = NULL;
	size_t count = 0;

	for (char *text = strtok(script, "\n"); text != NULL; text = strtok(NULL, "\n")) {
		if (strncmp(text, "look ", 5) == 0) {
			looked_up = read_line(text);
		} else if (*text == '@') {
			size_t length = strlen(text);

			section = calloc(1, sizeof *section);
			section->is_for_all = text[length - 1] == '*';
			section->name = strndup(text + 1, length - 1 - section->is_for_all);
			section->lines = calloc(1, sizeof *section->lines);
			count = 0;
			*end = section;
			end = &section->next;
		} else if (section == NULL) {
			errx(2, "a line before the first section: %s", text);
		} else {
			section->lines = realloc(section->lines, (count + 2) * sizeof *section->lines);
			section->lines[count++] = text;
			section->lines[count] = NULL;
		}
	}
}

static struct section *take_section(const char *name)
{
	struct section *found = NULL;

	pthread_mutex_lock(&section_lock);
	for (struct section *section = sections; section != NULL && found == NULL; section = section->next)
		if (!section->is_used && strcmp(section->name, name) == 0)
			found = section;
	if (found != NULL)
		found->is_used = !found->is_for_all;
	pthread_mutex_unlock(&section_lock);
	return found;
}

/* Runs the lines of a section up to the end, or to "return VALUE". */
static sfsistat run_section(SMFICTX *ctx, const char *name, struct answer *answer)
{
	struct section *section = take_section(name);

	for (char **text = section == NULL ? NULL : section->lines; text != NULL && *text != NULL; text++) {
		if (strncmp(*text, "return ", 7) == 0)
			return (sfsistat)strtol(*text + 7, NULL, 0);
		run_line(ctx, answer, *text);
	}
	return SMFIS_CONTINUE;
}

/* --- what the driver reads --- */

static void put_bytes(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(DRIVER, bytes, length);

		if (written < 0 && errno != EINTR)
			_exit(3);
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
}

void say(const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list arguments;
	char *line;
	int length;

	va_start(arguments, format);
	length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		err(2, "vasprintf");
	line[length] = '\n';
	pthread_mutex_lock(&lock);
	put_bytes(line, (size_t)length + 1);
	pthread_mutex_unlock(&lock);
	free(line);
}

struct event {
	SMFICTX *ctx;
	const char *name;
	FILE *line;
	char *bytes;
	size_t length;
};

static struct event begin(SMFICTX *ctx, const char *name)
{
	return (struct event){.ctx = ctx, .name = name};
}

static void put(struct event *event, const char *text, size_t length)
{
	char *shown = escaped(text, length);

	if (event->line == NULL)
		event->line = open_memstream(&event->bytes, &event->length);
	fprintf(event->line, " \"%s", shown);
	free(shown);
}

static void put_text(struct event *event, const char *text)
{
	put(event, text, strlen(text));
}

/* Tells what was called, looks up the macros, and does what the script says. */
static sfsistat finish(struct event *event, struct answer *answer)
{
	if (event->line != NULL)
		fclose(event->line);
	say("%s%s", event->name, event->bytes == NULL ? "" : event->bytes);
	free(event->bytes);
	for (int i = 0; i < looked_up.count; i++) {
		char *name = looked_up.words[i].text;
		const char *value = smfi_getsymval(event->ctx, name);

		if (value != NULL) {
			char *shown = escaped(value, strlen(value));

			say("  %s=%s", name, shown);
			free(shown);
		}
	}
	return run_section(event->ctx, event->name, answer);
}

static sfsistat plain(SMFICTX *ctx, const char *name)
{
	struct event event = begin(ctx, name);

	return finish(&event, NULL);
}

/* --- callbacks --- */

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	struct event event = begin(ctx, "connect");
	char text[INET6_ADDRSTRLEN] = "", where[160] = "none";

	if (address != NULL && address->sa_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)address;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
		snprintf(where, sizeof where, "inet:%u:%s", ntohs(in->sin_port), text);
	} else if (address != NULL && address->sa_family == AF_INET6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
		snprintf(where, sizeof where, "inet6:%u:%s:%u:%u", ntohs(in->sin6_port), text, in->sin6_flowinfo,
		         in->sin6_scope_id);
	} else if (address != NULL) {
		snprintf(where, sizeof where, "unix:%d:%s", address->sa_family, ((struct sockaddr_un *)address)->sun_path);
	}
	put_text(&event, host);
	put_text(&event, where);
	return finish(&event, NULL);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
	struct event event = begin(ctx, "helo");

	put_text(&event, name);
	return finish(&event, NULL);
}

static sfsistat on_envelope(struct event *event, char **arguments)
{
	for (; *arguments != NULL; arguments++)
		put_text(event, *arguments);
	return finish(event, NULL);
}

static sfsistat on_envfrom(SMFICTX *ctx, char **arguments)
{
	struct event event = begin(ctx, "envfrom");

	return on_envelope(&event, arguments);
}

static sfsistat on_envrcpt(SMFICTX *ctx, char **arguments)
{
	struct event event = begin(ctx, "envrcpt");

	return on_envelope(&event, arguments);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct event event = begin(ctx, "header");

	put_text(&event, name);
	put_text(&event, value);
	return finish(&event, NULL);
}

static sfsistat on_eoh(SMFICTX *ctx)
{
	return plain(ctx, "eoh");
}

/* A chunk is told by its length, its beginning and a sum (FNV-1a). */
static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t length)
{
	struct event event = begin(ctx, "body");
	uint32_t sum = 2166136261;
	char text[40];

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ chunk[i]) * 16777619;
	snprintf(text, sizeof text, "%zu:%08x", length, sum);
	put_text(&event, text);
	put(&event, (char *)chunk, length < 24 ? length : 24);
	return finish(&event, NULL);
}

static sfsistat on_eom(SMFICTX *ctx)
{
	return plain(ctx, "eom");
}

static sfsistat on_abort(SMFICTX *ctx)
{
	return plain(ctx, "abort");
}

static sfsistat on_close(SMFICTX *ctx)
{
	closed_context = ctx;
	return plain(ctx, "close");
}

static sfsistat on_unknown(SMFICTX *ctx, const char *line)
{
	struct event event = begin(ctx, "unknown");

	put_text(&event, line);
	return finish(&event, NULL);
}

static sfsistat on_data(SMFICTX *ctx)
{
	return plain(ctx, "data");
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3,
                             unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	struct event event = begin(ctx, "negotiate");
	struct answer answer = {{pf0, pf1, pf2, pf3}};
	unsigned long shown[] = {f0, f1, f2, f3, *pf0, *pf1, *pf2, *pf3};
	char text[24];

	for (size_t i = 0; i < 8; i++) {
		snprintf(text, sizeof text, "%#lx", shown[i]);
		put_text(&event, text);
	}
	return finish(&event, &answer);
}

/* describe VERSION FLAGS CALLBACKS NAME: bit 0 of CALLBACKS is xxfi_connect, bit 12 xxfi_negotiate. */
struct smfiDesc description(const struct line *line)
{
	long has = line->words[2].number;

	return (struct smfiDesc){
		.xxfi_name = line->words[3].text == NULL ? NULL : strdup(line->words[3].text),
		.xxfi_version = (int)line->words[0].number,
		.xxfi_flags = (unsigned long)line->words[1].number,
		.xxfi_connect = has & 1 ? on_connect : NULL,
		.xxfi_helo = has & 2 ? on_helo : NULL,
		.xxfi_envfrom = has & 4 ? on_envfrom : NULL,
		.xxfi_envrcpt = has & 8 ? on_envrcpt : NULL,
		.xxfi_header = has & 0x10 ? on_header : NULL,
		.xxfi_eoh = has & 0x20 ? on_eoh : NULL,
		.xxfi_body = has & 0x40 ? on_body : NULL,
		.xxfi_eom = has & 0x80 ? on_eom : NULL,
		.xxfi_abort = has & 0x100 ? on_abort : NULL,
		.xxfi_close = has & 0x200 ? on_close : NULL,
		.xxfi_unknown = has & 0x400 ? on_unknown : NULL,
		.xxfi_data = has & 0x800 ? on_data : NULL,
		.xxfi_negotiate = has & 0x1000 ? on_negotiate : NULL,
	};
}

/* --- one script --- */

static sem_t gate;

void wait_at_gate(void)
{
	say("  gate");
	while (sem_wait(&gate) != 0)
		;
}

static void *obey_driver(void *unused)
{
	char order;

	(void)unused;
	while (read(DRIVER, &order, 1) == 1 && order != 'q')
		sem_post(&gate);
	/* With COMPARE_EXIT the tools that look for leaks get their turn. */
	if (getenv("COMPARE_EXIT") != NULL)
		exit(0);
	_exit(0);
}

static void run_script(char *script)
{
	struct section *first;
	pthread_t thread;
	sigset_t all, before;

	read_script(script);
	sem_init(&gate, 0, 0);
	/* Signals are for the threads of the library. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&thread, NULL, obey_driver, NULL) != 0)
		errx(2, "no thread");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	first = take_section("main");
	for (char **text = first->lines; *text != NULL; text++)
		run_line(NULL, NULL, *text);
	say("main: end");
	pthread_join(thread, NULL);
}

/* Reads the next script; NULL if the driver has gone. Orders for a child that has ended are skipped. */
static char *next_script(void)
{
	size_t length = 0;
	char byte, *script;

	do {
		if (read(DRIVER, &byte, 1) != 1)
			return NULL;
	} while (byte != 'S');
	while (read(DRIVER, &byte, 1) == 1 && byte != '\n')
		length = 10 * length + (size_t)(byte - '0');
	script = calloc(length + 1, 1);
	for (size_t got = 0; got < length;) {
		ssize_t count = read(DRIVER, script + got, length - got);

		if (count <= 0)
			return NULL;
		got += (size_t)count;
	}
	return script;
}

int main(void)
{
	char *script;

	while ((script = next_script()) != NULL) {
		pid_t child = fork();
		int status;

		if (child < 0)
			err(2, "fork");
		if (child == 0) {
			run_script(script);
			_exit(0);
		}
		while (waitpid(child, &status, 0) < 0)
			if (errno != EINTR)
				err(2, "waitpid");
		if (WIFSIGNALED(status))
			say("ended by signal %d", WTERMSIG(status));
		else
			say("ended with status %d", WEXITSTATUS(status));
		free(script);
	}
	return 0;
}
