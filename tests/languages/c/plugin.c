// The guest of ../cases.toml in C.
#include "menagerie.h"

static bool value_of(outcome_t *outcome, text_t json) {
  buffer_t answered = {0};
  put(&answered, "{\"value\":");
  put_bytes(&answered, json.ptr, json.len);
  put(&answered, "}");
  return answer(outcome, text_of(&answered));
}

static bool words(outcome_t *outcome, const char *json) {
  return value_of(outcome, (text_t){(uint8_t *)json, strlen(json)});
}

static void put_pair(buffer_t *to, text_t one, text_t two) {
  put(to, "[");
  put_string(to, one);
  put(to, ",");
  put_string(to, two);
}

static bool random_numbers(outcome_t *outcome) {
  double drawn[3];
  bool within = true;
  for (int at = 0; at < 3; at++) {
    drawn[at] = at < 2 ? menagerie_plugin_random_next_f64() : menagerie_plugin_random_next_u32() / 4294967296.0;
    within = within && drawn[at] >= 0 && drawn[at] < 1;
  }
  plugin_list_u8_t bytes;
  menagerie_plugin_random_bytes(8, &bytes);
  bool unlike = drawn[0] != drawn[1] && drawn[1] != drawn[2];
  return within && unlike && bytes.len == 8 ? words(outcome, "[true,true,true]") : words(outcome, "false");
}

static bool invocation(outcome_t *outcome) {
  text_t run, step, name;
  menagerie_plugin_invocation_run(&run);
  menagerie_plugin_invocation_step(&step);
  menagerie_plugin_invocation_name(&name);
  buffer_t json = {0};
  put_pair(&json, run, step);
  put(&json, ",");
  put_string(&json, name);
  put(&json, ",");
  put_number(&json, menagerie_plugin_invocation_attempt());
  put(&json, "]");
  return value_of(outcome, text_of(&json));
}

static bool hints(outcome_t *outcome) {
  menagerie_plugin_invocation_list_tuple2_string_json_t list;
  menagerie_plugin_invocation_hints(&list);
  buffer_t json = {0};
  put(&json, "{");
  for (size_t at = 0; at < list.len; at++) {
    if (at > 0) put(&json, ",");
    put_string(&json, list.ptr[at].f0);
    put(&json, ":");
    put_bytes(&json, list.ptr[at].f1.ptr, list.ptr[at].f1.len);
  }
  put(&json, "}");
  return value_of(outcome, text_of(&json));
}

static bool context(outcome_t *outcome, fault_t *failure) {
  text_t before = text_from("before"), now = text_from("now"), never = text_from("never"), kept = text_from("{\"n\":2}");
  text_t was, is, nothing, refused;
  if (!menagerie_plugin_invocation_context_put(&now, &kept, &refused)) return fault(failure, "permanent", "it was not kept");
  if (!menagerie_plugin_invocation_context_get(&before, &was) || !menagerie_plugin_invocation_context_get(&now, &is))
    return fault(failure, "permanent", "what was kept is not there");
  buffer_t json = {0};
  put(&json, "[");
  put_bytes(&json, was.ptr, was.len);
  put(&json, ",");
  put_bytes(&json, is.ptr, is.len);
  put(&json, menagerie_plugin_invocation_context_get(&never, &nothing) ? ",false]" : ",true]");
  return value_of(outcome, text_of(&json));
}

static bool last(outcome_t *outcome, fault_t *failure) {
  menagerie_plugin_invocation_fault_t before;
  if (!menagerie_plugin_invocation_last_fault(&before)) return fault(failure, "permanent", "there was no fault");
  buffer_t json = {0};
  put_pair(&json, before.code, before.message);
  put(&json, ",");
  put_number(&json, menagerie_plugin_invocation_attempt());
  put(&json, "]");
  return value_of(outcome, text_of(&json));
}

static bool limits(outcome_t *outcome) {
  double before = menagerie_plugin_invocation_fuel_left();
  bool within = menagerie_plugin_invocation_deadline_ms() > 0;
  return words(outcome, within && before > menagerie_plugin_invocation_fuel_left() ? "[true,true]" : "false");
}

static bool progress(outcome_t *outcome) {
  text_t note = text_from("half of it"), piece = text_from("a piece");
  menagerie_plugin_progress_fraction(0.5);
  menagerie_plugin_progress_note(&note);
  menagerie_plugin_progress_chunk(&piece);
  return words(outcome, "\"shown\"");
}

