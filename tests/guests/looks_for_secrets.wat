;; Asks for an address and then looks through all of its memory for a text that it should not have.
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
  (data (i32.const 1100) "GET")
  ;; `canary-5f1d`, each byte with 0x55 laid over it, so that the memory does not hold it from the start.
  (data (i32.const 1200) "\36\34\3b\34\27\2c\78\60\33\64\31")
  ;; Whether there was a problem, and whether the text was found.
  (data (i32.const 2000) "[0,0]")
  (func $is_at (param $at i32) (result i32)
    (local $of i32)
    (loop $next
      (if (i32.ne
            (i32.load8_u (i32.add (local.get $at) (local.get $of)))
            (i32.xor (i32.load8_u offset=1200 (local.get $of)) (i32.const 0x55)))
        (then (return (i32.const 0))))
      (local.set $of (i32.add (local.get $of) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $of) (i32.const 11))))
    (i32.const 1))
  (func (export "menagerie:plugin/agent@0.1.0#process") (param $input i32) (param $length i32) (param i32 i32 i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local $end i32)
    (call $send (i32.const 1100) (i32.const 3)
      (i32.add (local.get $input) (i32.const 1)) (i32.sub (local.get $length) (i32.const 2))
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4096))
    (i32.store8 (i32.const 2001) (i32.add (i32.const 48) (i32.load8_u (i32.const 4096))))
    (local.set $end (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 11)))
    (loop $next
      (if (call $is_at (local.get $at))
        (then (i32.store8 (i32.const 2003) (i32.const 49))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.le_u (local.get $at) (local.get $end))))
    (i32.store (i32.const 8) (i32.const 2000))
    (i32.store (i32.const 12) (i32.const 5))
    (i32.const 0))
)
