// The words of menagerie plugins in C. `menagerie build` puts this file beside the bindings of `wit/` (plugin.h), which
// has every type and every function of the host; here is what makes them short.
//
// A plugin is one function, written behind AGENT, STRATEGY, AGGREGATOR, … (kinds.h): an agent ends by `answer` or by `fault`.
#ifndef MENAGERIE_H
#define MENAGERIE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "project.h"

typedef menagerie_plugin_types_task_t task_t;
typedef menagerie_plugin_types_outcome_t outcome_t;
typedef menagerie_plugin_types_fault_t fault_t;

// Bytes and their number; not ended by a nought.
typedef plugin_string_t text_t;

// Answers with a JSON document, which is copied.
static inline bool answer(outcome_t *outcome, text_t json) {
  memset(outcome, 0, sizeof *outcome);
  plugin_string_dup_n(&outcome->output, (const char *)json.ptr, json.len);
  return true;
}

// Answers that it did not succeed: "invalid-input", "transient", "permanent", "denied" or "escalate".
static inline bool fault(fault_t *failure, const char *code, const char *message) {
  memset(failure, 0, sizeof *failure);
  plugin_string_dup(&failure->code, code);
  // The host takes no longer message. One that is cut ends where a character does.
  const char *end = memchr(message, 0, 65536 + 1);
  size_t len = end != NULL ? (size_t)(end - message) : 65536 + 1;
  if (len > 65536) {
    len = 65536;
    while ((message[len] & 0xC0) == 0x80) len -= 1;
  }
  plugin_string_dup_n(&failure->message, message, len);
  return false;
}

static inline void log_info(const char *message) {
  text_t text = {(uint8_t *)message, strlen(message)};
  menagerie_plugin_log_write(MENAGERIE_PLUGIN_LOG_LEVEL_INFO, &text);
}

// A list with room for so many items of that size. What was there is kept.
static inline void *grown(void *list, size_t items, size_t size) {
  list = realloc(list, items * size);
  if (list == NULL) abort();
  return list;
}

// A text that grows. Begin with {0}.
typedef struct {
  uint8_t *ptr;
  size_t len, room;
} buffer_t;

static inline void put_bytes(buffer_t *to, const void *bytes, size_t len) {
  if (to->len + len > to->room) {
    size_t room = 2 * (to->len + len) + 64;
    to->ptr = grown(to->ptr, room, 1);
    to->room = room;
  }
  memcpy(to->ptr + to->len, bytes, len);
  to->len += len;
}

static inline void put(buffer_t *to, const char *text) { put_bytes(to, text, strlen(text)); }

static inline void put_number(buffer_t *to, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10); while ((number /= 10) != 0);
  put_bytes(to, digits + at, sizeof digits - at);
}

// Text as a JSON string, with its quotes.
static inline void put_string(buffer_t *to, text_t text) {
  static const char digits[] = "0123456789abcdef";
  put(to, "\"");
  for (size_t at = 0; at < text.len; at++) {
    uint8_t c = text.ptr[at];
    if (c == '"' || c == '\\') put(to, "\\");
    if (c >= 0x20) {
      put_bytes(to, &c, 1);
    } else {
      put(to, "\\u00");
      put_bytes(to, &digits[c >> 4], 1);
      put_bytes(to, &digits[c & 15], 1);
    }
  }
  put(to, "\"");
}

static inline text_t text_of(const buffer_t *buffer) { return (text_t){buffer->ptr, buffer->len}; }

// --- reading: the host has checked that a document is JSON ---

static inline const uint8_t *json_space(const uint8_t *at, const uint8_t *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

// Behind the string that begins here.
static inline const uint8_t *json_string_end(const uint8_t *at, const uint8_t *end) {
  for (at++; at < end && *at != '"'; at++)
    if (*at == '\\') at++;
  return at < end ? at + 1 : end;
}

// Behind the value that begins here.
static inline const uint8_t *json_value_end(const uint8_t *at, const uint8_t *end) {
  size_t depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = json_string_end(at, end);
      if (depth == 0) return at;
      continue;
    }
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    }
    if (*at == ',' && depth == 0) return at;
    at++;
  }
  return end;
}

