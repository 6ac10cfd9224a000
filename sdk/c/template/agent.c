#include "menagerie.h"

// Replace this by your own work: a task in, an answer or a fault out. This one counts words.
AGENT(task, outcome, failure) {
  text_t value;
  buffer_t text = {0}, json = {0};
  if (!json_member(task->input, "text", &value) || !json_text(value, &text))
    return fault(failure, "invalid-input", "`text` has to be a string");

  uint64_t words = 0;
  bool within = false;
  for (size_t at = 0; at < text.len; at++) {
    bool space = text.ptr[at] == ' ' || text.ptr[at] == '\n' || text.ptr[at] == '\t';
    words += !space && !within;
    within = !space;
  }
  log_info("counted");
  put(&json, "{\"words\":");
  put_number(&json, words);
  put(&json, "}");
  return answer(outcome, text_of(&json));
}
