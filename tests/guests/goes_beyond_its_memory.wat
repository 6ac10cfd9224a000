;; Leaves something in memory that it has grown, looks there for what another call has left, or goes beyond
;; the end of what it has; which of them, the length of its input says. Its memory is used again and again.
;; world: agent-plugin
;; kind: agent
(module
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (data (i32.const 1024) "[0]")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32) (param $length i32) (param i32 i32 i32 i32 i32 i32) (result i32)
    (local $at i32)
    ;; 1: leaves a byte in each place of 64 pages more.
    (if (i32.eq (local.get $length) (i32.const 1))
      (then
        (drop (memory.grow (i32.const 64)))
        (memory.fill (i32.const 1048576) (i32.const 0xAA) (i32.const 4194304))))
    ;; 2: looks whether there is anything in them.
    (if (i32.eq (local.get $length) (i32.const 2))
      (then
        (drop (memory.grow (i32.const 64)))
        (local.set $at (i32.const 1048576))
        (loop $next
          (if (i64.ne (i64.load (local.get $at)) (i64.const 0))
            (then (i32.store8 (i32.const 1025) (i32.const 49))))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $next (i32.lt_u (local.get $at) (i32.const 5242880))))))
    ;; 3 to 7: reads, writes, copies, reads across the end, and reads as far as an address and an offset go.
    (if (i32.eq (local.get $length) (i32.const 3))
      (then (drop (i64.load (i32.const 2097152)))))
    (if (i32.eq (local.get $length) (i32.const 4))
      (then (i64.store (i32.const 2097152) (i64.const 1))))
    (if (i32.eq (local.get $length) (i32.const 5))
      (then (memory.copy (i32.const 0) (i32.const 2097152) (i32.const 64))))
    (if (i32.eq (local.get $length) (i32.const 6))
      (then (drop (i64.load (i32.const 1048575)))))
    (if (i32.eq (local.get $length) (i32.const 7))
      (then (drop (i64.load offset=4294967295 (i32.const -1)))))
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.const 3))
    (i32.const 0))
)