COMPENSATE(task, outcome, failure) {
  text_t value, made;
  buffer_t what = {0}, thing = {0}, line = {0};
  if (!json_member(outcome->output, "made", &made) || !json_text(made, &thing))
    return fault(failure, "permanent", "there is nothing to undo");
  if (json_member(task->input, "value", &value)) json_text(value, &what);
  put(&line, "undid ");
  put_bytes(&line, what.ptr, what.len);
  put(&line, ": ");
  put_bytes(&line, thing.ptr, thing.len);
  put(&line, outcome->confidence.is_some && outcome->confidence.val == 0.25 ? ", sure, " : ", unsure, ");
  put_number(&line, outcome->attachments.len);
  put_bytes(&line, "", 1);
  log_info((const char *)line.ptr);
  return true;
}

CHECK(config, agents, problems) {
  text_t least, needs;
  buffer_t name = {0};
  if (json_member(*config, "least", &least) && least.ptr[0] == '"') problem(problems, "/least", "expected a number");
  if (!json_member(*config, "needs", &needs) || !json_text(needs, &name)) return;
  bool found = false;
  for (size_t at = 0; at < agents->len; at++)
    found = found || (agents->ptr[at].len == name.len && memcmp(agents->ptr[at].ptr, name.ptr, name.len) == 0);
  if (!found) problem(problems, "/needs", "expected an agent of the flow");
}

AGENT(task, outcome, failure) {
  text_t value = text_from("null"), asked;
  buffer_t what = {0}, text = {0};
  json_member(task->input, "value", &value);
  if (!json_member(task->input, "do", &asked) || !json_text(asked, &what)) what.len = 0;
  text_t word = text_of(&what);
  if (IS(word, "echo")) return value_of(outcome, value);
  if (IS(word, "config")) return value_of(outcome, task->config);
  if (IS(word, "sure")) {
    words(outcome, "\"sure\"");
    outcome->confidence = (plugin_option_f64_t){true, 0.25};
    return true;
  }
  if (IS(word, "fault")) {
    put_bytes(&text, "", 1);
    text.len = 0;
    if (json_member(task->input, "code", &asked)) json_text(asked, &text);
    put_bytes(&text, "", 1);
    return fault(failure, (const char *)text.ptr, "as it was asked for");
  }
  // C has no standard output here: the log stands for it.
  if (IS(word, "log") || IS(word, "print")) {
    json_text(value, &text);
    text_t line = text_of(&text);
    menagerie_plugin_log_write(MENAGERIE_PLUGIN_LOG_LEVEL_INFO, &line);
    return words(outcome, IS(word, "log") ? "\"logged\"" : "\"printed\"");
  }
  if (IS(word, "random")) return random_numbers(outcome);
  if (IS(word, "time")) {
    text_t now;
    menagerie_plugin_clock_now(&now);
    put(&text, "[");
    put_number(&text, (uint64_t)menagerie_plugin_clock_now_ms());
    put(&text, ",");
    put_string(&text, now);
    put(&text, "]");
    return value_of(outcome, text_of(&text));
  }
  if (IS(word, "invocation")) return invocation(outcome);
  if (IS(word, "limits")) return limits(outcome);
  if (IS(word, "progress")) return progress(outcome);
  if (IS(word, "hints")) return hints(outcome);
  if (IS(word, "context")) return context(outcome, failure);
  if (IS(word, "attach")) {
    put_number(&text, task->attachments.len);
    value_of(outcome, text_of(&text));
    // They are the outcome's from here on.
    outcome->attachments = task->attachments;
    memset(&task->attachments, 0, sizeof task->attachments);
    return true;
  }
  if (IS(word, "extra")) {
    words(outcome, "\"extra\"");
    outcome->extra.ptr = grown(NULL, outcome->extra.len = 1, sizeof *outcome->extra.ptr);
    plugin_string_dup(&outcome->extra.ptr[0].f0, "note");
    plugin_string_dup(&outcome->extra.ptr[0].f1, "{\"n\":[1]}");
    return true;
  }
  if (IS(word, "later")) {
    fault(failure, "transient", "not yet");
    failure->retry_after_ms = (plugin_option_u32_t){true, 1500};
    failure->details.is_some = true;
    plugin_string_dup(&failure->details.val, "{\"place\":[1,2]}");
    return false;
  }
  if (IS(word, "last")) return last(outcome, failure);
  if (IS(word, "spin"))
    for (volatile uint32_t turn = 0;;) turn++;
  return fault(failure, "invalid-input", "`do` has to be one of those in cases.toml");
}
