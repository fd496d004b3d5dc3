# the file's own macros get other names, and small.h is included behind them
s/^#define (CACHE|SKIP|SKIP_LINE|READ|READ_LINE|PEEK_TOKEN|SKIP_TOKEN)\(/#define \1_INLINE(/
/^YAML_DECLARE\(int\)/i\
#include "small.h"
