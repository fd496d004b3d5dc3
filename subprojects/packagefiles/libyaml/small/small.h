/* Functions of what the macros of the scanner and the parser unfold to, in their place: half of their size. What they do is
 * still said by libyaml alone. By macros.sed the two files' own macros are X_INLINE, and this is included behind them. */
#ifndef SMALL_H
#define SMALL_H

#define SMALL static __attribute__((noinline, unused))

/* --- what is at a place --- */

#define IS(name, MACRO)                                                                            \
	SMALL int name(yaml_char_t *at)                                                            \
	{                                                                                          \
		const yaml_string_t string = { .pointer = at };                                    \
		return MACRO(string, 0);                                                           \
	}

IS(small_is_alpha, IS_ALPHA_AT)
IS(small_is_hex, IS_HEX_AT)
IS(small_as_hex, AS_HEX_AT)
IS(small_is_break, IS_BREAK_AT)
IS(small_is_breakz, IS_BREAKZ_AT)
IS(small_is_blankz, IS_BLANKZ_AT)
IS(small_width, WIDTH_AT)

#undef IS_ALPHA_AT
#undef IS_HEX_AT
#undef AS_HEX_AT
#undef IS_BREAK_AT
#undef IS_BREAKZ_AT
#undef IS_BLANKZ_AT
#undef WIDTH_AT
#define IS_ALPHA_AT(string, offset)  small_is_alpha((string).pointer + (offset))
#define IS_HEX_AT(string, offset)    small_is_hex((string).pointer + (offset))
#define AS_HEX_AT(string, offset)    small_as_hex((string).pointer + (offset))
#define IS_BREAK_AT(string, offset)  small_is_break((string).pointer + (offset))
#define IS_BREAKZ_AT(string, offset) small_is_breakz((string).pointer + (offset))
#define IS_BLANKZ_AT(string, offset) small_is_blankz((string).pointer + (offset))
#define WIDTH_AT(string, offset)     small_width((string).pointer + (offset))

/* --- strings that grow --- */

SMALL int small_init(yaml_parser_t *parser, yaml_string_t *string)
{
	return STRING_INIT(parser, *string, INITIAL_STRING_SIZE);
}
SMALL int small_extend(yaml_parser_t *parser, yaml_string_t *string)
{
	return STRING_EXTEND(parser, *string);
}
SMALL int small_join(yaml_parser_t *parser, yaml_string_t *a, yaml_string_t *b)
{
	return JOIN(parser, *a, *b);
}
SMALL void small_clear(yaml_string_t *string)
{
	(void)CLEAR(parser, *string);
}
SMALL void small_del(yaml_string_t *string)
{
	(void)STRING_DEL(parser, *string);
}

#undef STRING_INIT
#undef STRING_EXTEND
#undef JOIN
#undef CLEAR
#undef STRING_DEL
#define STRING_INIT(context, string, size) small_init(context, &(string)) /* the size is the same at each use */
#define STRING_EXTEND(context, string)     small_extend(context, &(string))
#define JOIN(context, a, b)                small_join(context, &(a), &(b))
#define CLEAR(context, string)             small_clear(&(string))
#define STRING_DEL(context, string)        small_del(&(string))

/* --- stacks and queues --- */

/* Each stack is three pointers in this order. */
struct small_stack {
	void *start, *end, *top;
};

SMALL int small_room(yaml_parser_t *parser, void *at)
{
	struct small_stack *stack = at;

	if (stack->top != stack->end || yaml_stack_extend(&stack->start, &stack->top, &stack->end))
		return 1;
	parser->error = YAML_MEMORY_ERROR;
	return 0;
}
SMALL int small_enqueue(yaml_parser_t *parser, const yaml_token_t *token)
{
	return ENQUEUE(parser, parser->tokens, *token);
}

#undef PUSH
#undef ENQUEUE
#define PUSH(context, stack, value)    (small_room(context, &(stack)) ? (*(stack).top++ = value, 1) : 0)
#define ENQUEUE(context, queue, value) small_enqueue(context, &(value)) /* there is only one queue */

/* --- going on --- */

#ifdef SKIP_INLINE
SMALL int CACHE(yaml_parser_t *parser, size_t length)
{
	return CACHE_INLINE(parser, length);
}
SMALL void SKIP(yaml_parser_t *parser)
{
	(void)SKIP_INLINE(parser);
}
SMALL void SKIP_LINE(yaml_parser_t *parser)
{
	(void)SKIP_LINE_INLINE(parser);
}
SMALL int small_read(yaml_parser_t *parser, yaml_string_t *string)
{
	return READ_INLINE(parser, *string);
}
SMALL int small_read_line(yaml_parser_t *parser, yaml_string_t *string)
{
	return READ_LINE_INLINE(parser, *string);
}
#define READ(parser, string)      small_read(parser, &(string))
#define READ_LINE(parser, string) small_read_line(parser, &(string))
#else
SMALL yaml_token_t *PEEK_TOKEN(yaml_parser_t *parser)
{
	return PEEK_TOKEN_INLINE(parser);
}
SMALL void SKIP_TOKEN(yaml_parser_t *parser)
{
	(void)SKIP_TOKEN_INLINE(parser);
}
#endif

#endif
