;; A strategy that is surer than sure.
;; world: strategy-plugin
;; kind: strategy
(module
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  ;; A decision with nothing in it but metadata and how sure it is.
  (data (i32.const 1024) "{}")
  (func $decision (param $confidence f64) (result i32)
    (i32.store8 (i32.const 32) (i32.const 1))
    (f64.store (i32.const 88) (local.get $confidence))
    (i32.store (i32.const 96) (i32.const 1024))
    (i32.store (i32.const 100) (i32.const 2))
    (i32.const 0))
  (func (export "menagerie:plugin/strategy@0.1.0#decide") (param i32) (result i32)
    (call $decision (f64.const 17)))
)
