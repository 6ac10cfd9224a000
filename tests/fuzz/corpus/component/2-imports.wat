(component
  (type $level (enum "debug" "error"))
  (import "menagerie:plugin/types@0.1.0" (instance $types
    (type $t (record (field "a" string) (field "b" (option u32))))
    (export "task" (type (eq $t)))))
  (import "menagerie:plugin/log@0.1.0" (instance $log
    (export "log" (func (param "text" string)))))
  (alias export $log "log" (func $write))
  (core module $memory (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))
  (core instance $memory (instantiate $memory))
  (core func $lowered (canon lower (func $write) (memory $memory "memory")))
  (instance $strategy)
  (export "menagerie:plugin/strategy@0.1.0" (instance $strategy))
  (@custom "menagerie:manifest" "{\"name\":\"s\",\"version\":\"1\",\"kind\":\"strategy\"}"))
