/*
 * Faults that are planted in libmilter, to show that the comparison finds them: LD_PRELOAD, and PLANT chooses one.
 *
 *     cc -O2 -Wall -Wextra -fPIC -shared -o plant.so plant.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfapi.h>

static bool is_planted(const char *name)
{
	const char *chosen = getenv("PLANT");

	return chosen != NULL && strcmp(chosen, name) == 0;
}

/* The function of the library itself. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int smfi_setreply(SMFICTX *ctx, char *code, char *enhanced, char *text)
{
	/* A class that must be refused. */
	if (is_planted("reply-class") && code != NULL && strcmp(code, "250") == 0)
		return MI_SUCCESS;
	/* A text that is cut. */
	if (is_planted("reply-text") && text != NULL && strlen(text) == 980)
		text++;
	return REAL(smfi_setreply)(ctx, code, enhanced, text);
}

char *smfi_getsymval(SMFICTX *ctx, char *name)
{
	/* A macro that is lost. */
	if (is_planted("macro") && name != NULL && strcmp(name, "{mail_addr}") == 0)
		return NULL;
	return REAL(smfi_getsymval)(ctx, name);
}

int smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	/* An index that is refused. */
	if (is_planted("index") && index == 65536)
		return MI_FAILURE;
	return REAL(smfi_chgheader)(ctx, name, index, value);
}

int smfi_progress(SMFICTX *ctx)
{
	/* A frame that is not written. */
	if (is_planted("progress"))
		return ctx == NULL ? MI_FAILURE : MI_SUCCESS;
	return REAL(smfi_progress)(ctx);
}

int smfi_setsymlist(SMFICTX *ctx, int where, char *macros)
{
	/* A list for the wrong stage. */
	if (is_planted("list"))
		where = where == SMFIM_EOH ? SMFIM_EOM : where;
	return REAL(smfi_setsymlist)(ctx, where, macros);
}

int smfi_setconn(char *text)
{
	/* A crash. */
	if (is_planted("crash") && text != NULL && *text == '\0')
		abort();
	return REAL(smfi_setconn)(text);
}

int smfi_stop(void)
{
	/* A stop that stops nothing. */
	if (is_planted("stop"))
		return MI_SUCCESS;
	return REAL(smfi_stop)();
}

int smfi_addrcpt(SMFICTX *ctx, char *address)
{
	/* One byte of a frame. */
	if (is_planted("byte") && address != NULL && strcmp(address, "<a@example.org>") == 0)
		address = "<A@example.org>";
	return REAL(smfi_addrcpt)(ctx, address);
}
