;; A strategy of groups that waits for all, for the reason that it was asked for; surer than sure where its
;; configuration has anything in it.
;; world: group-strategy-plugin
;; kind: group-strategy
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
  (data (i32.const 1024) "{}")
  (func (export "menagerie:plugin/group-strategy@0.1.0#decide")
    (param $decision i32) (param $trigger i32) (param $trigger_length i32) (param $input i32) (param i32)
    (param $config i32) (param $config_length i32) (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $spin_if_asked (local.get $config))
    (i32.store8 (i32.const 24) (i32.const 1))
    (i32.store (i32.const 84) (local.get $trigger))
    (i32.store (i32.const 88) (local.get $trigger_length))
    (f64.store (i32.const 96)
      (select (f64.const 17) (f64.const 0.5) (i32.gt_u (local.get $config_length) (i32.const 2))))
    (i32.store (i32.const 104) (i32.const 1024))
    (i32.store (i32.const 108) (i32.const 2))
    (i32.const 0))
)
