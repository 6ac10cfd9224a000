;; Adds to its own context until it is refused, and answers.
;; world: agent-plugin
;; kind: agent
(module
  (import "menagerie:plugin/invocation@0.1.0" "context-put" (func $put (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  ;; An outcome whose output is the text at 1024.
  (data (i32.const 1024) "{\"answer\":42}")
  (func $answer (result i32)
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.const 13))
    (i32.const 0))
  (data (i32.const 1100) "\"")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    ;; A text of 600 000 bytes under the name "an", and then under "ns", which is too much.
    (memory.fill (i32.const 300000) (i32.const 0x61) (i32.const 600000))
    (i32.store8 (i32.const 300000) (i32.const 0x22))
    (i32.store8 (i32.const 899999) (i32.const 0x22))
    (call $put (i32.const 1026) (i32.const 2) (i32.const 300000) (i32.const 600000) (i32.const 64))
    (if (i32.load8_u (i32.const 64)) (then unreachable))
    (call $put (i32.const 1027) (i32.const 2) (i32.const 300000) (i32.const 600000) (i32.const 64))
    (if (i32.eqz (i32.load8_u (i32.const 64))) (then unreachable))
    (call $put (i32.const 1028) (i32.const 2) (i32.const 1100) (i32.const 1) (i32.const 64))
    (if (i32.eqz (i32.load8_u (i32.const 64))) (then unreachable))
    (call $answer))
)
