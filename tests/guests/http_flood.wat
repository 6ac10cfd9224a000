;; Sends requests for as long as it is let.
;; world: wants-http
;; kind: agent
(module
  (import "menagerie:plugin/http@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 8192))
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
  (data (i32.const 1100) "GET")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param $input i32) (param $length i32) (param i32 i32 i32 i32 i32 i32) (result i32)
    (loop $again
      ;; What the host allocates for answers is thrown away.
      (global.set $free (i32.const 16384))
      (call $send (i32.const 1100) (i32.const 3)
        (i32.add (local.get $input) (i32.const 1)) (i32.sub (local.get $length) (i32.const 2))
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4096))
      (br $again))
    (call $answer))
)
