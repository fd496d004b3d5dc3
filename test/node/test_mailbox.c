#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mailbox.h"
#include "node/tree.h"

static struct tree t;
static struct unit *root, *kid, *other;
static uint64_t number;

static void plant(void)
{
	tree_init(&t);
	root = tree_add_service(&t, "web", 0);
	kid = tree_add_child(&t, root);
	other = tree_add_child(&t, root);
	number = 0;
}

static void fell(void)
{
	tree_clear(&t);
}

TestSuite(node_mailbox, .init = plant, .fini = fell);

static struct message *make(const struct unit *from, const char *body, size_t n)
{
	struct err err;
	struct message *m = message_new(root, "web/x", body, n, &err);

	cr_assert(m, "%s", err.msg);
	m->from = from ? from->id : 0;
	m->number = ++number;
	m->to = root;
	return m;
}

static struct message *small(const struct unit *from)
{
	return make(from, "x", 1);
}

static const struct filter all = { .kinds = MESSAGE_MSG | MESSAGE_CALL | MESSAGE_EXIT };

static struct message *take(void)
{
	struct pick p;

	if (!mailbox_pick(root, &all, &p) || !p.m)
		return NULL;
	mailbox_remove(&root->box, p.m);
	return p.m;
}

Test(node_mailbox, it_holds_1024_messages_and_the_next_waits_until_one_is_gone)
{
	struct message *last = NULL;

	for (int i = 0; i < CAP_MAILBOX; i++)
		cr_assert(mailbox_send(&root->box, small(kid)));
	cr_assert_not(mailbox_send(&root->box, last = small(kid)));
	cr_assert_null(mailbox_let_in(&root->box));
	message_free(take());
	cr_assert_eq(mailbox_let_in(&root->box), last);
	cr_assert_eq(root->box.n, (unsigned)CAP_MAILBOX);
}

Test(node_mailbox, it_holds_4_mib_of_bodies_and_not_a_byte_more)
{
	char *body = calloc(1, CAP_BODY);

	for (int i = 0; i < CAP_MAILBOX_BYTES / CAP_BODY; i++)
		cr_assert(mailbox_send(&root->box, make(kid, body, CAP_BODY)));
	cr_assert(mailbox_send(&root->box, make(kid, NULL, 0)), "what is empty takes no room");
	cr_assert_not(mailbox_send(&root->box, small(kid)));
	free(body);
}

Test(node_mailbox, a_body_of_1_mib_is_taken_and_a_byte_more_refused)
{
	char *body = calloc(1, CAP_BODY + 1);
	struct err err;

	message_free(make(kid, body, CAP_BODY));
	cr_assert_null(message_new(root, "web", body, CAP_BODY + 1, &err));
	cr_assert_eq(err.code, ERR_TOO_LARGE);
	free(body);
}

Test(node_mailbox, who_waits_is_let_in_in_order_even_where_a_later_one_would_fit)
{
	char *body = calloc(1, CAP_BODY);
	struct message *big = NULL, *little = NULL;

	for (int i = 0; i < CAP_MAILBOX_BYTES / CAP_BODY; i++)
		mailbox_send(&root->box, make(kid, body, i ? CAP_BODY : CAP_BODY - 1));
	cr_assert_not(mailbox_send(&root->box, big = make(kid, body, CAP_BODY)));
	cr_assert_not(mailbox_send(&root->box, little = small(other)), "a byte would fit");
	cr_assert_null(mailbox_let_in(&root->box));
	message_free(take());
	cr_assert_eq(mailbox_let_in(&root->box), big);
	message_free(take());
	cr_assert_eq(mailbox_let_in(&root->box), little);
	free(body);
}

Test(node_mailbox, what_one_sender_sent_comes_first_in_first_out)
{
	char text[8];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "%d", i);
		mailbox_send(&root->box, make(i % 3 ? kid : other, text, strlen(text)));
	}
	for (int i = 0; i < 100; i++) {
		struct message *m = take();
		snprintf(text, sizeof text, "%d", i);
		cr_assert_eq(m->n, strlen(text));
		cr_assert_eq(memcmp(message_body(m), text, m->n), 0);
		message_free(m);
	}
	cr_assert_null(take());
}

Test(node_mailbox, what_is_held_is_passed_over_and_is_the_first_again_when_let_go)
{
	struct message *a = small(kid), *b = small(kid);
	struct pick p;

	mailbox_send(&root->box, a);
	mailbox_send(&root->box, b);
	a->holder = &p;
	cr_assert(mailbox_pick(root, &all, &p));
	cr_assert_eq(p.m, b);
	a->holder = NULL;
	cr_assert(mailbox_pick(root, &all, &p));
	cr_assert_eq(p.m, a);
}

