/* runmark.h - which marks a run gave out, as its runtime directory has it in sysg.marks. Layer: os. */
#ifndef OS_RUNMARK_H
#define OS_RUNMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/mark.h"

/* "BOOT-ID PID-NAMESPACE MARK": a mark means something in one boot and one namespace only. */
enum { RUNMARK_TEXT = 256 };
void runmark_print(char text[static RUNMARK_TEXT], uint64_t base);
/* The range that the file records. *ret_here: in this boot and this namespace. */
bool runmark_read(const char *path, struct mark_range *ret, bool *ret_here);
/* How many processes wear marks of the range. */
unsigned runmark_wearers(const struct mark_range *range);

#endif
