;; Answers with a random number and logs the time.
;; world: agent-plugin
;; kind: agent
(module
  (import "menagerie:plugin/random@0.1.0" "next-u32" (func $random (result i32)))
  (import "menagerie:plugin/clock@0.1.0" "now" (func $now (param i32)))
  (import "menagerie:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (data (i32.const 1024) "0123456789abcdef")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $number i32) (local $at i32)
    ;; The time into the log, and a random number in eight hexadecimal digits as the output.
    (call $now (i32.const 64))
    (call $log (i32.const 2) (i32.load (i32.const 64)) (i32.load (i32.const 68)))
    (local.set $number (call $random))
    (i32.store8 (i32.const 2000) (i32.const 0x22))
    (local.set $at (i32.const 2001))
    (loop $again
      (i32.store8 (local.get $at)
        (i32.load8_u (i32.add (i32.const 1024) (i32.and (local.get $number) (i32.const 15)))))
      (local.set $number (i32.shr_u (local.get $number) (i32.const 4)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $at) (i32.const 2009))))
    (i32.store8 (i32.const 2009) (i32.const 0x22))
    (i32.store (i32.const 8) (i32.const 2000))
    (i32.store (i32.const 12) (i32.const 10))
    (i32.const 0))
)
