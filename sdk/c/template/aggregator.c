#include "menagerie.h"

// Replace this by your own joining: results in, one output out. This one lists what has completed.
AGGREGATOR(members, config, outcome, failure) {
  (void)config;
  buffer_t json = {0};
  put(&json, "{\"outputs\":[");
  size_t completed = 0;
  for (size_t at = 0; at < members->len; at++) {
    if (!IS(members->ptr[at].status, "completed") || !members->ptr[at].output.is_some) continue;
    if (completed++ > 0) put(&json, ",");
    text_t output = members->ptr[at].output.val;
    put_bytes(&json, output.ptr, output.len);
  }
  put(&json, "]}");
  return completed > 0 ? answer(outcome, text_of(&json)) : fault(failure, "permanent", "no member has completed");
}
