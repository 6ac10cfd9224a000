// Compares the checksums of a lock file with those of the archives that are here.
//
// Input: the run's state with the answer of `lockfile`, and under `archives` what `sha256sum *.crate` says: a line for each
// archive, its digest, two spaces, its name. Output: one object under `checksums`.
#include "menagerie.h"

// One line of `archives`, within its text.
typedef struct {
  const uint8_t *name;
  size_t len;
  const uint8_t *digest;
} archive_t;

enum { DIGEST = 64 };

static int by_name(const void *one, const void *two) {
  const archive_t *left = one, *right = two;
  size_t least = left->len < right->len ? left->len : right->len;
  int order = memcmp(left->name, right->name, least);
  return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

static bool is_digest(const uint8_t *at, size_t len) {
  if (len != DIGEST) return false;
  for (size_t place = 0; place < len; place++)
    if (!((at[place] >= '0' && at[place] <= '9') || (at[place] >= 'a' && at[place] <= 'f'))) return false;
  return true;
}

// Reads the lines into a list by name, and counts those that are none; the list is the caller's.
static archive_t *read_archives(const buffer_t *text, size_t *count, uint64_t *unreadable) {
  size_t lines = 1;
  for (size_t at = 0; at < text->len; at++) lines += text->ptr[at] == '\n';
  archive_t *list = calloc(lines, sizeof *list);
  if (list == NULL) abort();
  *count = 0;
  for (const uint8_t *at = text->ptr, *end = text->ptr + text->len; at < end;) {
    const uint8_t *line = at;
    while (at < end && *at != '\n') at++;
    size_t len = (size_t)(at++ - line);
    // The name stands behind two spaces, or behind a space and the star of a binary file.
    if (len > DIGEST + 2 && line[DIGEST] == ' ' && is_digest(line, DIGEST))
      list[(*count)++] = (archive_t){line + DIGEST + 2, len - DIGEST - 2, line};
    else if (len > 0)
      ++*unreadable;
  }
  qsort(list, *count, sizeof *list, by_name);
  return list;
}

static bool begins(const buffer_t *text, const char *with) {
  size_t len = strlen(with);
  return text->len >= len && memcmp(text->ptr, with, len) == 0;
}

static bool text_member(text_t object, const char *name, buffer_t *to) {
  text_t value;
  to->len = 0;
  return json_member(object, name, &value) && json_text(value, to);
}

static void put_package(buffer_t *list, const buffer_t *name, const buffer_t *version) {
  buffer_t id = {0};
  put_bytes(&id, name->ptr, name->len);
  put(&id, " ");
  put_bytes(&id, version->ptr, version->len);
  put(list, list->len > 0 ? ",{\"package\":" : "{\"package\":");
  put_string(list, text_of(&id));
  free(id.ptr);
}

static void put_digest(buffer_t *list, const char *name, const void *digest, size_t len) {
  put(list, ",\"");
  put(list, name);
  put(list, "\":");
  put_string(list, (text_t){(uint8_t *)digest, len});
}

static void put_field(buffer_t *json, const char *name, uint64_t number) {
  put(json, ",\"");
  put(json, name);
  put(json, "\":");
  put_number(json, number);
}

AGENT(task, outcome, failure) {
  text_t lock, packages, value;
  buffer_t archives = {0};
  if (!json_member(task->input, "lockfile", &lock) || !json_member(lock, "packages", &packages) || !json_is_list(packages))
    return fault(failure, "invalid-input", "`lockfile.packages` is no list of packages; expected the answer of the agent `lockfile`");
  if (!json_member(task->input, "archives", &value) || !json_text(value, &archives))
    return fault(failure, "invalid-input", "`archives` is no text; expected what `sha256sum *.crate` says");

  size_t count;
  uint64_t unreadable = 0, verified = 0, absent = 0, elsewhere = 0;
  archive_t *list = read_archives(&archives, &count, &unreadable);
  buffer_t name = {0}, version = {0}, source = {0}, checksum = {0}, file = {0}, wrong = {0}, without = {0};
  text_t package;
  for (const uint8_t *at = NULL; json_next(packages, &at, &package);) {
    if (!text_member(package, "name", &name) || !text_member(package, "version", &version))
      return fault(failure, "invalid-input", "a package of `lockfile.packages` has no name or no version");
    // What comes from git or from the workspace has no archive.
    if (!text_member(package, "source", &source) || (!begins(&source, "registry+") && !begins(&source, "sparse+"))) {
      elsewhere++;
      continue;
    }
    if (!text_member(package, "checksum", &checksum) || !is_digest(checksum.ptr, checksum.len)) {
      put_package(&without, &name, &version);
      put(&without, "}");
      continue;
    }
    file.len = 0;
    put_bytes(&file, name.ptr, name.len);
    put(&file, "-");
    put_bytes(&file, version.ptr, version.len);
    put(&file, ".crate");
    archive_t wanted = {file.ptr, file.len, NULL};
    const archive_t *found = count > 0 ? bsearch(&wanted, list, count, sizeof *list, by_name) : NULL;
    if (found == NULL) {
      absent++;
    } else if (memcmp(found->digest, checksum.ptr, DIGEST) == 0) {
      verified++;
    } else {
      put_package(&wrong, &name, &version);
      put_digest(&wrong, "lock", checksum.ptr, DIGEST);
      put_digest(&wrong, "archive", found->digest, DIGEST);
      put(&wrong, "}");
    }
  }
  free(list);

  log_info(wrong.len > 0 ? "an archive is not what the lock file says" : "every archive that is here is what the lock file says");
  buffer_t json = {0};
  put(&json, "{\"checksums\":{\"verified\":");
  put_number(&json, verified);
  put_field(&json, "absent", absent);
  put_field(&json, "elsewhere", elsewhere);
  put_field(&json, "unreadable_lines", unreadable);
  put(&json, ",\"wrong\":[");
  put_bytes(&json, wrong.ptr, wrong.len);
  put(&json, "],\"without_checksum\":[");
  put_bytes(&json, without.ptr, without.len);
  put(&json, "]}}");
  return answer(outcome, text_of(&json));
}
