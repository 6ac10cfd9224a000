;; Writes a line to standard output again and again.
;; world: uses-wasi
;; kind: agent
(module
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (memory (export "memory") 16)
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
  (data (i32.const 2048) "again and again\0a")
  (func (export "menagerie:plugin/agent@0.1.0#process") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $out i32)
    (local.set $out (call $stdout))
    (loop $again
      (call $write (local.get $out) (i32.const 2048) (i32.const 16) (i32.const 64))
      (br $again))
    (unreachable))
)