// The member of that name in an object, as it is written; false where the document is no object or has none.
static inline bool json_member(text_t json, const char *name, text_t *value) {
  const uint8_t *end = json.ptr + json.len, *at = json_space(json.ptr, end);
  size_t length = strlen(name);
  if (at == end || *at != '{') return false;
  for (at = json_space(at + 1, end); at < end && *at == '"';) {
    const uint8_t *key = at + 1;
    at = json_string_end(at, end);
    bool found = (size_t)(at - 1 - key) == length && memcmp(key, name, length) == 0;
    at = json_space(at, end);
    if (at < end && *at == ':') at = json_space(at + 1, end);
    const uint8_t *from = at;
    at = json_value_end(at, end);
    if (found) {
      *value = (text_t){(uint8_t *)from, (size_t)(at - from)};
      return true;
    }
    at = json_space(at, end);
    if (at < end && *at == ',') at = json_space(at + 1, end);
  }
  return false;
}

static inline bool json_is_list(text_t json) {
  const uint8_t *end = json.ptr + json.len, *at = json_space(json.ptr, end);
  return at < end && *at == '[';
}

// The next item of a list, as it is written; `at` begins as NULL. False behind the last, and where there is no list.
static inline bool json_next(text_t json, const uint8_t **at, text_t *item) {
  const uint8_t *end = json.ptr + json.len;
  if (*at == NULL) {
    if (!json_is_list(json)) return false;
    *at = json_space(json.ptr, end) + 1;
  }
  const uint8_t *from = json_space(*at, end);
  if (from < end && *from == ',') from = json_space(from + 1, end);
  if (from >= end || *from == ']') return false;
  const uint8_t *behind = json_value_end(from, end);
  const uint8_t *last = behind;
  while (last > from && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\n' || last[-1] == '\r')) last--;
  *item = (text_t){(uint8_t *)from, (size_t)(last - from)};
  *at = behind;
  return true;
}

static inline uint32_t json_hex(const uint8_t *at) {
  uint32_t value = 0;
  for (int digit = 0; digit < 4; digit++) {
    uint8_t c = at[digit];
    value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return value;
}

static inline void put_character(buffer_t *to, uint32_t c) {
  uint8_t bytes[4];
  size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t at = length - 1; at > 0; at--, c >>= 6) bytes[at] = (uint8_t)(0x80 | (c & 0x3f));
  bytes[0] = (uint8_t)(lead[length] | c);
  put_bytes(to, bytes, length);
}

// What a JSON string says, in UTF-8; false where the value is no string.
static inline bool json_text(text_t value, buffer_t *to) {
  if (value.len < 2 || value.ptr[0] != '"') return false;
  for (const uint8_t *at = value.ptr + 1, *end = value.ptr + value.len - 1; at < end; at++) {
    if (*at != '\\') {
      put_bytes(to, at, 1);
      continue;
    }
    switch (*++at) {
      case 'b': put(to, "\b"); break;
      case 'f': put(to, "\f"); break;
      case 'n': put(to, "\n"); break;
      case 'r': put(to, "\r"); break;
      case 't': put(to, "\t"); break;
      case 'u': {
        uint32_t c = json_hex(at + 1);
        at += 4;
        // The host lets no half of a pair through.
        if (c >= 0xd800 && c < 0xdc00) {
          c = 0x10000 + ((c - 0xd800) << 10) + (json_hex(at + 3) - 0xdc00);
          at += 6;
        }
        put_character(to, c);
        break;
      }
      default: put_bytes(to, at, 1);
    }
  }
  return true;
}

#include "kinds.h"
#include "grants.h"

#endif
