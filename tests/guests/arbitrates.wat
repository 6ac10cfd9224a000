;; An arbiter for whom the second member is right, and the place where they differ the reason. With a text for its
;; configuration it chooses a member that nobody gave it, by a name that is one letter short.
;; world: arbiter-plugin
;; kind: arbiter
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
  (func (export "menagerie:plugin/arbiter@0.1.0#arbitrate")
    (param $results i32) (param i32) (param $differences i32) (param i32) (param $config i32) (param i32) (result i32)
    (call $spin_if_asked (local.get $config))
    (i32.store (i32.const 12) (i32.load (i32.add (local.get $results) (i32.const 104))))
    (i32.store (i32.const 16) (i32.sub
      (i32.load (i32.add (local.get $results) (i32.const 108)))
      (i32.eq (i32.load8_u (local.get $config)) (i32.const 34))))
    (i32.store (i32.const 20) (i32.load (local.get $differences)))
    (i32.store (i32.const 24) (i32.load (i32.add (local.get $differences) (i32.const 4))))
    (i32.const 0))
)
