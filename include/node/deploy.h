/* deploy.h - the steps in which one instance of a service takes another's place. Layer: node (pure). */
#ifndef NODE_DEPLOY_H
#define NODE_DEPLOY_H

/* X(NAME): what is under way. Two instances live from RISE on, at most. */
// clang-format off
#define ROLL_STEPS(X)                                                            \
	X(WAIT)   /* its turn, and what it depends on */                         \
	X(RISE)   /* the candidate comes up; the old one serves */               \
	X(SWITCH) /* the command that leads over to it runs, where there is one */ \
	X(VERIFY) /* whether that is so is asked, where that is wanted */        \
	X(GRACE)  /* both run */                                                 \
	X(LEAVE)  /* the candidate has the name; the old one is being stopped */ \
	X(BACK)   /* what was switched is switched back */                       \
	X(DROP)   /* the candidate is being stopped; the old one stays */        \
	X(STUCK)  /* what had to go can't be killed; that was told */            \
	X(OVER)
// clang-format on

enum roll_step {
#define X(name) ROLL_##name,
	ROLL_STEPS(X)
#undef X
		ROLL_STEP_COUNT,
};

/* What came of a step. OFF: the service is not to run any more, or not now. */
enum roll_news { ROLL_NOT_YET, ROLL_GOOD, ROLL_BAD, ROLL_OFF, ROLL_NEWS_COUNT };

/* The only definition of what follows. Anything out of range is OVER. */
enum roll_step roll_next(enum roll_step step, enum roll_news news);

#endif
