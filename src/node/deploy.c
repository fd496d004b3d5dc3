#include "node/deploy.h"

/* Whatever goes wrong before LEAVE costs the candidate, and never the old one. */
// clang-format off
static const unsigned char table[ROLL_STEP_COUNT][ROLL_NEWS_COUNT] = {
	/*               not yet     good        bad         off */
	[ROLL_WAIT]  = { ROLL_WAIT,  ROLL_RISE,  ROLL_OVER,  ROLL_OVER },
	[ROLL_RISE]  = { ROLL_RISE,  ROLL_SWITCH, ROLL_DROP, ROLL_DROP },
	[ROLL_SWITCH] = { ROLL_SWITCH, ROLL_VERIFY, ROLL_BACK, ROLL_BACK },
	[ROLL_VERIFY] = { ROLL_VERIFY, ROLL_GRACE, ROLL_BACK, ROLL_BACK },
	[ROLL_GRACE] = { ROLL_GRACE, ROLL_LEAVE, ROLL_BACK,  ROLL_BACK },
	[ROLL_LEAVE] = { ROLL_LEAVE, ROLL_OVER,  ROLL_STUCK, ROLL_LEAVE },
	[ROLL_BACK]  = { ROLL_BACK,  ROLL_DROP,  ROLL_DROP,  ROLL_DROP },
	[ROLL_DROP]  = { ROLL_DROP,  ROLL_OVER,  ROLL_STUCK, ROLL_DROP },
	[ROLL_STUCK] = { ROLL_STUCK, ROLL_OVER,  ROLL_STUCK, ROLL_STUCK },
	[ROLL_OVER]  = { ROLL_OVER,  ROLL_OVER,  ROLL_OVER,  ROLL_OVER },
};
// clang-format on

enum roll_step roll_next(enum roll_step step, enum roll_news news)
{
	if ((unsigned)step >= ROLL_STEP_COUNT || (unsigned)news >= ROLL_NEWS_COUNT)
		return ROLL_OVER;
	return table[step][news];
}
