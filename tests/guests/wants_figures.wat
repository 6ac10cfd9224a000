;; An agent that imports what only strategies have: how agents have fared.
;; world: wants-figures
;; kind: agent
(module
  (import "menagerie:plugin/figures@0.1.0" "agents" (func $agents (param i32)))
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
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $agents (i32.const 64))
    (call $answer))
)
