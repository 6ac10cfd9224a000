;; Asks for as many random bytes as it may, as often as it may, and keeps none.
;; world: agent-plugin
;; kind: agent
(module
  (import "menagerie:plugin/random@0.1.0" "bytes" (func $random (param i32 i32)))
  (memory (export "memory") 16)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 65536))
  ;; An outcome whose output is the text at 1024.
  (data (i32.const 1024) "{\"answer\":42}")
  (func $answer (result i32)
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.const 13))
    (i32.const 0))
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $again (call $random (i32.const 65536) (i32.const 64)) (br $again))
    (call $answer))
)
