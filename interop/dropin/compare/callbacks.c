/* The callbacks: each tells what it was called with, looks up macros, and does what its section says. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "filter.h"

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
	say("%s%s%s", tag_of(event->ctx), event->name, event->bytes == NULL ? "" : event->bytes);
	free(event->bytes);
	for (int i = 0; i < looked_up.count; i++) {
		char *name = looked_up.words[i].text;
		const char *value = smfi_getsymval(event->ctx, name);

		if (value != NULL) {
			char *shown = escaped(value, strlen(value));

			say("%s  %s=%s", tag_of(event->ctx), name, shown);
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
	set_tag(ctx, host);
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
	sfsistat result = plain(ctx, "close");

	closed_context = ctx;
	set_tag(ctx, NULL);
	return result;
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
