// What each kind of plugin is written with; menagerie.h includes this. Which kind the project is, and what it exports
// beside, stands in project.h, which `menagerie build` writes.
#ifndef MENAGERIE_KINDS_H
#define MENAGERIE_KINDS_H

#define IS(text, word) ((text).len == sizeof(word) - 1 && memcmp((text).ptr, word, sizeof(word) - 1) == 0)

#ifdef MENAGERIE_AGENT
// bool AGENT(task, outcome, failure) { … return answer(outcome, json); }
#define AGENT(task, outcome, failure) \
  bool exports_menagerie_plugin_agent_process(task_t *task, outcome_t *outcome, fault_t *failure)
#endif

#ifdef MENAGERIE_COMPENSATE
// Undoes a step that completed: ends by `return true` or by `fault`.
#define COMPENSATE(task, outcome, failure) \
  bool exports_menagerie_plugin_compensate_compensate(task_t *task, outcome_t *outcome, fault_t *failure)
#endif

#ifdef MENAGERIE_CONFIG_CHECK
typedef exports_menagerie_plugin_config_check_list_config_problem_t problems_t;

// Looks at the configuration before a run, and adds what is wrong with it to `problems`, which begin empty.
#define CHECK(config, agents, problems)                                                                        \
  static void menagerie_check(text_t *config, plugin_list_string_t *agents, problems_t *problems);             \
  void exports_menagerie_plugin_config_check_check(text_t *given, plugin_list_string_t *names, problems_t *to) { \
    memset(to, 0, sizeof *to);                                                                                 \
    menagerie_check(given, names, to);                                                                         \
  }                                                                                                            \
  static void menagerie_check(text_t *config, plugin_list_string_t *agents, problems_t *problems)

// `pointer` is an RFC 6901 JSON pointer, such as "/least".
static inline void problem(problems_t *problems, const char *pointer, const char *message) {
  exports_menagerie_plugin_config_check_config_problem_t *one;
  problems->ptr = grown(problems->ptr, ++problems->len, sizeof *one);
  one = &problems->ptr[problems->len - 1];
  memset(one, 0, sizeof *one);
  plugin_string_dup(&one->pointer, pointer);
  plugin_string_dup(&one->message, message);
}
#endif

#ifdef MENAGERIE_AGGREGATOR
typedef exports_menagerie_plugin_aggregator_list_member_result_t members_t;

// Ends by `answer` or `fault`, as an agent does.
#define AGGREGATOR(members, config, outcome, failure)                                                        \
  bool exports_menagerie_plugin_aggregator_aggregate(members_t *members, text_t *config, outcome_t *outcome, \
                                                     fault_t *failure)
#endif

#ifdef MENAGERIE_ARBITER
typedef exports_menagerie_plugin_arbiter_list_member_result_t members_t;
typedef exports_menagerie_plugin_arbiter_list_difference_t differences_t;
typedef exports_menagerie_plugin_arbiter_verdict_t verdict_t;

// Ends by `choose`, `synthesize` or `fault`.
#define ARBITER(members, differences, config, verdict, failure)                                                    \
  bool exports_menagerie_plugin_arbiter_arbitrate(members_t *members, differences_t *differences, text_t *config, \
                                                  verdict_t *verdict, fault_t *failure)

// One member's result stands.
static inline bool choose(verdict_t *verdict, text_t member, const char *reason) {
  memset(verdict, 0, sizeof *verdict);
  verdict->ruling.tag = EXPORTS_MENAGERIE_PLUGIN_ARBITER_RULING_CHOSEN;
  plugin_string_dup_n(&verdict->ruling.val.chosen.member, (const char *)member.ptr, member.len);
  plugin_string_dup(&verdict->ruling.val.chosen.reason, reason);
  return true;
}

// A result made out of several.
static inline bool synthesize(verdict_t *verdict, text_t json, const char *reason) {
  memset(verdict, 0, sizeof *verdict);
  verdict->ruling.tag = EXPORTS_MENAGERIE_PLUGIN_ARBITER_RULING_SYNTHESIZED;
  plugin_string_dup_n(&verdict->ruling.val.synthesized.output, (const char *)json.ptr, json.len);
  plugin_string_dup(&verdict->ruling.val.synthesized.reason, reason);
  return true;
}
#endif

#ifdef MENAGERIE_STRATEGY
typedef exports_menagerie_plugin_strategy_view_t view_t;
typedef exports_menagerie_plugin_strategy_decision_t decision_t;
typedef exports_menagerie_plugin_strategy_step_request_t request_t;
#define MENAGERIE_TARGET agent

// Begins by `decide`, then `start`s or `end`s, and ends by `return true` or by `fault`.
#define STRATEGY(view, decision, failure) \
  bool exports_menagerie_plugin_strategy_decide(view_t *view, decision_t *decision, fault_t *failure)
#endif

#ifdef MENAGERIE_GROUP_STRATEGY
typedef exports_menagerie_plugin_group_strategy_group_view_t view_t;
typedef exports_menagerie_plugin_group_strategy_group_decision_t decision_t;
typedef exports_menagerie_plugin_group_strategy_pipeline_request_t request_t;
#define MENAGERIE_TARGET pipeline

// As a strategy; what it starts are pipelines.
#define GROUP_STRATEGY(view, decision, failure) \
  bool exports_menagerie_plugin_group_strategy_decide(view_t *view, decision_t *decision, fault_t *failure)
#endif

#ifdef MENAGERIE_TARGET
// A decision that starts nothing; the next question comes when all that runs has ended.
static inline void decide(decision_t *decision) {
  memset(decision, 0, sizeof *decision);
  decision->wake.tag = MENAGERIE_PLUGIN_ROUTING_WAKE_ALL_FINISHED;
  decision->confidence = 1;
  plugin_string_dup(&decision->metadata, "{}");
}

// Starts an agent or a pipeline, each once in a decision. `kind` is "route", "retry", "skip" or "escalate". The step's id is
// the name, with the decision's number behind it after the first.
static inline request_t *start_as(decision_t *decision, const view_t *view, text_t name, const char *kind, const char *reason) {
  decision->start.ptr = grown(decision->start.ptr, ++decision->start.len, sizeof *decision->start.ptr);
  request_t *step = &decision->start.ptr[decision->start.len - 1];
  memset(step, 0, sizeof *step);
  buffer_t id = {0};
  put_bytes(&id, name.ptr, name.len);
  if (view->decision > 1) {
    put(&id, "#");
    put_number(&id, view->decision);
  }
  plugin_string_dup_n(&step->id, (const char *)id.ptr, id.len);
  free(id.ptr);
  plugin_string_dup_n(&step->MENAGERIE_TARGET, (const char *)name.ptr, name.len);
  plugin_string_dup(&step->kind, kind);
  plugin_string_dup(&step->reason, reason);
  return step;
}

static inline request_t *start(decision_t *decision, const view_t *view, text_t name) {
  return start_as(decision, view, name, "route", "");
}

// Ends the run: "completed", with the run's state as its output, or "failed".
static inline void end(decision_t *decision, const char *status, const char *reason) {
  decision->end.is_some = true;
  plugin_string_dup(&decision->end.val.status, status);
  plugin_string_dup(&decision->end.val.reason, reason);
}
#endif

#endif
