/* A filter on libmilter: libmilter PATH WORKLOAD. Its replies are those of the script. */

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

static sfsistat on_header_reply = SMFIS_CONTINUE;

static sfsistat negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long r2,
                          unsigned long r3, unsigned long *wanted_actions, unsigned long *wanted_steps,
                          unsigned long *w2, unsigned long *w3)
{
    (void)ctx, (void)actions, (void)steps, (void)r2, (void)r3;
    *wanted_actions = SMFIF_ADDHDRS | SMFIF_CHGHDRS;
    *wanted_steps = on_header_reply == SMFIS_NOREPLY ? SMFIP_NR_HDR : 0;
    *w2 = *w3 = 0;
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)ctx, (void)host, (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    (void)ctx, (void)name;
    return SMFIS_CONTINUE;
}

static sfsistat on_address(SMFICTX *ctx, char **words)
{
    (void)ctx, (void)words;
    return SMFIS_CONTINUE;
}

static sfsistat on_bare(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx, (void)name, (void)value;
    return on_header_reply;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *chunk, size_t length)
{
    (void)ctx, (void)chunk, (void)length;
    return SMFIS_CONTINUE;
}

static sfsistat on_end(SMFICTX *ctx)
{
    if (smfi_addheader(ctx, "Authentication-Results", "mx.example.org; dkim=pass header.d=example.com") ==
            MI_SUCCESS &&
        smfi_addheader(ctx, "X-Spam-Status", "No, score=-12.1 required=5.0 tests=BAYES_000,DKIM_VALID") ==
            MI_SUCCESS &&
        smfi_chgheader(ctx, "Subject", 1,
                       "[committee] Minutes of the meeting of the budget committee, November") == MI_SUCCESS)
        return SMFIS_ACCEPT;
    return SMFIS_TEMPFAIL;
}

int main(int argc, char **argv)
{
    char place[512];
    struct smfiDesc filter = {
        .xxfi_name = "libmilter",
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_address,
        .xxfi_envrcpt = on_address,
        .xxfi_header = on_header,
        .xxfi_eoh = on_bare,
        .xxfi_body = on_body,
        .xxfi_eom = on_end,
        .xxfi_data = on_bare,
        .xxfi_negotiate = negotiate,
    };

    if (argc != 3) {
        fprintf(stderr, "usage: %s PATH WORKLOAD\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[2], "W3nr") == 0)
        on_header_reply = SMFIS_NOREPLY;
    snprintf(place, sizeof place, "unix:%s", argv[1]);
    if (smfi_setconn(place) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS)
        return 1;
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
