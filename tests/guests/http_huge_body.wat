;; Sends bodies that are larger than the grant, and than any host call, allows.
;; world: wants-http
;; kind: agent
(module
  (import "menagerie:plugin/http@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 400)
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
  (data (i32.const 1100) "POST")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param $input i32) (param $length i32) (param i32 i32 i32 i32 i32 i32) (result i32)
    ;; The input is the address, between quotes. A body of 1 MiB is too large for the grant, which it is told.
    (call $send (i32.const 1100) (i32.const 4)
      (i32.add (local.get $input) (i32.const 1)) (i32.sub (local.get $length) (i32.const 2))
      (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 1048576) (i32.const 0) (i32.const 0) (i32.const 4096))
    (if (i32.ne (i32.load8_u (i32.const 4096)) (i32.const 1)) (then unreachable))
    (if (i32.ne (i32.load (i32.const 4104)) (i32.const 9)) (then unreachable))
    ;; One of 24 MiB never gets so far.
    (call $send (i32.const 1100) (i32.const 4)
      (i32.add (local.get $input) (i32.const 1)) (i32.sub (local.get $length) (i32.const 2))
      (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 25165824) (i32.const 0) (i32.const 0) (i32.const 4096))
    (call $answer))
)
