#include <criterion/criterion.h>

#include "base/list.h"
#include "base/numbers.h"

enum { MANY = 1000 };

struct thing {
	int place;
	struct numbered by_number;
};

static int place_of(const struct numbered *e)
{
	return e ? container_of(e, struct thing, by_number)->place : -1;
}

Test(numbers, each_is_found_by_its_number_until_it_is_deleted)
{
	static struct thing v[MANY];
	struct numbers x = { 0 };

	cr_expect_null(numbers_find(&x, 0));
	for (int i = 0; i < MANY; i++) {
		v[i].place = i;
		numbers_add(&x, &v[i].by_number, (uint64_t)i * 7);
	}
	for (int i = 0; i < MANY; i++)
		cr_expect_eq(place_of(numbers_find(&x, (uint64_t)i * 7)), i);
	cr_expect_null(numbers_find(&x, 1));
	for (int i = 0; i < MANY; i += 2)
		numbers_del(&x, &v[i].by_number);
	for (int i = 0; i < MANY; i++)
		cr_expect_eq(place_of(numbers_find(&x, (uint64_t)i * 7)), i % 2 ? i : -1);
	for (int i = 1; i < MANY; i += 2)
		numbers_del(&x, &v[i].by_number);
	cr_expect_eq(x.n, 0);
	cr_expect_null(x.heads, "memory of an empty one is given back");
}

Test(numbers, those_of_one_number_are_all_found)
{
	struct thing v[3] = { { 1, { 0 } }, { 2, { 0 } }, { 4, { 0 } } };
	struct numbers x = { 0 };
	int sum = 0;

	numbers_add(&x, &v[0].by_number, 5);
	numbers_add(&x, &v[1].by_number, 69);
	numbers_add(&x, &v[2].by_number, 5);
	for (struct numbered *e = numbers_find(&x, 5); e; e = numbers_next(e))
		sum += place_of(e);
	cr_expect_eq(sum, 5);
	numbers_del(&x, &v[0].by_number);
	numbers_del(&x, &v[0].by_number); /* not in it any more: nothing is changed */
	cr_expect_eq(place_of(numbers_find(&x, 5)), 4);
	cr_expect_eq(x.n, 2);
	for (int i = 1; i < 3; i++)
		numbers_del(&x, &v[i].by_number);
}

Test(numbers, without_heads_they_are_found_too)
{
	struct thing v[2] = { { 1, { 0 } }, { 2, { 0 } } };
	struct numbers x = { .one = &v[0].by_number,
		.n = 1 }; /* as after an add that got no memory */

	v[0].by_number.number = 3;
	cr_expect_eq(place_of(numbers_find(&x, 3)), 1);
	x.n = x.cap;
	numbers_add(&x, &v[1].by_number, 4);
	cr_expect_eq(
		place_of(numbers_find(&x, 3)), 1, "and moved to the heads once there are some");
	cr_expect_eq(place_of(numbers_find(&x, 4)), 2);
	numbers_del(&x, &v[1].by_number);
}
