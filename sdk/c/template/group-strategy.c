#include "menagerie.h"

// Replace this by your own routing: a view in, a decision out. This one runs every pipeline once, side by side.
GROUP_STRATEGY(view, decision, failure) {
  (void)failure;
  decide(decision);
  for (size_t at = 0; at < view->pipelines.len; at++)
    if (IS(view->pipelines.ptr[at].status, "idle")) start(decision, view, view->pipelines.ptr[at].pipeline_id);
  if (decision->start.len == 0) end(decision, "completed", "every pipeline has run");
  return true;
}
