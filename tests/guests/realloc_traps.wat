;; Traps when it is to make room for its arguments.
;; world: agent-plugin
;; kind: agent
(module
  (memory (export "memory") 16)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    unreachable)
  ;; An outcome whose output is the text at 1024.
  (data (i32.const 1024) "{\"answer\":42}")
  (func $answer (result i32)
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.const 13))
    (i32.const 0))
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $answer))
)
