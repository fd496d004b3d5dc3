/* ip.h - numeric addresses of IPv4 and IPv6. Layer: base (pure). */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>

struct ip {
	unsigned len;            /* of bytes: 4 or 16 */
	unsigned char bytes[16]; /* as they go over the network */
	unsigned zone;           /* the interface that a link-local one is at; 0: none is said */
};

/* The whole of the n bytes, as inet_pton() has it, without a zone: four decimal numbers without leading zeros, or the groups of RFC 4291. */
bool ip_parse(const char *text, size_t n, struct ip *ret);

#endif
