;; Grows four memories in turn: none can outgrow the limit by itself, since its type lets it have half of
;; that, and their sum does.
;; world: agent-plugin
;; kind: agent
(module
  (memory (export "memory") 16 512)
  (memory $second 0 512)
  (memory $third 0 512)
  (memory $fourth 0 512)
  (global $free (mut i32) (i32.const 4096))
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
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $again
      (drop (memory.grow 0 (i32.const 16)))
      (drop (memory.grow $second (i32.const 16)))
      (drop (memory.grow $third (i32.const 16)))
      (drop (memory.grow $fourth (i32.const 16)))
      (br $again))
    (call $answer))
)
