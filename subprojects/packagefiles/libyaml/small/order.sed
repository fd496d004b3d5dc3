# of the parser's struct, what is looked at on errors and when more is read comes last: the rest is near enough for short instructions
/^typedef struct yaml_parser_s/,/^} yaml_parser_t/ {
	/^    yaml_error_type_t error;/,/^    yaml_mark_t context_mark;/ { H; d }
	/^    yaml_read_handler_t \*read_handler;/,/^    } input;/ { H; d }
	/\/\*\* The raw buffer. \*\//,/^    } raw_buffer;/ { H; d }
	/^} yaml_parser_t/ { x; G }
}
