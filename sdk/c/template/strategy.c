#include "menagerie.h"

// Replace this by your own routing: a view in, a decision out. This one runs every agent once, in turn.
STRATEGY(view, decision, failure) {
  (void)failure;
  decide(decision);
  for (size_t at = 0; at < view->steps.len; at++)
    if (IS(view->steps.ptr[at].status, "failed")) return end(decision, "failed", "a step failed"), true;
  for (size_t at = 0; at < view->agents.len; at++)
    if (view->agents.ptr[at].completed + view->agents.ptr[at].skipped == 0)
      return start(decision, view, view->agents.ptr[at].name), true;
  end(decision, "completed", "every agent has run");
  return true;
}