Test(node_mailbox, filters_take_kinds_and_a_sender)
{
	struct message *m = small(kid), *call = small(other), *own = small(NULL);
	struct pick p;

	call->kind = MESSAGE_CALL;
	mailbox_send(&root->box, m);
	mailbox_send(&root->box, call);
	mailbox_send(&root->box, own);
	cr_assert(mailbox_pick(root, &(struct filter){ .kinds = MESSAGE_CALL }, &p));
	cr_assert_eq(p.m, call);
	cr_assert(mailbox_pick(root,
		&(struct filter){ .kinds = all.kinds, .has_from = true, .from = other->id }, &p));
	cr_assert_eq(p.m, call);
	cr_assert(mailbox_pick(root, &(struct filter){ .kinds = all.kinds, .has_from = true }, &p));
	cr_assert_eq(p.m, own, "0 is an operator");
	cr_assert_not(mailbox_pick(root, &(struct filter){ .kinds = MESSAGE_EXIT }, &p));
}

Test(node_mailbox, an_exit_notice_comes_behind_what_the_child_sent_and_before_what_came_later)
{
	struct pick p;

	mailbox_send(&root->box, small(kid));
	notice_due(kid, ++number);
	mailbox_send(&root->box, small(other));
	struct message *first = take();
	cr_assert_not_null(first, "what it sent comes before");
	message_free(first);
	cr_assert(mailbox_pick(root, &all, &p));
	cr_assert_eq(p.child, kid);
	kid->notice_held = true;
	cr_assert(mailbox_pick(root, &all, &p));
	cr_assert(p.m, "while it is held the next may be taken");
}

Test(node_mailbox, a_full_mailbox_loses_no_notice)
{
	struct pick p;

	for (int i = 0; i <= CAP_MAILBOX; i++)
		mailbox_send(&root->box, small(other));
	notice_due(kid, ++number);
	cr_assert(mailbox_pick(root, &(struct filter){ .kinds = MESSAGE_EXIT }, &p));
	cr_assert_eq(p.child, kid);
}

Test(node_mailbox, a_notice_is_made_once_and_collecting_it_frees_the_result)
{
	struct pick p;

	notice_due(kid, ++number);
	notice_due(kid, ++number);
	cr_assert_eq(kid->notice_number, 1U);
	tree_end(&t, kid);
	cr_assert_eq(root->kept, 1U);
	cr_assert(notice_taken(kid));
	tree_forget(&t, kid);
	cr_assert_eq(root->kept, 0U);
	cr_assert_not(mailbox_pick(root, &all, &p));
}

Test(node_mailbox, a_survivor_s_notice_may_be_collected_before_its_end_which_then_leaves_nothing)
{
	uint64_t id = kid->id;

	notice_due(kid, ++number);
	cr_assert_not(notice_taken(kid));
	tree_end(&t, kid);
	cr_assert_null(tree_by_id(&t, id));
	cr_assert_eq(root->kept, 0U);
}

Test(node_mailbox, a_result_that_went_takes_its_notice_along_but_not_one_that_is_held)
{
	for (int i = 0; i < CAP_RESULTS_MIN + 2; i++) {
		struct unit *u = tree_add_child(&t, root);
		u->exit.ended_ns = i;
		notice_due(u, ++number);
		u->notice_held = i == 0;
		tree_end(&t, u);
	}
	cr_assert_eq(root->lost, 2U);
	struct unit *first = list_entry(root->notices.next, struct unit, notice);
	cr_assert(first->notice_held);
	struct unit *next = list_entry(first->notice.next, struct unit, notice);
	cr_assert_eq(next->exit.ended_ns, 3, "the two after it are gone");
}

Test(node_mailbox, what_is_in_it_counts_to_the_tree_until_it_is_freed)
{
	struct message *m = make(kid, "hello", 5);

	cr_assert_gt(root->keeps, sizeof *m);
	message_uncharge(m);
	cr_assert_eq(root->keeps, 0U);
	message_free(m);
	mailbox_send(&root->box, small(kid));
	mailbox_done(&root->box);
	cr_assert_eq(root->keeps, 0U);
}

Test(node_mailbox, types_are_words_with_commas)
{
	unsigned kinds;
	struct err err;

	cr_assert_eq(message_kinds_parse("msg,exit", &kinds, &err), 0);
	cr_assert_eq(kinds, (unsigned)(MESSAGE_MSG | MESSAGE_EXIT));
	cr_assert_eq(message_kinds_parse("call", &kinds, &err), 0);
	cr_assert_eq(kinds, (unsigned)MESSAGE_CALL);
	for (const char *const *w =
			(const char *const[]){ "", "msg,", ",msg", "reply", "msgs", NULL };
		*w; w++)
		cr_expect_eq(message_kinds_parse(*w, &kinds, &err), -1, "%s", *w);
}

Test(node_mailbox, a_message_that_goes_to_another_tree_counts_there_as_far_as_there_is_room)
{
	struct unit a = { .root = &a }, b = { .root = &b };
	struct err err;
	struct message *m = message_new(&a, "x", "body", 4, &err);

	size_t size = a.keeps;
	message_recharge(m, &b);
	cr_expect(a.keeps == 0 && b.keeps == size);
	a.keeps = CAP_KEPT - size;
	message_recharge(m, &a);
	cr_expect(b.keeps == 0 && a.keeps == CAP_KEPT);
	b.keeps = CAP_KEPT - size + 1;
	message_recharge(m, &b);
	cr_expect(b.keeps == CAP_KEPT - size + 1 && a.keeps == CAP_KEPT - size, "to none");
	message_free(m);
	cr_expect_eq(b.keeps, CAP_KEPT - size + 1);
}
