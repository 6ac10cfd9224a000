;; An aggregator whose answer is the output of the second member; with fewer it faults.
;; world: aggregator-plugin
;; kind: aggregator
(module
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  ;; A configuration that begins like a list asks for no answer at all.
  (func $spin_if_asked (param $config i32)
    (if (i32.eq (i32.load8_u (local.get $config)) (i32.const 91))
      (then (loop $again (br $again)))))
  (data (i32.const 1024) "invalid-input")
  (func (export "menagerie:plugin/aggregator@0.1.0#aggregate")
    (param $results i32) (param $count i32) (param $config i32) (param i32) (result i32)
    (call $spin_if_asked (local.get $config))
    (if (i32.lt_u (local.get $count) (i32.const 2))
      (then
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store (i32.const 8) (i32.const 1024))
        (i32.store (i32.const 12) (i32.const 13))
        (return (i32.const 0))))
    ;; A member's result has 104 bytes; its output is an option at 16.
    (i32.store (i32.const 8) (i32.load (i32.add (local.get $results) (i32.const 124))))
    (i32.store (i32.const 12) (i32.load (i32.add (local.get $results) (i32.const 128))))
    (i32.const 0))
)
