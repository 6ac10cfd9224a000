;; Finds fault with any configuration as soon as the flow has an agent. Of a text it finds 200 000
;; things wrong.
;; world: checked-agent-plugin
;; kind: agent
(module
  (memory (export "memory") 128)
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
  (data (i32.const 1040) "{}")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 8) (i32.const 1040))
    (i32.store (i32.const 12) (i32.const 2))
    (i32.const 0))
  (func (export "menagerie:plugin/config-check@0.1.0#check")
    (param $config i32) (param $length i32) (param $agents i32) (param $count i32) (result i32)
    (call $spin_if_asked (local.get $config))
    (if (i32.eq (i32.load8_u (local.get $config)) (i32.const 34))
      (then
        ;; Where nothing was ever written: as many problems as one likes, all of them empty.
        (i32.store (i32.const 0) (i32.const 65536))
        (i32.store (i32.const 4) (i32.const 200000))
        (return (i32.const 0))))
    ;; One problem at 16: the first agent's name points to it, at byte 7, and the message is the configuration.
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.ne (local.get $count) (i32.const 0)))
    (i32.store (i32.const 16) (i32.load (local.get $agents)))
    (i32.store (i32.const 20) (i32.load (i32.add (local.get $agents) (i32.const 4))))
    (i32.store (i32.const 24) (i32.const 1))
    (i32.store (i32.const 28) (i32.const 7))
    (i32.store (i32.const 32) (local.get $config))
    (i32.store (i32.const 36) (local.get $length))
    (i32.const 0))
)
