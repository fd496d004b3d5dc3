/* types.h - kinds of scalars that only the manifest has. Layer: manifest. */
#ifndef MANIFEST_TYPES_H
#define MANIFEST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each parser: 0, or -1 and *why a static phrase for the message, as in base/units.h. */

/* The YAML 1.1 words: y yes on true, n no off false; lower case, capitalised, upper case. */
int type_bool(const char *s, bool *ret, const char **why);
/* Decimal with an optional sign; no hexadecimal, octal, fractions, underscores, leading zeros. */
int type_int(const char *s, int64_t min, int64_t max, int64_t *ret, const char **why);
/* Permission bits in octal: 0660, 660, 0o660. */
int type_mode(const char *s, unsigned *ret, const char **why);
/* 0..100, with or without a percent sign. */
int type_percent(const char *s, int *ret, const char **why);
/* A user or group, as a name or a decimal id. */
int type_account(const char *s, const char **why);
/* "host:port". host_len: bytes of the host at *ret_host (without brackets): an IPv4 address, an IPv6
 * one, or a name. */
int type_hostport(const char *s, const char **ret_host, size_t *ret_host_len, int *ret_port,
	const char **why);
/* Such a host has to be looked up: it is no address, and not localhost. */
bool type_host_is_name(const char *host);

#endif
