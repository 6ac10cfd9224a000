#include "menagerie.h"

// Replace this by your own judgement: results that differ in, a verdict out. This one trusts the surest.
ARBITER(members, differences, config, verdict, failure) {
  (void)differences, (void)config;
  const text_t *surest = NULL;
  double most = -1;
  for (size_t at = 0; at < members->len; at++) {
    double sure = members->ptr[at].confidence.is_some ? members->ptr[at].confidence.val : 0;
    if (!IS(members->ptr[at].status, "completed") || sure <= most) continue;
    surest = &members->ptr[at].member;
    most = sure;
  }
  return surest != NULL ? choose(verdict, *surest, "the surest") : fault(failure, "permanent", "no member has completed");
}
