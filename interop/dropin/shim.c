/*
 * smfi_setmlreply takes any number of arguments, which Rust cannot define. It puts them into a list.
 */
#include <stdarg.h>
#include <stddef.h>

/* One more than a reply may have: the other side refuses it. */
enum { MOST = 33 };

int milter_dropin_setmlreply(void *ctx, const char *code, const char *enhanced, const char *const *lines, size_t count);
int smfi_setmlreply(void *ctx, const char *code, const char *enhanced, ...);

int smfi_setmlreply(void *ctx, const char *code, const char *enhanced, ...)
{
	const char *lines[MOST];
	size_t count = 0;
	va_list arguments;

	va_start(arguments, enhanced);
	while (count < MOST && (lines[count] = va_arg(arguments, const char *)) != NULL)
		count++;
	va_end(arguments);
	return milter_dropin_setmlreply(ctx, code, enhanced, lines, count);
}
