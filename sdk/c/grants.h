// What the steps of a run share, its files, and the outside, for projects that ask for them under `grants`; menagerie.h includes
// this. Functions answer false where the host has no answer, and say why in `problem`, which may be NULL.
#ifndef MENAGERIE_GRANTS_H
#define MENAGERIE_GRANTS_H

// Why the host has no answer: a code that the contract documents, and words for a person.
typedef struct {
  text_t code, message;
} problem_t;

typedef menagerie_plugin_types_artifact_ref_t artifact_t;

static inline text_t text_from(const char *text) { return (text_t){(uint8_t *)text, strlen(text)}; }

// A file that goes with an outcome, after `answer`: one that was made, or one of `task->attachments`, which agents alone are
// given: a strategy's view has none.
static inline bool attach(outcome_t *outcome, const artifact_t *file) {
  outcome->attachments.ptr =
      grown(outcome->attachments.ptr, ++outcome->attachments.len, sizeof *outcome->attachments.ptr);
  artifact_t *one = &outcome->attachments.ptr[outcome->attachments.len - 1];
  plugin_string_dup_n(&one->id, (const char *)file->id.ptr, file->id.len);
  plugin_string_dup_n(&one->media_type, (const char *)file->media_type.ptr, file->media_type.len);
  plugin_string_dup_n(&one->digest, (const char *)file->digest.ptr, file->digest.len);
  return true;
}

// Ends by a fault that says what the problem says.
static inline bool fault_of(fault_t *failure, const char *code, const problem_t *problem) {
  memset(failure, 0, sizeof *failure);
  plugin_string_dup(&failure->code, code);
  plugin_string_dup_n(&failure->message, (const char *)problem->message.ptr, problem->message.len);
  return false;
}

#define MENAGERIE_TELL(problem, of) \
  if ((problem) != NULL) *(problem) = (problem_t){(of).code, (of).message}

#ifdef MENAGERIE_WITH_SHARED
// A value that the run's steps share; version 0 where it was never set.
typedef struct {
  uint32_t version;
  text_t json;
} shared_t;

static inline shared_t shared_from(const menagerie_plugin_shared_option_versioned_t *found) {
  return found->is_some ? (shared_t){found->val.version, found->val.value} : (shared_t){0};
}

static inline bool shared_get(const char *key, shared_t *value, problem_t *problem) {
  text_t name = text_from(key);
  menagerie_plugin_shared_option_versioned_t found = {0};
  menagerie_plugin_shared_problem_t refused = {0};
  if (!menagerie_plugin_shared_get(&name, &found, &refused)) {
    MENAGERIE_TELL(problem, refused);
    return false;
  }
  *value = shared_from(&found);
  return true;
}

static inline bool shared_refused(const menagerie_plugin_shared_refusal_t *refused, shared_t *value, problem_t *problem) {
  if (refused->tag == MENAGERIE_PLUGIN_SHARED_REFUSAL_CONFLICT) {
    *value = shared_from(&refused->val.conflict);
    if (problem != NULL) *problem = (problem_t){text_from("conflict"), text_from("another step has changed it")};
  } else {
    MENAGERIE_TELL(problem, refused->val.problem);
  }
  return false;
}

// Sets a value that has the version of `value`, and gives `value` its new version. False with the code "conflict" where it has
// another version by now, which is in `value` then.
static inline bool shared_set(const char *key, shared_t *value, text_t json, problem_t *problem) {
  text_t name = text_from(key);
  menagerie_plugin_shared_refusal_t refused = {0};
  uint32_t expected = value->version, version = 0;
  if (menagerie_plugin_shared_compare_and_set(&name, expected > 0 ? &expected : NULL, &json, &version, &refused)) {
    *value = (shared_t){version, json};
    return true;
  }
  return shared_refused(&refused, value, problem);
}

// Takes a value away that has the version of `value`, whose version is 0 then. What is set under its key later goes on counting
// from there. False as `shared_set` is.
static inline bool shared_delete(const char *key, shared_t *value, problem_t *problem) {
  text_t name = text_from(key);
  menagerie_plugin_shared_refusal_t refused = {0};
  if (!menagerie_plugin_shared_delete(&name, value->version, &refused)) return shared_refused(&refused, value, problem);
  *value = (shared_t){0};
  return true;
}
#endif

#ifdef MENAGERIE_WITH_ARTIFACTS
typedef menagerie_plugin_artifacts_artifact_info_t artifact_info_t;

// Makes a file of the run; the same name again is another version. `attach` hands it on.
static inline bool artifact_put(const char *name, const char *media_type, text_t content, artifact_t *made, problem_t *problem) {
  text_t called = text_from(name), type = text_from(media_type);
  plugin_list_u8_t bytes = {content.ptr, content.len};
  menagerie_plugin_artifacts_problem_t refused = {0};
  if (menagerie_plugin_artifacts_put(&called, &type, &bytes, made, &refused)) return true;
  MENAGERIE_TELL(problem, refused);
  return false;
}

// What there is to say of a file of this run: `name`, `version`, `size`, `artifact`.
static inline bool artifact_stat(text_t id, artifact_info_t *info, problem_t *problem) {
  menagerie_plugin_artifacts_problem_t refused = {0};
  if (menagerie_plugin_artifacts_stat(&id, info, &refused)) return true;
  MENAGERIE_TELL(problem, refused);
  return false;
}

// At most `length` bytes, and at most 1 MiB, from `offset`; fewer only at the end.
static inline bool artifact_get(text_t id, uint32_t offset, uint32_t length, text_t *content, problem_t *problem) {
  plugin_list_u8_t bytes = {0};
  menagerie_plugin_artifacts_problem_t refused = {0};
  if (!menagerie_plugin_artifacts_get(&id, offset, length, &bytes, &refused)) {
    MENAGERIE_TELL(problem, refused);
    return false;
  }
  *content = (text_t){bytes.ptr, bytes.len};
  return true;
}
#endif

#ifdef MENAGERIE_WITH_HTTP
typedef menagerie_plugin_http_request_t http_request_t;
typedef menagerie_plugin_http_response_t response_t;

// A request without headers and body; texts are not copied.
static inline http_request_t http_request(const char *method, const char *url) {
  return (http_request_t){.method = text_from(method), .url = text_from(url)};
}

static inline void http_header(http_request_t *request, const char *name, const char *value) {
  request->headers.ptr = grown(request->headers.ptr, ++request->headers.len, sizeof *request->headers.ptr);
  request->headers.ptr[request->headers.len - 1].f0 = text_from(name);
  request->headers.ptr[request->headers.len - 1].f1 = text_from(value);
}

static inline void http_body(http_request_t *request, text_t body) {
  request->body.ptr = body.ptr;
  request->body.len = body.len;
}

// Sends a request: `status`, `headers` and `body` of any answer.
static inline bool http_send(http_request_t *request, response_t *response, problem_t *problem) {
  menagerie_plugin_http_problem_t refused = {0};
  if (menagerie_plugin_http_send(request, response, &refused)) return true;
  MENAGERIE_TELL(problem, refused);
  return false;
}

// Asks for an address.
static inline bool http_get(const char *url, response_t *response, problem_t *problem) {
  http_request_t request = http_request("GET", url);
  return http_send(&request, response, problem);
}
#endif

#endif
