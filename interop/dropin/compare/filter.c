/*
 * A filter on libmilter that does what a script tells it, and reports every callback and every call.
 *
 *     cc -O2 -Wall -Wextra filter.c callbacks.c calls.c -lmilter -lpthread
 *
 * Standard input is a socket to the driver. It sends "S", the length of a script in decimal, a line feed
 * and the script. A child runs the script, so a crash ends no more than that one script. While it runs, "g" opens
 * a gate and "q" ends the child. The last line that comes back for a script is its exit status.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
static bool is_tagged; /* every line begins with the name of its client */
struct line looked_up;
static pthread_mutex_t section_lock = PTHREAD_MUTEX_INITIALIZER;

static void read_script(char *script)
{
	struct section **end = &sections, *section = NULL;
	size_t count = 0;

	for (char *text = strtok(script, "\n"); text != NULL; text = strtok(NULL, "\n")) {
		if (strncmp(text, "look ", 5) == 0) {
			looked_up = read_line(text);
		} else if (strcmp(text, "tagged") == 0) {
			is_tagged = true;
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

sfsistat run_section(SMFICTX *ctx, const char *name, struct answer *answer)
{
	struct section *section = take_section(name);

	for (char **text = section == NULL ? NULL : section->lines; text != NULL && *text != NULL; text++) {
		if (strncmp(*text, "return ", 7) == 0)
			return (sfsistat)strtol(*text + 7, NULL, 0);
		run_line(ctx, answer, *text);
	}
	return SMFIS_CONTINUE;
}

/* --- whose line it is --- */

static struct tag {
	SMFICTX *ctx;
	char client[32];
} tags[256];
static pthread_mutex_t tag_lock = PTHREAD_MUTEX_INITIALIZER;

void set_tag(SMFICTX *ctx, const char *client)
{
	struct tag *free_one = NULL;

	pthread_mutex_lock(&tag_lock);
	for (size_t i = sizeof tags / sizeof *tags; i-- > 0;) {
		if (tags[i].ctx == ctx)
			tags[i].ctx = NULL;
		if (tags[i].ctx == NULL)
			free_one = &tags[i];
	}
	if (client != NULL && free_one != NULL) {
		free_one->ctx = ctx;
		snprintf(free_one->client, sizeof free_one->client, "%s ", client);
	}
	pthread_mutex_unlock(&tag_lock);
}

const char *tag_of(SMFICTX *ctx)
{
	const char *found = "";

	if (!is_tagged)
		return found;
	pthread_mutex_lock(&tag_lock);
	for (size_t i = 0; i < sizeof tags / sizeof *tags && *found == '\0'; i++)
		if (tags[i].ctx == ctx && ctx != NULL)
			found = tags[i].client;
	pthread_mutex_unlock(&tag_lock);
	return found;
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

/* --- one script --- */

static sem_t gate;
static pthread_t obeying;

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

static void begin_to_obey(void)
{
	sigset_t all, before;

	/* Signals are for the threads of the library. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	if (pthread_create(&obeying, NULL, obey_driver, NULL) != 0)
		errx(2, "no thread");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			err(2, "waitpid");
	return status;
}

void become_daemon(void)
{
	pid_t child;

	/* The parent obeys no longer. */
	pthread_cancel(obeying);
	pthread_join(obeying, NULL);
	child = fork();
	if (child < 0)
		err(2, "fork");
	if (child > 0) {
		int status = wait_for(child);

		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	begin_to_obey();
}

static void run_script(char *script)
{
	struct section *first;

	read_script(script);
	sem_init(&gate, 0, 0);
	begin_to_obey();
	first = take_section("main");
	for (char **text = first->lines; *text != NULL; text++)
		run_line(NULL, NULL, *text);
	say("main: end");
	pthread_join(obeying, NULL);
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
		status = wait_for(child);
		if (WIFSIGNALED(status))
			say("ended by signal %d", WTERMSIG(status));
		else
			say("ended with status %d", WEXITSTATUS(status));
		free(script);
	}
	return 0;
}
